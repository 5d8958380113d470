#include "child.h"

#include "preload/arena.h"
#include "preload/live.h"
#include "live_list.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* What the table must know: the block of each address of a pool, size 0: none. */
#define POOL 6000u

struct model {
    struct live_block blocks[POOL]; /* addresses never change */
    uint64_t random, count;
};

static struct model models[4];

static uint64_t random_next(struct model *model)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return model->random >> 33;
}

/* Addresses as allocators give them: dense ones, where those of different models lie side by
 * side, ones a page or 2^20 apart, and, so that they meet in the table, ones 2^44 apart. Some
 * are such as no allocator gives. */
static void model_init(struct model *model, unsigned number)
{
    const uintptr_t base = 0x500000000000;

    memset(model, 0, sizeof(*model));
    model->random = number + 1;
    for (uintptr_t i = 0; i < POOL; i++) {
        uintptr_t address = base + (i * 4 + number) * 16;

        if (i % 8 == 1)
            address = base + (1 << 28) + (i * 4 + number) * 4096;
        else if (i % 8 == 2)
            address = base + ((uintptr_t)1 << 32) + (i % 256 << 20) + (i * 4 + number) * 16;
        else if (i % 8 == 3)
            address = ((i + 1) << 44) + (number << 12) + 0x100000;
        else if (i % 8 == 4)
            address += 8;
        model->blocks[i].address = address;
    }
}

static bool same_block(const struct live_block *a, const struct live_block *b)
{
    return a->address == b->address && a->size == b->size && a->stack == b->stack &&
           a->epoch == b->epoch;
}

/* One in eight is larger than usual, one in eight of those with the largest numbers. */
static struct live_block random_block(struct model *model, uintptr_t address)
{
    uint64_t kind = random_next(model) % 64;
    struct live_block block = { address, 1 + random_next(model) % 1000,
                                (uint32_t)random_next(model) % 100000,
                                1 + (uint32_t)random_next(model) % 100 };

    if (kind < 8)
        block.size = kind < 4 ? 32766 + kind : random_next(model) << 12;
    if (kind == 6 || kind == 10)
        block.stack = (1u << 26) - (uint32_t)random_next(model) % 2;
    if (kind == 7 || kind == 11)
        block.epoch = (1u << 21) - (uint32_t)random_next(model) % 2;
    if (kind == 12)
        block.epoch = 0;
    block.size += !block.size;
    return block;
}

/* Do something at random to the table and to MODEL. */
static void change(struct model *model)
{
    const struct live_block untouched = { 1, 2, 3, 4 };
    struct live_block *block = &model->blocks[random_next(model) % POOL], found = untouched;
    uint64_t action = random_next(model) % 8;

    if (action < 4) {
        struct live_block old = *block;

        *block = random_block(model, block->address);
        assert_true(live_add(block, &found));
        assert_int_equal(found.address != 0, old.size != 0);
        assert_true(!old.size || same_block(&found, &old));
        model->count += !old.size;
    } else if (action < 7) {
        /* The first may give up when another thread holds the lock for long. */
        bool known = (action == 6 && live_try_remove(block->address, &found)) ||
                     live_remove(block->address, &found);

        assert_int_equal(known, block->size != 0);
        assert_true(same_block(&found, block->size ? block : &untouched));
        model->count -= block->size != 0;
        block->size = 0;
    } else {
        assert_int_equal(live_find(block->address, &found), block->size != 0);
        assert_true(same_block(&found, block->size ? block : &untouched));
    }
}

static int by_address(const void *a, const void *b)
{
    uintptr_t left = ((const struct live_block *)a)->address;
    uintptr_t right = ((const struct live_block *)b)->address;

    return left < right ? -1 : left > right;
}

struct list {
    struct live_block *blocks;
    size_t count;
};

static void append(void *context, const struct live_block *block)
{
    struct list *list = context;

    list->blocks[list->count++] = *block;
}

/* Compare all that is in the table with COUNT models. */
static void check_all(const struct model *expected, unsigned count)
{
    struct list list = { calloc(POOL * count, sizeof(struct live_block)), 0 };
    struct list wanted = { calloc(POOL * count, sizeof(struct live_block)), 0 };

    for (unsigned number = 0; number < count; number++)
        for (unsigned i = 0; i < POOL; i++)
            if (expected[number].blocks[i].size)
                append(&wanted, &expected[number].blocks[i]);
    assert_int_equal(live_count(), wanted.count);
    live_each(wanted.count, append, &list);
    assert_int_equal(list.count, wanted.count);
    qsort(wanted.blocks, wanted.count, sizeof(*wanted.blocks), by_address);
    for (size_t i = 0; i < list.count; i++)
        assert_true(same_block(&list.blocks[i], &wanted.blocks[i]));
    free(list.blocks);
    free(wanted.blocks);
}

static void it_knows_what_a_simple_model_knows(void **state)
{
    (void)state;
    model_init(&models[0], 0);
    model_init(&models[1], 1);
    for (int i = 0; i < 1000000; i++)
        change(&models[i % 2]);
    assert_true(models[0].count > POOL / 3);
    check_all(models, 2);
}

static void it_knows_the_same_where_blocks_lie_apart(void **state)
{
    live_spaced = true; /* those that do not have had their frees missed */
    it_knows_what_a_simple_model_knows(state);
}

/* Where there is one block in 32 bytes, its word is as new when it is gone: a large one does
 * not slow down the small ones that come after it. */
static void a_large_block_leaves_nothing_behind(void **state)
{
    struct live_block large = { 0x500000000010, 1 << 20, 1, 1 }, old;
    shadow_slot *slot;

    (void)state;
    live_spaced = true;
    assert_true(live_add(&large, &old));
    slot = shadow_find(large.address);
    assert_non_null(slot);
    assert_int_equal(*slot, LIVE_CROWDED);
    assert_true(live_remove(large.address, &old));
    assert_int_equal(*slot, 0);

    /* But as long as the hash knows one of the two, that is said. */
    assert_true(live_add(&large, &old));
    large.address -= 16;
    assert_true(live_add(&large, &old));
    assert_true(live_remove(large.address, &old));
    assert_true(live_find(large.address + 16, &old));
}

/* COUNT blocks of SIZE, SPACE apart, and the bytes between them. */
static void check_meeting(uintptr_t base, uintptr_t space, size_t size, uintptr_t count)
{
    struct live_block block = { 0, size, 1, 1 }, old;

    for (uintptr_t i = 1; i <= count; i++) {
        block.address = base + i * space;
        assert_true(live_add(&block, &old));
    }
    for (uintptr_t i = 1; i <= count; i++) {
        uintptr_t address = base + i * space;

        assert_true(live_meets(address, 0));
        assert_true(live_meets(address - 1, 2));
        assert_true(live_meets(address + size - 1, 1));
        assert_true(live_meets(address - 100000, 300000));
        assert_false(live_meets(address + size, space - size));
        assert_true(live_meets(address + size, space - size + (i < count)) == (i < count));
    }
    live_clear();
    assert_false(live_meets(base, count * space));
}

static void it_knows_whose_a_byte_is(void **state)
{
    struct live_block old;

    (void)state;
    check_meeting(0x500000000010, 1 << 16, 1, 100);
    assert_true(live_add(&(struct live_block){ 0x500000000010, 0, 1, 1 }, &old));
    assert_true(live_meets(0x500000000010, 1));
    assert_false(live_meets(0x500000000011, 1));
    live_clear();
    check_meeting(0x500000000000, 48, 17, 1000);
    check_meeting(0x500000000000, 1 << 16, 32767, 100);
    check_meeting(0x500000000000, 1 << 16, 32768, 100);
    check_meeting(0x500000000000, 1 << 24, 3 << 20, 100);
    check_meeting(((uintptr_t)1 << 47) - (1 << 20), 1 << 16, 1000, 100);
}

static void it_forgets_all_and_gives_the_memory_back(void **state)
{
    struct live_block block;

    (void)state;
    model_init(&models[0], 0);
    for (int i = 0; i < 20000; i++)
        change(&models[0]);
    assert_true(arena_used(ARENA_BLOCKS) >= models[0].count * 8);
    live_clear();
    assert_int_equal(live_count(), 0);
    assert_int_equal(arena_used(ARENA_BLOCKS), 0);
    for (unsigned i = 0; i < POOL; i++) {
        assert_false(live_find(models[0].blocks[i].address, &block));
        assert_false(live_remove(models[0].blocks[i].address, &block));
    }
    model_init(&models[0], 0);
    for (int i = 0; i < 20000; i++)
        change(&models[0]);
    check_all(models, 1);
}

/* What is added to a copy finds its place; a copy without memory says so. */
static void a_copy_is_whole_or_says_so(void **state)
{
    struct list list = { calloc(POOL + 3, sizeof(struct live_block)), 0 };
    const uintptr_t more[] = { 0x100, 0x500000000008, UINTPTR_MAX };
    struct live_copy copy = { 0 };
    unsigned long failures = 0;
    uint64_t used;
    bool whole;

    (void)state;
    model_init(&models[0], 0);
    for (int i = 0; i < 100000; i++)
        change(&models[0]);
    used = arena_used(ARENA_OTHER);
    do { /* the copy's memory runs out here and there */
        arena_fail_after(++failures);
        list.count = 0;
        live_copy_take(&copy);
        for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
            live_copy_add(&copy, &(struct live_block){ more[i], 1, 1, 1 });
        whole = live_copy_each(&copy, append, &list);
        assert_int_equal(list.count, whole ? models[0].count + 3 : 0);
        live_copy_finish(&copy);
        assert_int_equal(arena_used(ARENA_OTHER), used);
    } while (!whole);
    arena_fail_after(0);
    assert_true(failures > 2);
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.blocks[i - 1].address < list.blocks[i].address);
    arena_fail_after(1);
    assert_false(live_copy_prepare(&copy, 1));
    arena_fail_after(0);
    live_copy_finish(&copy);
    free(list.blocks);
}

static void memory_follows_the_live_set_not_the_events(void **state)
{
    const uintptr_t addresses = 1000; /* as an allocator uses them again */
    struct live_block block = { 0, 0, 1, 1 }, old;

    (void)state;
    for (uintptr_t i = 1; i < 500000; i++) { /* never more than 100 at a time */
        block.address = (1 + i % addresses) * 4096;
        block.size = i % 3 ? 8 : 40000;
        assert_true(live_add(&block, &old));
        if (i > 100)
            assert_true(live_remove((1 + (i - 100) % addresses) * 4096, &old));
    }
    assert_int_equal(live_count(), 100);
    /* A page of the shadow for each 16 KiB, at most as many ahead, and each shard of the hash. */
    assert_in_range(arena_used(ARENA_BLOCKS), 1, (1 + addresses / 4 * 2 + 64) * 4096);
}

/* As many as memory allows are known, and they alone. */
static bool add_without_memory(void)
{
    static bool added[POOL];
    struct live_block block, old;
    uint64_t count = 0;

    model_init(&models[0], 0);
    for (unsigned i = 0; i < POOL; i++) {
        models[0].blocks[i].size = i + 1;
        added[i] = live_add(&models[0].blocks[i], &old);
        count += added[i];
    }
    for (unsigned i = 0; i < POOL; i++) {
        assert_int_equal(live_find(models[0].blocks[i].address, &block), added[i]);
        assert_true(!added[i] || same_block(&block, &models[0].blocks[i]));
        if (added[i])
            assert_true(live_add(&models[0].blocks[i], &old)); /* needs no room */
    }
    arena_fail_after(0);
    for (unsigned i = 0; i < POOL; i++)
        if (!added[i])
            assert_true(live_add(&models[0].blocks[i], &old));
    check_all(models, 1);
    return count == POOL;
}

static void without_memory_a_block_is_not_known(void **state)
{
    (void)state;
    child_starve(add_without_memory);
}

/* A table that can't grow takes blocks while there is room, and still finds what is in it
 * and what is not. */
static void a_full_table_still_answers(void **state)
{
    const uintptr_t blocks = 30000;
    struct live_block block = { 0, 8, 1, 1 }, old;
    uintptr_t added = 0;

    (void)state;
    for (block.address = 16; block.address <= 1000 * 16; block.address += 16)
        assert_true(live_add(&block, &old));
    arena_fail_after(1);
    for (; block.address <= blocks * 16; block.address += 16)
        added += live_add(&block, &old);
    assert_in_range(added, 1, blocks - 1001);
    for (uintptr_t i = 1; i <= blocks; i++) {
        bool known = live_find(i * 16, &block);

        added -= known && i > 1000;
        assert_true(known || i > 1000);
        assert_false(live_find((blocks + i) * 16, &block));
        assert_false(live_remove((blocks + i) * 16, &block));
    }
    assert_int_equal(added, 0);
}

static void *change_often(void *model)
{
    for (int i = 0; i < 200000; i++)
        change(model);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        model_init(&models[i], i);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, change_often, &models[i]), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    check_all(models, 4);
}

/* ---- a handler whose thread may hold the lock ------------------------------------------ */

static volatile sig_atomic_t interrupted, removed;
static _Atomic bool stop;

static void remove_in_handler(int number)
{
    struct live_block block;

    (void)number;
    if (interrupted < (int)POOL) {
        removed += live_try_remove(models[1].blocks[interrupted].address, &block);
        interrupted++;
    }
}

static void *interrupt_often(void *thread)
{
    while (!stop) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

static void a_handler_gives_up_rather_than_wait(void **state)
{
    pthread_t self = pthread_self(), thread;
    struct live_block old;

    (void)state;
    model_init(&models[0], 0);
    model_init(&models[1], 1);
    for (unsigned i = 0; i < POOL; i++) {
        models[1].blocks[i].size = 1;
        assert_true(live_add(&models[1].blocks[i], &old));
    }
    signal(SIGUSR1, remove_in_handler);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_often, &self), 0);
    while (interrupted < 300)
        change(&models[0]);
    stop = true;
    pthread_join(thread, NULL);
    signal(SIGUSR1, SIG_IGN);
    assert_true(removed > 0);
    assert_int_equal(live_count(), models[0].count + POOL - (unsigned)removed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(it_knows_what_a_simple_model_knows),
        child_test(it_knows_the_same_where_blocks_lie_apart),
        child_test(a_large_block_leaves_nothing_behind),
        child_test(it_knows_whose_a_byte_is),
        child_test(it_forgets_all_and_gives_the_memory_back),
        child_test(a_copy_is_whole_or_says_so),
        child_test(memory_follows_the_live_set_not_the_events),
        cmocka_unit_test(without_memory_a_block_is_not_known),
        child_test(a_full_table_still_answers),
        child_test(threads_do_not_disturb_each_other),
        child_test(a_handler_gives_up_rather_than_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
