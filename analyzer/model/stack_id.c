#include "model/stack_id.h"

#include "model/hash.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The module of FRAME; NULL if it lies in none. */
static const struct heap_module *frame_module(const struct heap *heap, uint32_t frame)
{
    uint32_t module = heap->frames[frame].module;

    return module ? &heap->modules[module - 1] : NULL;
}

/* The address of FRAME in the ELF file of its module. */
static uint64_t frame_offset(const struct heap *heap, uint32_t frame)
{
    const struct heap_module *module = frame_module(heap, frame);

    return heap->frames[frame].address - (module ? module->bias : 0);
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection that spreads
 * every bit. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static uint64_t hash_module(const struct heap_module *module)
{
    const char *name = base_name(module->path);

    return module->build_id_size ? mix(hash_bytes(HASH_BEGIN, module->build_id, module->build_id_size))
                                 : mix(hash_bytes(HASH_BEGIN, name, strlen(name)));
}

/* The stack of CALLER with one more frame, told from others by OWN. */
static struct stack_id add_frame(const struct stack_id *caller, uint64_t own)
{
    return (struct stack_id){{mix(mix(caller->words[0] + 1) ^ own),
                              mix(mix(caller->words[1] + 2) + mix(own))}};
}

struct stack_id *stack_id_create(const struct heap *heap)
{
    uint64_t *modules = calloc(heap->module_count + 1, sizeof(*modules));
    struct stack_id *ids = calloc(heap->frame_count + 1, sizeof(*ids));

    if (!modules || !ids) {
        free(modules);
        free(ids);
        return NULL;
    }
    for (size_t i = 0; i < heap->module_count; i++)
        modules[i + 1] = hash_module(&heap->modules[i]);
    /* A caller has a lower number, so its id is known. */
    for (uint32_t i = 1; i < heap->frame_count; i++) {
        uint64_t own = modules[heap->frames[i].module] + frame_offset(heap, i);

        ids[i] = add_frame(&ids[heap->frames[i].parent], own);
    }
    free(modules);
    return ids;
}

struct stack_id *stack_id_create_by_names(const struct heap *heap, struct symbols *symbols)
{
    struct stack_id *ids = calloc(heap->frame_count + 1, sizeof(*ids));

    for (uint32_t i = 1; ids && i < heap->frame_count; i++) {
        struct symbol_list list = symbols_frame(symbols, i);

        ids[i] = ids[heap->frames[i].parent];
        for (size_t j = list.count; j > 0; j--) {
            const struct symbol *symbol = &list.symbols[j - 1];
            const char *file = symbol->file ? symbol->file : symbol->place;

            ids[i] = add_frame(&ids[i], mix(hash_bytes(HASH_BEGIN, file, strlen(file))) +
                                            mix(symbol->file ? symbol->line : 0));
        }
    }
    return ids;
}

static int order_frames(const struct heap *a, uint32_t frame_a, const struct heap *b,
                        uint32_t frame_b)
{
    const struct heap_module *module_a = frame_module(a, frame_a);
    const struct heap_module *module_b = frame_module(b, frame_b);
    uint64_t offset_a = frame_offset(a, frame_a), offset_b = frame_offset(b, frame_b);
    int order = strcmp(module_a ? base_name(module_a->path) : "",
                       module_b ? base_name(module_b->path) : "");

    return order ? order : (offset_a > offset_b) - (offset_a < offset_b);
}

static size_t depth(const struct heap *heap, uint32_t frame)
{
    size_t frames = 0;

    for (; frame; frame = heap->frames[frame].parent)
        frames++;
    return frames;
}

int stack_id_order(const struct heap *a, uint32_t frame_a, const struct heap *b, uint32_t frame_b)
{
    size_t depth_a = depth(a, frame_a), depth_b = depth(b, frame_b);
    int order = (depth_a > depth_b) - (depth_a < depth_b);

    for (; depth_a > depth_b; depth_a--)
        frame_a = a->frames[frame_a].parent;
    for (; depth_b > depth_a; depth_b--)
        frame_b = b->frames[frame_b].parent;
    /* From the newest outwards: the last difference met is the oldest. */
    while (frame_a && !(a == b && frame_a == frame_b)) {
        int difference = order_frames(a, frame_a, b, frame_b);

        if (difference)
            order = difference;
        frame_a = a->frames[frame_a].parent;
        frame_b = b->frames[frame_b].parent;
    }
    return order;
}
