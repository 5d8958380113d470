/* The target: whatever `why` is asked for, it is refused with words, or it names blocks. */
#include "../unit/fake_symbols.h"
#include "model/site.h"
#include "promise.h"

#include <errno.h>
#include <string.h>

struct symbol_list symbols_frame(struct symbols *fake, uint32_t frame)
{
    return fake->lists[frame];
}

static const struct symbol_list lists[] = {
    {0},
    FAKE_LIST(FAKE_SYMBOL("/src/main.c", 10, "main")),
    FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "cache_add"), FAKE_SYMBOL("/src/cache.c", 77, "inlined")),
    FAKE_LIST(FAKE_SYMBOL("/src/lib/cache.c", 4294967295u, "ns::fill(int)")),
    FAKE_LIST({.place = "0x1234"}),
    FAKE_LIST(FAKE_SYMBOL("/src/xmalloc.c", 5, "xmalloc")),
};
static struct heap_frame frames[] = {
    {0}, {.parent = 0}, {.parent = 1}, {.parent = 1}, {.parent = 3}, {.parent = 4},
};
static struct heap_stack stacks[] = {
    {.frame = 2, .live_blocks = 1},
    {.frame = 5, .live_blocks = 2},
    {.frame = 0, .live_blocks = 1},
    {.frame = 3, .live_blocks = 0},
};
static struct heap_block blocks[] = {
    {0x1000, 16, 0, 1}, {0x2000, 16, 1, 1}, {0x3000, 0, 1, 1}, {UINT64_MAX - 15, 16, 2, 1},
};
static const struct heap heap = {
    .path = "x.hds", .frames = frames, .frame_count = 6, .stacks = stacks, .stack_count = 4,
    .blocks = blocks, .block_count = 4,
};
static struct symbols fake = {lists};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *members = calloc(heap.block_count, 1); /* of just this size */
    char *text = strndup((const char *)data, size);
    struct error error = {0};
    bool outer = false;
    size_t marked = 0;
    int result = site_select(&heap, &fake, text, members, &outer, &error);

    for (size_t i = 0; i < heap.block_count; i++) {
        PROMISE(members[i] <= 1);
        marked += members[i];
    }
    PROMISE(result == 0 || result == -ENOENT || result == -EINVAL);
    PROMISE((result == 0) == (marked > 0));
    PROMISE((result == 0) == (error.text[0] == 0));
    PROMISE(!strchr(error.text, '\n') && !strchr(error.text, '\033'));
    free(members);
    free(text);
    return result == 0 ? 0 : -1;
}
