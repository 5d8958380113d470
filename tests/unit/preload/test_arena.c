#include "child.h"

#include "preload/arena.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define PAGE 4096u

static bool is_all(const void *memory, size_t size, unsigned char byte)
{
    const unsigned char *bytes = memory;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte)
            return false;
    return true;
}

static void mappings_are_zeroed_and_accounted_in_pages(void **state)
{
    unsigned char *one = arena_map(1, ARENA_BLOCKS);
    unsigned char *two = arena_map(2 * PAGE, ARENA_STACKS);

    (void)state;
    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal((uintptr_t)one % PAGE, 0);
    assert_true(is_all(one, PAGE, 0) && is_all(two, 2 * PAGE, 0));
    assert_int_equal(arena_used(ARENA_BLOCKS), PAGE);
    assert_int_equal(arena_used(ARENA_STACKS), 2 * PAGE);
    assert_int_equal(arena_used(ARENA_OTHER), 0);
    arena_unmap(one, 1, ARENA_BLOCKS);
    arena_unmap(NULL, PAGE, ARENA_STACKS);
    assert_int_equal(arena_used(ARENA_BLOCKS), 0);
    assert_int_equal(arena_used(ARENA_STACKS), 2 * PAGE);
}

static void what_is_reserved_counts_as_it_is_said(void **state)
{
    unsigned char *memory = arena_reserve(100 * PAGE);

    (void)state;
    assert_non_null(memory);
    assert_true(is_all(memory, 100 * PAGE, 0));
    assert_int_equal(arena_used_together(), 0);
    arena_count(2 * PAGE, ARENA_BLOCKS);
    assert_int_equal(arena_used(ARENA_BLOCKS), 2 * PAGE);
    arena_count(-(int64_t)PAGE, ARENA_BLOCKS);
    assert_int_equal(arena_used(ARENA_BLOCKS), PAGE);
    arena_unreserve(memory, 100 * PAGE);
    assert_int_equal(arena_used(ARENA_BLOCKS), PAGE);
    arena_fail_after(1);
    assert_null(arena_reserve(PAGE));
}

static void one_alone_fails(void **state)
{
    (void)state;
    arena_fail_once(true);
    arena_fail_after(2);
    assert_non_null(arena_map(PAGE, ARENA_OTHER));
    assert_null(arena_map(PAGE, ARENA_OTHER));
    assert_non_null(arena_map(PAGE, ARENA_OTHER));
    arena_fail_once(false);
}

static void resizing_keeps_the_content(void **state)
{
    unsigned char *memory = arena_resize(NULL, 0, 100, ARENA_OTHER);

    (void)state;
    assert_non_null(memory);
    memset(memory, 7, PAGE);
    memory = arena_resize(memory, 100, 100 * PAGE, ARENA_OTHER);
    assert_non_null(memory);
    assert_true(is_all(memory, PAGE, 7) && is_all(memory + PAGE, 99 * PAGE, 0));
    assert_int_equal(arena_used(ARENA_OTHER), 100 * PAGE);
    memory = arena_resize(memory, 100 * PAGE, PAGE, ARENA_OTHER);
    assert_non_null(memory);
    assert_true(is_all(memory, PAGE, 7));
    assert_int_equal(arena_used(ARENA_OTHER), PAGE);
}

static void what_cannot_be_had_is_null_and_changes_nothing(void **state)
{
    const size_t too_much = (size_t)1 << 60;
    unsigned char *memory = arena_map(PAGE, ARENA_OTHER);

    (void)state;
    memset(memory, 7, PAGE);
    assert_non_null(arena_alloc(1, ARENA_COUNTERS));
    errno = 99;
    assert_null(arena_map(0, ARENA_OTHER));
    assert_null(arena_map(too_much, ARENA_OTHER));
    assert_null(arena_map(SIZE_MAX, ARENA_OTHER));
    assert_null(arena_alloc(too_much, ARENA_COUNTERS));
    assert_null(arena_alloc(SIZE_MAX, ARENA_COUNTERS));
    assert_null(arena_resize(memory, PAGE, too_much, ARENA_OTHER));
    assert_null(arena_resize(memory, PAGE, SIZE_MAX, ARENA_OTHER));
    assert_int_equal(errno, 99);
    assert_true(is_all(memory, PAGE, 7));
    assert_int_equal(arena_used(ARENA_OTHER), PAGE);
}

static void the_mapping_asked_for_fails_and_all_after_it(void **state)
{
    char *memory;

    (void)state;
    for (unsigned long count = 1; count < 6; count++) {
        arena_fail_after(count);
        for (unsigned long i = 1; i < count; i++)
            assert_non_null(arena_map(PAGE, ARENA_OTHER));
        assert_null(arena_map(PAGE, ARENA_OTHER));
        assert_null(arena_alloc(PAGE * 100, ARENA_OTHER));
        assert_null(arena_resize(NULL, 0, PAGE, ARENA_OTHER));
    }
    arena_fail_after(0);
    memory = arena_map(PAGE, ARENA_OTHER);
    assert_non_null(memory);
    arena_fail_after(1);
    assert_null(arena_resize(memory, PAGE, 2 * PAGE, ARENA_OTHER));
    assert_null(arena_alloc(1, ARENA_COUNTERS));
}

/* ---- pieces ------------------------------------------------------------------ */

#define THREADS 4
#define PIECES  4000

static unsigned char *pieces[THREADS][PIECES];

static size_t piece_size(size_t i)
{
    return i % 500 == 7 ? 20000 : 1 + i * 37 % 300;
}

static void *take_pieces(void *argument)
{
    size_t thread = (size_t)argument;

    for (size_t i = 0; i < PIECES; i++) {
        pieces[thread][i] = arena_alloc(piece_size(i), ARENA_COUNTERS);
        if (!pieces[thread][i] || !is_all(pieces[thread][i], piece_size(i), 0))
            return (void *)1;
        memset(pieces[thread][i], (int)(thread + 1), piece_size(i));
    }
    return NULL;
}

static void pieces_of_all_threads_lie_apart(void **state)
{
    pthread_t threads[THREADS];
    size_t bytes = 0;
    void *failed;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_pieces, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (size_t thread = 0; thread < THREADS; thread++)
        for (size_t i = 0; i < PIECES; i++) {
            assert_int_equal((uintptr_t)pieces[thread][i] % 64, 0);
            assert_true(is_all(pieces[thread][i], piece_size(i), (unsigned char)(thread + 1)));
            bytes += piece_size(i);
        }
    assert_true(arena_used(ARENA_COUNTERS) >= bytes);
    assert_true(arena_used(ARENA_COUNTERS) < bytes * 3 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(mappings_are_zeroed_and_accounted_in_pages),
        child_test(what_is_reserved_counts_as_it_is_said),
        child_test(one_alone_fails),
        child_test(resizing_keeps_the_content),
        child_test(what_cannot_be_had_is_null_and_changes_nothing),
        child_test(the_mapping_asked_for_fails_and_all_after_it),
        child_test(pieces_of_all_threads_lie_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
