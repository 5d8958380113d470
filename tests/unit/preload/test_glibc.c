/* test_glibc.c - where the main heap ends, in a heap that is an array of ours: a byte too far is
 * noticed.
 */
#include "child.h"

#include "preload/glibc.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 64u
#define ARENA 16u /* words; the pointer to the top chunk is the 12th */

struct heap {
    uint64_t *arena, *words;
    uintptr_t start, end;
};

static struct heap make(void)
{
    struct heap heap = { calloc(ARENA, 8), calloc(WORDS, 8), 0, 0 };

    heap.start = (uintptr_t)heap.words;
    heap.end = heap.start + WORDS * 8;
    return heap;
}

static void finish(struct heap *heap)
{
    free(heap->arena);
    free(heap->words);
}

/* A chunk of SIZE at OFFSET of HEAP; the lowest bit says that the one before is in use. */
static void put_chunk(struct heap *heap, size_t offset, uint64_t size)
{
    heap->words[offset / 8 + 1] = size | 1;
}

static void test_top(void **state)
{
    struct heap heap = make();

    (void)state;
    put_chunk(&heap, 0, 64);
    put_chunk(&heap, 64, 96);
    put_chunk(&heap, 160, 128);
    heap.arena[12] = heap.start + 160;
    assert_int_equal(glibc_next_chunk(heap.start + 16, heap.start + 72, heap.end), heap.start + 64);
    assert_int_equal(glibc_heap_end((uintptr_t)heap.arena, heap.start, heap.end), heap.start + 288);
    finish(&heap);
}

static void test_fence(void **state)
{
    struct heap heap = make();

    (void)state;
    put_chunk(&heap, 0, 64);
    put_chunk(&heap, 64, 16);
    put_chunk(&heap, 80, 16);
    assert_int_equal(glibc_heap_end((uintptr_t)heap.arena, heap.start, heap.end), heap.start + 96);
    assert_int_equal(glibc_heap_end((uintptr_t)heap.arena, heap.start, heap.start + 80),
                     heap.start + 80);
    finish(&heap);
}

/* Whatever the words say, nothing beyond the heap is looked at. */
static void test_nonsense(void **state)
{
    struct heap heap = make();
    const uint64_t odd[] = { 0,    8,        16,       24,         32,         WORDS * 8, WORDS * 8 - 8,
                             -8ul, -heap.start, heap.end, heap.start, UINT64_MAX, 1ul << 63 };

    (void)state;
    srand(1);
    for (int round = 0; round < 100000; round++) {
        uintptr_t limit = heap.start + 8 * (unsigned)(rand() % (WORDS + 1)), end, next;
        uintptr_t block = heap.start + 16 + 8 * (unsigned)(rand() % (WORDS - 2));

        for (unsigned i = 0; i < WORDS; i++)
            heap.words[i] = rand() % 2 ? odd[(unsigned)rand() % (sizeof odd / sizeof odd[0])]
                                       : (uint64_t)(rand() % 128);
        heap.arena[12] = heap.start + 8 * (unsigned)(rand() % WORDS);
        next = glibc_next_chunk(block, block, limit);
        assert_true(next == limit || (next >= block && next <= limit));
        end = glibc_heap_end((uintptr_t)heap.arena, next, limit);
        assert_true(end <= limit);
    }
    finish(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
