/* live_list.h - the live table as tests look at all of it. */
#ifndef LIVE_LIST_H
#define LIVE_LIST_H

#include "unit.h"

#include "preload/live_copy.h"

/* Call EACH for every block in the table, of which there are about EXPECTED. */
static inline void live_each(uint64_t expected,
                             void (*each)(void *context, const struct live_block *block),
                             void *context)
{
    struct live_copy copy = { 0 };

    assert_true(live_copy_prepare(&copy, expected));
    live_copy_take(&copy);
    assert_true(live_copy_each(&copy, each, context));
    live_copy_finish(&copy);
}

static inline void live_count_one(void *count, const struct live_block *block)
{
    (void)block;
    ++*(uint64_t *)count;
}

static inline uint64_t live_count(void)
{
    uint64_t count = 0;

    live_each(0, live_count_one, &count);
    return count;
}

#endif
