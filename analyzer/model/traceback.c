#include "model/traceback.h"

#include "format/snapshot.h"
#include "model/filter.h"
#include "model/site.h"
#include "model/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int traceback_collect(struct traceback *traceback, const struct heap *heap, struct symbols *symbols,
                      uint32_t stack)
{
    uint32_t frame = heap->stacks[stack].frame;
    size_t count = 0;

    do {
        struct symbol_list list = {.symbols = &site_unknown, .count = 1};

        if (frame)
            list = symbols_frame(symbols, frame);
        if (count + list.count > traceback->room) {
            size_t room = (count + list.count) * 2;
            const struct symbol **larger =
                reallocarray(traceback->symbols, room, sizeof(*traceback->symbols));

            if (!larger)
                return -ENOMEM;
            traceback->symbols = larger;
            traceback->room = room;
        }
        for (size_t i = 0; i < list.count; i++)
            traceback->symbols[count++] = &list.symbols[i];
        frame = heap->frames[frame].parent;
    } while (frame);
    traceback->count = count;
    return 0;
}

/* Functions that threads begin in before the one that they are for. */
static bool begins_thread(const struct symbol *symbol)
{
    static const char *const functions[] = {
        "_start",
        "__libc_start_main*",
        "__libc_start_call_main",
        "clone",
        "clone3",
        "__clone",
        "__clone3",
        "start_thread",
        "thread_start",
        "execute_native_thread_routine",
    };

    if (!symbol->function)
        return symbol->module && strncmp(symbol->module, "libc.so", strlen("libc.so")) == 0;
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        if (text_matches(functions[i], strlen(functions[i]), symbol->function,
                         strlen(symbol->function)))
            return true;
    }
    return filter_is_standard(symbol);
}

const struct symbol *traceback_thread_start(const struct traceback *traceback,
                                            const struct heap *heap, uint32_t stack)
{
    const struct heap_stack *from = &heap->stacks[stack];
    const struct symbol *oldest = traceback->symbols[traceback->count - 1], *first = oldest;

    if (from->flags & (SNAPSHOT_STACK_TRUNCATED | SNAPSHOT_STACK_LIMITED) || !from->frame)
        return NULL;
    for (size_t i = traceback->count; i > 0 && begins_thread(first); i--)
        first = traceback->symbols[i - 1];
    return begins_thread(first) ? oldest : first;
}

void traceback_finish(struct traceback *traceback)
{
    free(traceback->symbols);
}
