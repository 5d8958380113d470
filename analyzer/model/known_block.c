#include "model/known_block.h"

#include "format/snapshot.h"

#include <stddef.h>
#include <string.h>

#define POOL_MIN  16384u    /* bytes: it has 71 KiB, and by a tunable of libstdc++ others */
#define ARENA_MIN (1u << 20) /* of Python */

/* Is MODULE's file called PREFIX…? */
static bool is_called(const struct heap_module *module, const char *prefix)
{
    return strncmp(basename(module->path), prefix, strlen(prefix)) == 0;
}

/* The module of FRAME; NULL: none. */
static const struct heap_module *module_of(const struct heap *heap, uint32_t frame)
{
    uint32_t module = frame ? heap->frames[frame].module : 0;

    return module ? &heap->modules[module - 1] : NULL;
}

const char *known_block(const struct heap *heap, uint32_t stack)
{
    const struct heap_stack *of = &heap->stacks[stack];
    uint32_t caller = of->frame ? heap->frames[of->frame].parent : 0;
    const struct heap_module *newest = module_of(heap, of->frame);
    const struct heap_module *second = module_of(heap, caller);

    /* Nothing else that libstdc++ does when it is loaded takes memory. */
    if (newest && second && of->live_blocks == 1 && of->live_bytes >= POOL_MIN &&
        is_called(newest, "libstdc++.so") && is_called(second, "ld-linux"))
        return "libstdc++ keeps it to throw exceptions when memory has run out; every C++ program "
               "has it";
    return NULL;
}

bool known_destructors_ran(const struct heap *heap)
{
    if (heap->process->trigger != SNAPSHOT_AT_EXIT)
        return false;
    for (size_t i = 0; i < heap->module_count; i++)
        if (is_called(&heap->modules[i], "libstdc++.so") || is_called(&heap->modules[i], "libc++.so"))
            return true;
    return false;
}

bool known_python_pools(const struct heap *heap)
{
    uint64_t other = heap->memory ? heap->memory[SNAPSHOT_MEMORY_OTHER].resident : 0;

    if (other < ARENA_MIN || other < heap->account->live_bytes)
        return false;
    for (size_t i = 0; i < heap->module_count; i++) {
        if (is_called(&heap->modules[i], "python3") || is_called(&heap->modules[i], "libpython3"))
            return true;
    }
    return false;
}
