#include "preload/modules.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/syscall.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#define CHUNK 64u /* modules */
#define MAX_MODULES (1u << 16)

static struct module *_Atomic chunks[MAX_MODULES / CHUNK];
static _Atomic uint32_t count;
static uint32_t generation = 1; /* raised whenever modules went */
static uint32_t last_found;

static struct module *get(uint32_t number)
{
    return atomic_load_explicit(&chunks[(number - 1) / CHUNK], memory_order_acquire) +
           (number - 1) % CHUNK;
}

uint32_t modules_count(void)
{
    return atomic_load_explicit(&count, memory_order_acquire);
}

const struct module *modules_get(uint32_t number)
{
    return get(number);
}

bool modules_loaded(uint32_t number)
{
    return !(get(number)->flags & SNAPSHOT_MODULE_UNLOADED);
}

/* ---- what the module says of itself ---------------------------------------- */

/* The ELF header at the start of OBJECT's mapping; NULL if it is not there. */
static const ElfW(Ehdr) *elf_header(const struct dl_find_object *object)
{
    const ElfW(Ehdr) *header = object->dlfo_map_start;
    size_t size = (size_t)((char *)object->dlfo_map_end - (char *)object->dlfo_map_start);

    /* The headers must lie in the first page, which is all that we know is readable. */
    if (size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff > 4096 ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > 4096)
        return NULL;
    return header;
}

/* Copy the build-id from the notes of SIZE bytes at NOTES into MODULE. */
static void read_build_id(struct module *module, const char *notes, size_t size)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)notes;
        size_t name_size = ((size_t)note->n_namesz + 3) & ~(size_t)3;
        size_t total = sizeof *note + name_size + (((size_t)note->n_descsz + 3) & ~(size_t)3);

        if (total > size)
            return;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(notes + sizeof *note, "GNU", 4) == 0 &&
            note->n_descsz <= MODULES_BUILD_ID_MAX) {
            module->build_id_size = note->n_descsz;
            memcpy(module->build_id, notes + sizeof *note + name_size, note->n_descsz);
            return;
        }
        notes += total;
        size -= total;
    }
}

/* The program headers of OBJECT and their number in OUT_COUNT; NULL if unknown. */
static const ElfW(Phdr) *program_headers(const struct dl_find_object *object, int *out_count)
{
    const ElfW(Ehdr) *elf = elf_header(object);

    *out_count = elf ? elf->e_phnum : 0;
    return elf ? (const void *)((const char *)elf + elf->e_phoff) : NULL;
}

/* Fill in the build-id of MODULE, mapped as OBJECT. */
static void read_notes(struct module *module, const struct dl_find_object *object)
{
    int header_count;
    const ElfW(Phdr) *headers = program_headers(object, &header_count);

    for (int i = 0; i < header_count && module->build_id_size == 0; i++) {
        uintptr_t address = module->bias + headers[i].p_vaddr;

        if (headers[i].p_type == PT_NOTE && address >= module->start && address <= module->end &&
            headers[i].p_memsz <= module->end - address)
            read_build_id(module, (const char *)address, headers[i].p_memsz);
    }
}

/* Fill in the segments of MODULE, mapped as OBJECT. */
static void read_segments(struct module *module, const struct dl_find_object *object)
{
    int header_count;
    const ElfW(Phdr) *headers = program_headers(object, &header_count);
    struct module_segment *segments =
        arena_alloc((size_t)header_count * sizeof *segments, ARENA_STACKS);

    for (int i = 0; segments && i < header_count; i++)
        if (headers[i].p_type == PT_LOAD)
            segments[module->segment_count++] =
                (struct module_segment){ module->bias + headers[i].p_vaddr, headers[i].p_memsz,
                                         headers[i].p_offset, headers[i].p_flags };
    module->segments = segments;
}

/* The name under which OBJECT was loaded made absolute, in the SIZE bytes at BUFFER. */
static const char *object_path(const struct dl_find_object *object, bool is_main, char *buffer,
                               size_t size)
{
    const char *name = object->dlfo_link_map->l_name;
    long length;

    if (is_main) {
        length = SYSCALL_4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buffer, size - 1);
        if (length <= 0)
            return "";
        buffer[length] = '\0';
        return buffer;
    }
    if (strncmp(name, "linux-vdso", 10) == 0 || strncmp(name, "linux-gate", 10) == 0)
        return "[vdso]";
    if (name[0] == '/' || !strchr(name, '/'))
        return name;
    length = SYSCALL_2(SYS_getcwd, buffer, size); /* counts the NUL */
    if (length <= 0 || buffer[0] != '/' || (size_t)length + 1 + strlen(name) > size)
        return name;
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    buffer[length - 1] = '/';
    strcpy(buffer + length, name);
    return buffer;
}

/* ---- finding ---------------------------------------------------------------- */

static bool is_main_map(const struct link_map *map)
{
    return map->l_name[0] == '\0' && !map->l_prev;
}

/* Fill in MODULE, mapped as OBJECT, but for its path and segments. */
static void describe(struct module *module, const struct dl_find_object *object)
{
    struct dl_find_object own;

    memset(module, 0, sizeof *module);
    module->start = (uintptr_t)object->dlfo_map_start;
    module->end = (uintptr_t)object->dlfo_map_end;
    module->bias = object->dlfo_link_map->l_addr;
    module->link_map = object->dlfo_link_map;
    module->generation = generation;
    if (is_main_map(object->dlfo_link_map))
        module->flags |= SNAPSHOT_MODULE_MAIN;
    if (_dl_find_object((void *)describe, &own) == 0 && own.dlfo_map_start == object->dlfo_map_start)
        module->flags |= SNAPSHOT_MODULE_OWN;
    read_notes(module, object);
}

/* Whether the module that OBJECT and PATH tell of is the one recorded in KNOWN. */
static bool same_module(const struct module *known, const struct module *found, const char *path)
{
    return known->start == found->start && known->end == found->end &&
           known->build_id_size == found->build_id_size &&
           memcmp(known->build_id, found->build_id, found->build_id_size) == 0 &&
           strcmp(known->path, path) == 0;
}

/* Record FOUND, of PATH, as a new module. Returns its number, 0 on lack of memory. */
static uint32_t record(const struct module *found, const char *path)
{
    uint32_t number = modules_count() + 1;
    size_t size = strlen(path) + 1;
    char *copy = arena_alloc(size, ARENA_STACKS);
    struct module *chunk;

    if (!copy || number > MAX_MODULES)
        return 0;
    memcpy(copy, path, size);
    chunk = atomic_load_explicit(&chunks[(number - 1) / CHUNK], memory_order_relaxed);
    if (!chunk) {
        chunk = arena_map(CHUNK * sizeof *chunk, ARENA_STACKS);
        if (!chunk)
            return 0;
        atomic_store_explicit(&chunks[(number - 1) / CHUNK], chunk, memory_order_release);
    }
    chunk[(number - 1) % CHUNK] = *found;
    chunk[(number - 1) % CHUNK].path = copy;
    atomic_store_explicit(&count, number, memory_order_release);
    return number;
}

/* Where a path is put together: too large for a caller's stack, and modules_find() is
 * for one thread at a time. */
static char path_buffer[PATH_MAX];

uint32_t modules_find(uintptr_t address, bool *out_back)
{
    uint32_t known = modules_count();
    struct dl_find_object object;
    struct module found;
    const char *path;

    for (uint32_t i = 0; i <= known; i++) {
        uint32_t number = i == 0 ? last_found : i; /* the one found last first */
        struct module *module = number ? get(number) : NULL;

        if (module && address >= module->start && address < module->end &&
            !(module->flags & SNAPSHOT_MODULE_UNLOADED))
            return last_found = number;
    }
    if (_dl_find_object((void *)address, &object) != 0)
        return 0;
    describe(&found, &object);
    path = object_path(&object, found.flags & SNAPSHOT_MODULE_MAIN, path_buffer,
                       sizeof path_buffer);
    for (uint32_t number = 1; number <= known; number++) {
        struct module *module = get(number);

        if (module->flags & SNAPSHOT_MODULE_UNLOADED && same_module(module, &found, path)) {
            module->link_map = found.link_map;
            module->flags &= ~(uint32_t)SNAPSHOT_MODULE_UNLOADED;
            *out_back = true;
            return last_found = number;
        }
    }
    read_segments(&found, &object);
    return last_found = record(&found, path);
}

/* Whether MODULE is still where it was, and not another one in its place. */
static bool still_there(const struct module *module)
{
    struct dl_find_object object;
    struct module found;

    if (_dl_find_object((void *)module->start, &object) != 0 ||
        object.dlfo_link_map != module->link_map ||
        (uintptr_t)object.dlfo_map_start != module->start ||
        (uintptr_t)object.dlfo_map_end != module->end)
        return false;
    describe(&found, &object);
    return found.build_id_size == module->build_id_size &&
           memcmp(found.build_id, module->build_id, found.build_id_size) == 0;
}

bool modules_check(void)
{
    bool gone = false;

    for (uint32_t number = 1; number <= modules_count(); number++) {
        struct module *module = get(number);

        if (!(module->flags & SNAPSHOT_MODULE_UNLOADED) && !still_there(module)) {
            module->flags |= SNAPSHOT_MODULE_UNLOADED;
            gone = true;
        }
    }
    generation += gone;
    return gone;
}
