#include "model/symbols.h"

#include "format/snapshot.h"
#include "model/debug_package.h"
#include "model/demangle.h"
#include "model/dwarf_lines.h"
#include "model/elf_file.h"
#include "model/elf_symbols.h"
#include "model/intern.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DEBUG_DIRECTORY "/usr/lib/debug"
#define DPKG_DIRECTORY  "/var/lib/dpkg/info"
#define DELETED_SUFFIX  " (deleted)"

struct module {
    enum symbols_source source;
    const char *name; /* without directories */
    struct elf_file main, debug;
    struct elf_symbols functions;
    struct dwarf_lines lines;
    char *debug_package;
    bool package_searched;
};

/* What an address means; frames with different callers share it. */
struct answer {
    struct answer_key {
        uint64_t address;
        uint64_t module; /* as in struct heap_frame */
    } key;
    struct symbol_list list;
    UT_hash_handle hh;
    struct symbol symbols[];
};

struct symbols {
    const struct heap *heap;
    const char *debug_directory;
    struct module *modules; /* as the heap has them */
    struct answer *answers;
    struct intern *strings;
};

struct symbols *symbols_create(const struct heap *heap)
{
    struct symbols *symbols = calloc(1, sizeof(*symbols));

    if (!symbols)
        return NULL;
    symbols->heap = heap;
    symbols->debug_directory = DEBUG_DIRECTORY;
    symbols->modules = calloc(heap->module_count + 1, sizeof(*symbols->modules));
    symbols->strings = intern_create();
    if (!symbols->modules || !symbols->strings) {
        symbols_destroy(symbols);
        return NULL;
    }
    return symbols;
}

void symbols_set_debug_directory(struct symbols *symbols, const char *directory)
{
    symbols->debug_directory = directory;
}

void symbols_destroy(struct symbols *symbols)
{
    struct answer *answer, *next;

    if (!symbols)
        return;
    HASH_ITER(hh, symbols->answers, answer, next) {
        HASH_DEL(symbols->answers, answer);
        free(answer);
    }
    for (size_t i = 0; symbols->modules && i < symbols->heap->module_count; i++) {
        struct module *module = &symbols->modules[i];

        dwarf_lines_finish(&module->lines);
        elf_symbols_finish(&module->functions);
        elf_file_close(&module->debug);
        elf_file_close(&module->main);
        free(module->debug_package);
    }
    free(symbols->modules);
    intern_destroy(symbols->strings);
    free(symbols);
}

int symbols_follow(struct symbols *symbols, const struct heap *newer)
{
    const struct heap *older = symbols->heap;
    struct module *modules;

    if (newer->module_count < older->module_count)
        return -EINVAL;
    for (size_t i = 0; i < older->module_count; i++) {
        const struct heap_module *a = &older->modules[i], *b = &newer->modules[i];

        if (a->start != b->start || a->generation != b->generation || strcmp(a->path, b->path) != 0)
            return -EINVAL;
    }
    modules = reallocarray(symbols->modules, newer->module_count + 1, sizeof(*modules));
    if (!modules)
        return -ENOMEM;
    memset(modules + older->module_count, 0,
           (newer->module_count - older->module_count) * sizeof(*modules));
    symbols->modules = modules;
    symbols->heap = newer;
    return 0;
}

/* The path of MODULE's file into PATH: what the kernel says of a deleted one is no
 * part of it. */
static void module_path(const struct heap_module *module, char path[PATH_MAX])
{
    size_t length, suffix = strlen(DELETED_SUFFIX);

    snprintf(path, PATH_MAX, "%s", module->path);
    length = strlen(path);
    if (length > suffix && strcmp(path + length - suffix, DELETED_SUFFIX) == 0)
        path[length - suffix] = 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Find out what can be known of the module INDEX. */
static struct module *open_module(struct symbols *symbols, size_t index)
{
    const struct heap_module *recorded = &symbols->heap->modules[index];
    struct module *module = &symbols->modules[index];
    struct build_id build_id = {recorded->build_id, recorded->build_id_size};
    enum elf_file_result result = ELF_FILE_MISSING;
    char path[PATH_MAX];

    if (module->source != SYMBOLS_UNREAD)
        return module;
    module_path(recorded, path);
    module->name = intern_string(symbols->strings, base_name(path));
    module->source = SYMBOLS_NONE;
    if (*path != '/')
        return module; /* "[vdso]": was never a file */

    /* Without a build-id, a file known to be another one has nothing to be told by. */
    if (build_id.size > 0 || !(recorded->flags & SNAPSHOT_MODULE_DELETED))
        result = elf_file_open(path, build_id, &module->main);
    if (!module->main.elf || !elf_file_has_section(module->main.elf, ".debug_info"))
        elf_file_open_debug(symbols->debug_directory, build_id, path, module->main.elf,
                            &module->debug);
    elf_symbols_init(&module->functions, module->main.elf, module->debug.elf);

    if ((module->debug.elf && dwarf_lines_init(&module->lines, module->debug.elf)) ||
        (module->main.elf && dwarf_lines_init(&module->lines, module->main.elf)))
        module->source = SYMBOLS_LINES;
    else if (module->functions.count > 0)
        module->source = SYMBOLS_FUNCTIONS;
    else if (result == ELF_FILE_OTHER_BUILD)
        module->source = SYMBOLS_OTHER_BUILD;
    else if (result == ELF_FILE_MISSING)
        module->source = SYMBOLS_MISSING;
    return module;
}

/* Put PATH into its shortest form: no "//", "/./", "/x/../"; a link among the x is
 * taken for a directory. */
static void normalize(char *path)
{
    char *out = path, *begin = path + (*path == '/');
    const char *in = path;

    if (*in == '/')
        *out++ = *in++;
    while (*in) {
        size_t length = strcspn(in, "/");
        char *last = out;

        while (last > begin && last[-1] == '/')
            last--;
        while (last > begin && last[-1] != '/')
            last--; /* where the name before this one begins */
        if (length == 0 || (length == 1 && *in == '.')) {
            /* nothing */
        } else if (length == 2 && strncmp(in, "..", 2) == 0 && out > begin &&
                   strncmp(last, "../", 3) != 0) {
            out = last;
        } else {
            memmove(out, in, length);
            out += length;
            if (in[length] == '/')
                *out++ = '/';
        }
        in += length + (in[length] == '/');
    }
    *out = 0;
}

/* True if PLACE's file is to be read from the directory it was compiled in. Debian maps
 * its build directory to ".": if that directory became relative by this, so did all
 * absolute paths, which now are "./" and further directories. */
static bool is_below_directory(const struct dwarf_place *place)
{
    if (*place->file == '/' || !place->directory || *place->directory == 0)
        return false;
    return *place->directory == '/' || strncmp(place->file, "./", 2) != 0 ||
           !strchr(place->file + 2, '/');
}

/* The source file of PLACE, absolute if the debug info says enough. */
static const char *full_file(struct symbols *symbols, const struct dwarf_place *place)
{
    char path[PATH_MAX];
    int length;

    if (!place->file || *place->file == 0)
        return NULL;
    if (is_below_directory(place))
        length = snprintf(path, sizeof(path), "%s/%s", place->directory, place->file);
    else
        length = snprintf(path, sizeof(path), "%s", place->file);
    if (length < 0 || (size_t)length >= sizeof(path))
        return intern_string(symbols->strings, place->file);
    normalize(path);
    return intern_string(symbols->strings, path);
}

/* NAME as its programmer wrote it. */
static const char *readable(struct symbols *symbols, const char *name)
{
    char *text = name ? demangle(name) : NULL;
    const char *result = intern_string(symbols->strings, text ? text : name);

    free(text);
    return result;
}

/* What stands for a file name where there is none. */
static const char *place_of(struct symbols *symbols, const struct symbol *symbol)
{
    const char *module = symbol->module ? symbol->module : "";
    size_t size = strlen(module) + (symbol->function ? strlen(symbol->function) : 0) + 32;
    char *text = malloc(size);
    const char *place;

    if (!text)
        return "?";
    if (!symbol->module)
        snprintf(text, size, "%#" PRIx64, symbol->offset);
    else if (symbol->function)
        snprintf(text, size, "%s(%s)", module, symbol->function);
    else
        snprintf(text, size, "%s+%#" PRIx64, module, symbol->offset);
    place = intern_string(symbols->strings, text);
    free(text);
    return place ? place : "?";
}

static bool is_mangled(const char *name)
{
    return name && strncmp(name, "_Z", 2) == 0;
}

/* Fill in OUT what ADDRESS of the file of MODULE means; MODULE may be NULL. */
static void resolve(struct symbols *symbols, struct module *module, uint64_t address,
                    const struct dwarf_place *places, size_t count, struct symbol *out)
{
    const char *function = NULL;

    if (module)
        function = elf_symbols_find(&module->functions, address);
    for (size_t i = 0; i < count; i++) {
        const char *own = places[i].function;
        bool inlined = i + 1 < count;

        /* The compiler omits the linker's name of a function that only its own file
         * knows; the symbol table has it, with name space and parameters. */
        if (!inlined && (!own || (!is_mangled(own) && is_mangled(function))))
            own = function;
        out[i] = (struct symbol){
            .function = readable(symbols, own),
            .linker_name = own,
            .file = full_file(symbols, &places[i]),
            .inlined = inlined,
            .module = module ? module->name : NULL,
            .offset = address,
        };
        if (out[i].file)
            out[i].line = (uint32_t)places[i].line;
        out[i].place = place_of(symbols, &out[i]);
    }
}

struct symbol_list symbols_address(struct symbols *symbols, uint32_t number, uint64_t address)
{
    static const struct symbol unknown = {.place = "?"}; /* lack of memory */
    struct answer_key key = {.address = address, .module = number};
    struct dwarf_place places[DWARF_PLACES_MAX] = {0};
    struct module *module = NULL;
    struct answer *answer;
    size_t count = 0;

    HASH_FIND(hh, symbols->answers, &key, sizeof(key), answer);
    if (answer)
        return answer->list;

    if (number > 0) {
        module = open_module(symbols, number - 1);
        address -= symbols->heap->modules[number - 1].bias;
        count = dwarf_lines_find(&module->lines, address, places);
    }
    if (count == 0)
        count = 1;
    answer = calloc(1, sizeof(*answer) + count * sizeof(*answer->symbols));
    if (!answer)
        return (struct symbol_list){&unknown, 1};
    answer->key = key;
    answer->list = (struct symbol_list){answer->symbols, count};
    resolve(symbols, module, address, places, count, answer->symbols);
    HASH_ADD(hh, symbols->answers, key, sizeof(key), answer);
    if (!answer->hh.tbl) {
        free(answer);
        return (struct symbol_list){&unknown, 1};
    }
    return answer->list;
}

struct symbol_list symbols_frame(struct symbols *symbols, uint32_t frame)
{
    const struct heap_frame *recorded = &symbols->heap->frames[frame];

    return symbols_address(symbols, recorded->module, recorded->address);
}

const char *symbols_source(struct symbols *symbols, const char *file, const char *directory)
{
    return full_file(symbols, &(struct dwarf_place){.file = file, .directory = directory});
}

struct symbols_files symbols_files(struct symbols *symbols, size_t index)
{
    const struct module *module = open_module(symbols, index);

    return (struct symbols_files){module->main.elf, module->debug.elf, module->lines.dwarf};
}

struct symbols_status symbols_module(struct symbols *symbols, size_t index)
{
    struct module *module = open_module(symbols, index);
    char path[PATH_MAX];

    /* A file of another build was installed since: so would be its debug package. */
    if (!module->package_searched && module->source != SYMBOLS_LINES &&
        module->source != SYMBOLS_OTHER_BUILD) {
        module->package_searched = true;
        module_path(&symbols->heap->modules[index], path);
        module->debug_package = debug_package_find(DPKG_DIRECTORY, path);
    }
    return (struct symbols_status){module->source, module->debug_package};
}
