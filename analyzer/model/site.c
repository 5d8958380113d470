#include "model/site.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

const struct symbol site_unknown = {.place = "<unknown>"};

/* Is SYMBOL a function of Python itself, and not the one that runs what is written in Python? */
static bool is_interpreter(const struct symbol *symbol)
{
    const char *module = symbol->module;

    if (!module || (strncmp(module, "python", 6) != 0 && strncmp(module, "libpython", 9) != 0))
        return false;
    return !symbol->function ||
           strncmp(symbol->function, "_PyEval_EvalFrame", strlen("_PyEval_EvalFrame")) != 0;
}

/* SYMBOL in FRAME is a function of Python itself. Who called it, if that is an extension, is put in
 * OUT_FRAME and returned: what Python's functions allocate then is for it. */
static const struct symbol *find_extension(struct symbols *symbols, const struct heap *heap,
                                           const struct symbol *symbol, uint32_t *out_frame)
{
    for (uint32_t frame = *out_frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            if (is_interpreter(&list.symbols[i]))
                continue;
            if (!list.symbols[i].module || !strstr(list.symbols[i].module, ".so") ||
                strncmp(list.symbols[i].module, "lib", 3) == 0)
                return symbol; /* it was Python code, or the end */
            *out_frame = frame;
            return &list.symbols[i];
        }
    }
    return symbol;
}

const struct symbol *site_newest(const struct heap *heap, struct symbols *symbols,
                                 const struct filter *filter, uint32_t stack, bool skip_standard,
                                 uint32_t *out_frame)
{
    const struct symbol *newest = NULL;

    *out_frame = heap->stacks[stack].frame;
    for (uint32_t frame = heap->stacks[stack].frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            if (!newest)
                newest = symbol;
            if (!filter_skips(filter, symbol) && !(skip_standard && filter_is_standard(symbol))) {
                *out_frame = frame;
                return skip_standard && is_interpreter(symbol)
                           ? find_extension(symbols, heap, symbol, out_frame)
                           : symbol;
            }
        }
    }
    return newest ? newest : &site_unknown;
}

/* Sites are told apart by their texts, of which the symbols have only one copy each. */
struct key {
    const char *file, *function, *place;
    uint64_t line;
};

struct entry {
    struct key key;
    uint32_t site;
    UT_hash_handle hh;
};

static struct key key_of(const struct symbol *symbol)
{
    if (symbol->file)
        return (struct key){.file = symbol->file, .function = symbol->function, .line = symbol->line};
    return (struct key){.place = symbol->place};
}

/* The entry of KEY in TABLE, made as site COUNT if it is new. NULL for lack of memory. */
static struct entry *find_entry(struct entry **table, const struct key *key, size_t count)
{
    struct entry *entry;

    HASH_FIND(hh, *table, key, sizeof(*key), entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->key = *key;
    entry->site = (uint32_t)count;
    HASH_ADD(hh, *table, key, sizeof(*key), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

int sites_create(const struct heap *heap, struct symbols *symbols, const struct filter *filter,
                 struct sites **out_sites)
{
    struct sites *sites = calloc(1, sizeof(*sites));
    struct entry *table = NULL, *entry, *next;
    int result = -ENOMEM;

    if (!sites)
        return -ENOMEM;
    sites->of_stack = calloc(heap->stack_count + 1, sizeof(*sites->of_stack));
    sites->sites = calloc(heap->stack_count + 1, sizeof(*sites->sites));
    if (!sites->of_stack || !sites->sites)
        goto out;
    for (uint32_t stack = 0; stack < heap->stack_count; stack++) {
        uint32_t frame;
        const struct symbol *symbol;
        struct key key;

        if (heap->stacks[stack].live_blocks == 0)
            continue; /* nobody asks, and names are dear */
        symbol = site_newest(heap, symbols, filter, stack, true, &frame);
        key = key_of(symbol);
        entry = find_entry(&table, &key, sites->count);
        if (!entry)
            goto out;
        if (entry->site == sites->count)
            sites->sites[sites->count++] = (struct site){symbol, stack};
        sites->of_stack[stack] = entry->site;
    }
    result = 0;
out:
    HASH_ITER(hh, table, entry, next) {
        HASH_DEL(table, entry);
        free(entry);
    }
    if (result == 0)
        *out_sites = sites;
    else
        sites_destroy(sites);
    return result;
}

void sites_destroy(struct sites *sites)
{
    if (!sites)
        return;
    free(sites->sites);
    free(sites->of_stack);
    free(sites);
}

static int mark_stack(const struct heap *heap, const uint8_t *stacks, uint8_t *out_members)
{
    size_t count = 0;

    for (size_t i = 0; i < heap->block_count; i++) {
        out_members[i] = stacks[heap->blocks[i].stack];
        count += out_members[i];
    }
    return count > 0 ? 0 : -ENOENT;
}

static int mark_address(const struct heap *heap, uint64_t address, uint8_t *out_members)
{
    for (size_t i = 0; i < heap->block_count; i++) {
        uint64_t inside = address - heap->blocks[i].address;

        if (inside == 0 || inside < heap->blocks[i].size) {
            out_members[i] = true;
            return 0;
        }
    }
    return -ENOENT;
}

/* Does TEXT end in a line number? */
static bool has_line(const char *text)
{
    const char *colon = strrchr(text, ':');

    return colon && isdigit((unsigned char)colon[1]) &&
           colon[1 + strspn(colon + 1, "0123456789")] == 0;
}

/* A filter that keeps what TEXT may mean. */
static int make_filter(const char *text, struct filter **out_filter, struct error *error)
{
    static const struct {
        const char *before, *behind;
    } ways[] = {
        {"", ""},
        {"function=", ""},
        {"function=", "(*"},
        /* a template's, behind the type that it returns */
        {"function=* ", ""},
        {"function=* ", "(*"},
        {"function=* ", "<*"},
    };
    size_t count = has_line(text) || strchr(text, '=') ? 1 : sizeof(ways) / sizeof(*ways);
    struct filter *filter = filter_create();
    int result = filter ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < count; i++) {
        char *pattern = NULL;

        if (asprintf(&pattern, "%s%s%s", ways[i].before, text, ways[i].behind) < 0)
            result = -ENOMEM;
        else
            result = filter_add(filter, FILTER_INCLUDE, pattern, error);
        free(pattern);
    }
    if (result == 0)
        *out_filter = filter;
    else
        filter_destroy(filter);
    return result;
}

/* Does FILTER keep the newest symbol of STACK, or with OUTER any of it? */
static bool keeps(const struct heap *heap, struct symbols *symbols, const struct filter *filter,
                  uint32_t stack, bool outer)
{
    const struct filter_owner owner = {.domain = heap->stacks[stack].domain};
    const struct symbol *symbol;
    uint32_t frame;

    if (!outer) {
        symbol = site_newest(heap, symbols, filter, stack, true, &frame);
        return filter_keeps(filter, &owner, symbol, &symbol, 1);
    }
    for (frame = heap->stacks[stack].frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            symbol = &list.symbols[i];
            if (filter_keeps(filter, &owner, symbol, &symbol, 1))
                return true;
        }
    }
    return false;
}

static int mark_pattern(const struct heap *heap, struct symbols *symbols, const char *text,
                        uint8_t *out_members, bool *out_outer, struct error *error)
{
    uint8_t *stacks = calloc(heap->stack_count + 1, 1);
    struct filter *filter = NULL;
    int result = stacks ? make_filter(text, &filter, error) : -ENOMEM;

    if (result == 0)
        result = -ENOENT;
    for (int outer = 0; result == -ENOENT && filter && outer < 2; outer++) {
        for (uint32_t i = 0; i < heap->stack_count; i++)
            stacks[i] = heap->stacks[i].live_blocks > 0 && keeps(heap, symbols, filter, i, outer);
        result = mark_stack(heap, stacks, out_members);
        *out_outer = outer;
    }
    filter_destroy(filter);
    free(stacks);
    return result;
}

int site_select(const struct heap *heap, struct symbols *symbols, const char *text,
                uint8_t *out_members, bool *out_outer, struct error *error)
{
    bool is_stack = strncmp(text, "stack:", 6) == 0, is_address = strncmp(text, "0x", 2) == 0;
    const char *digits = is_stack ? text + 6 : text;
    uint64_t number = 0;
    char *end = NULL;
    int result;

    *out_outer = false;
    if (is_stack || is_address) {
        errno = 0;
        number = strtoull(digits, &end, is_stack ? 10 : 16);
        if (errno || end == digits || *end)
            return error_set(error, -EINVAL, "'%s' is no %s", text,
                             is_stack ? "number of a stack" : "address");
    }
    if (is_address) {
        result = mark_address(heap, number, out_members);
    } else if (is_stack) {
        result = -ENOENT;
        for (size_t i = 0; i < heap->block_count; i++) {
            out_members[i] = heap->blocks[i].stack == number;
            if (out_members[i])
                result = 0;
        }
    } else {
        result = mark_pattern(heap, symbols, text, out_members, out_outer, error);
    }
    if (result == -ENOENT)
        error_set(error, result, "%s: no block that is alive was allocated at '%s'", heap->path,
                  text);
    if (result == -ENOENT && is_address)
        error_set(error, result, "%s: no block that is alive has the address %s", heap->path, text);
    return result;
}
