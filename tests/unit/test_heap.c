/* What is in a heap beside the blocks: the series, counters without blocks, parts; and what
 * a peek shows. */
#include "built_heap.h"

#include "format/snapshot.h"
#include "format/varint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three stacks, of which the first holds a block of 100 bytes. */
static struct snapshot_builder *describe(void)
{
    struct snapshot_builder *builder = snapshot_builder_create();

    for (uint32_t i = 0; i < 3; i++)
        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x1000 + i, 0), 0);
    snapshot_builder_block(builder, 0x5000, 100, 0, 1);
    return builder;
}

static void expect_damage(struct snapshot_builder *builder, const char *words)
{
    struct error error = {0};
    struct heap *heap = NULL;

    assert_int_equal(built_heap_parse(builder, false, &heap, &error), -EBADMSG);
    assert_null(heap);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
}

/* A section SERIES of COUNT records that consists of NUMBERS. */
static struct snapshot_builder *describe_series(uint64_t count, const uint64_t *numbers,
                                                size_t number_count)
{
    struct snapshot_builder *builder = describe();
    uint8_t payload[64 * VARINT_MAX_SIZE];
    size_t size = 0;

    for (size_t i = 0; i < number_count; i++)
        size += varint_put(payload + size, numbers[i]);
    snapshot_builder_section(builder, SNAPSHOT_SERIES, SNAPSHOT_VARINT, count, payload, size, size);
    return builder;
}

#define SERIES(count, ...)                                  \
    describe_series(count, (const uint64_t[]){__VA_ARGS__}, \
                    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Folded, as differences are written. */
#define PLUS(n)  (2 * (uint64_t)(n))
#define MINUS(n) (2 * (uint64_t)(n)-1)

static void the_series_arrives(void **state)
{
    struct snapshot_builder *builder = describe();
    uint64_t bytes[4], blocks[4];
    struct heap *heap;

    (void)state;
    snapshot_builder_point(builder, 100);
    snapshot_builder_change(builder, 0, 1000, 10);
    snapshot_builder_change(builder, 2, 7, 1);
    snapshot_builder_point(builder, 200); /* nothing changes */
    snapshot_builder_point(builder, 300);
    snapshot_builder_change(builder, 0, 0, 0);
    snapshot_builder_change(builder, 1, 5, 2);
    snapshot_builder_point(builder, 300);
    snapshot_builder_change(builder, 0, 20, 1);
    heap = built_heap(builder);

    assert_int_equal(heap->point_count, 4);
    assert_int_equal(heap->change_count, 5);
    for (size_t i = 0; i < 4; i++) {
        static const uint64_t expected[4][3] = {
            {100, 1007, 11}, {200, 1007, 11}, {300, 12, 3}, {300, 32, 4}};

        assert_int_equal(heap->points[i].time, expected[i][0]);
        assert_int_equal(heap->points[i].bytes, expected[i][1]);
        assert_int_equal(heap->points[i].blocks, expected[i][2]);
    }
    assert_int_equal(heap->stacks[0].change_count, 3);
    assert_int_equal(heap->changes[heap->stacks[0].first_change + 2].point, 3);
    heap_series(heap, 0, bytes, blocks);
    assert_memory_equal(bytes, ((uint64_t[]){1000, 1000, 0, 20}), sizeof(bytes));
    assert_memory_equal(blocks, ((uint64_t[]){10, 10, 0, 1}), sizeof(blocks));
    heap_series(heap, 1, bytes, blocks);
    assert_memory_equal(bytes, ((uint64_t[]){0, 0, 5, 5}), sizeof(bytes));
    heap_series(heap, 2, bytes, blocks);
    assert_memory_equal(blocks, ((uint64_t[]){1, 1, 1, 1}), sizeof(blocks));
    heap_destroy(heap);
}

static void a_series_may_be_missing_or_empty(void **state)
{
    struct heap *heap = built_heap(describe());

    (void)state;
    assert_int_equal(heap->point_count, 0);
    assert_int_equal(heap->stacks[0].change_count, 0);
    heap_destroy(heap);
    heap = built_heap(describe_series(0, NULL, 0));
    assert_int_equal(heap->point_count, 0);
    heap_destroy(heap);
}

static void a_series_must_make_sense(void **state)
{
    struct snapshot_builder *builder;
    struct heap *heap;

    (void)state;
    /* time, changes, then for each change stack, bytes, blocks */
    heap = built_heap(SERIES(1, 20, 2, 0, PLUS(5), PLUS(1), 2, PLUS(5), PLUS(1)));
    heap_destroy(heap);
    expect_damage(SERIES(1, 20, 4, 0, 0, 0, 1, 0, 0, 1, 0, 0), "changes 4 of 3 stacks");
    expect_damage(SERIES(1, 20, 1, 3, PLUS(5), PLUS(1)), "goes 3 stacks on from 0 of 3");
    expect_damage(SERIES(1, 20, 2, 1, 0, 0, 2, 0, 0), "goes 2 stacks on from 1 of 3");
    expect_damage(SERIES(1, 20, 1, UINT64_MAX, 0, 0), "stacks on from 0");
    expect_damage(SERIES(1, 20, 2, 1, 0, 0, 0, 0, 0), "has stack 1 twice");
    expect_damage(SERIES(1, 20, 1, 0, MINUS(1), PLUS(1)), "holds less than nothing");
    expect_damage(SERIES(1, 20, 1, 0, PLUS(1), MINUS(1)), "holds less than nothing");
    expect_damage(SERIES(2, 20, 1, 0, PLUS(5), PLUS(1), 2, 1, 0, MINUS(6), 0),
                  "at point 1 stack 0 holds less than nothing");
    expect_damage(SERIES(1, 20, 3, 0, PLUS(INT64_MAX), 0, 1, PLUS(INT64_MAX), 0, 1, PLUS(2), 0),
                  "stack 2 holds less than nothing or impossibly much");
    expect_damage(SERIES(2, PLUS(20), 0, MINUS(1), 0), "point 1 is out of order");
    expect_damage(SERIES(1, MINUS(1), 0), "point 0 is out of order");
    expect_damage(SERIES(1, 20, 1, 0, 0), "does not end");
    expect_damage(SERIES(1, 20, 0, 7), "bytes behind its last record");
    expect_damage(SERIES(2, 20, 1, 0, 0, 0), "does not end");

    builder = describe();
    for (uint64_t i = 0; i <= SNAPSHOT_SERIES_POINTS; i++)
        snapshot_builder_point(builder, i);
    expect_damage(builder, "65 points, at most 64");
}

static void without_blocks_counters_say_what_is_alive(void **state)
{
    struct snapshot_builder *builder = describe();
    struct heap *heap;

    (void)state;
    snapshot_builder_process(builder)->flags = SNAPSHOT_COUNTERS_ONLY;
    snapshot_builder_counters(builder, 1, (const uint64_t[]){10, 1000, 3, 400, 2});
    heap = built_heap(builder);
    assert_false(heap->has_blocks);
    assert_int_equal(heap->block_count, 0);
    assert_int_equal(heap->stacks[0].live_blocks, 1);
    assert_int_equal(heap->stacks[0].live_bytes, 100);
    assert_int_equal(heap->stacks[1].live_blocks, 7);
    assert_int_equal(heap->stacks[1].live_bytes, 600);
    assert_int_equal(heap->account->live_blocks, 8);
    assert_int_equal(heap->account->live_bytes, 700);
    heap_destroy(heap);
}

static void more_counters_are_known_or_not(void **state)
{
    struct snapshot_builder *builder = describe();
    struct heap *heap = built_heap(builder);

    (void)state;
    assert_false(heap->has_more_counters);
    heap_destroy(heap);
    builder = describe();
    snapshot_builder_more_counters(builder, 1, (const uint64_t[]){3, 700, 8});
    heap = built_heap(builder);
    assert_true(heap->has_more_counters);
    assert_int_equal(heap->stacks[0].temporary, 0);
    assert_int_equal(heap->stacks[1].temporary, 3);
    assert_int_equal(heap->stacks[1].peak_bytes, 700);
    assert_int_equal(heap->stacks[1].peak_blocks, 8);
    heap_destroy(heap);
    builder = describe();
    snapshot_builder_section(builder, SNAPSHOT_MORE_COUNTERS, SNAPSHOT_VARINT, 1, "\1\2\3", 3, 3);
    expect_damage(builder, "counters of 1 stacks, there are ");
}

/* Described as describe() does, but without blocks. */
static struct snapshot_builder *describe_counted(void)
{
    struct snapshot_builder *builder = describe();

    snapshot_builder_process(builder)->flags = SNAPSHOT_COUNTERS_ONLY;
    return builder;
}

static void counters_without_blocks_must_make_sense(void **state)
{
    struct snapshot_builder *builder = describe_counted();

    (void)state;
    snapshot_builder_counters(builder, 1, (const uint64_t[]){1, 10, 2, 10, 0});
    snapshot_builder_account(builder)->live_blocks = 1;
    expect_damage(builder, "stack 1 has freed more than it had");
    builder = describe_counted();
    snapshot_builder_counters(builder, 1, (const uint64_t[]){1, 10, 1, 11, 0});
    expect_damage(builder, "stack 1 has freed more than it had");
    builder = describe_counted();
    snapshot_builder_counters(builder, 1, (const uint64_t[]){1, UINT64_MAX, 0, 0, 0});
    expect_damage(builder, "stack 1 holds impossibly much");
    builder = describe_counted();
    snapshot_builder_account(builder)->live_bytes = 101;
    expect_damage(builder, "1 blocks of 100 bytes are alive, the account has 1 of 101");
    builder = describe_counted();
    snapshot_builder_omit(builder, SNAPSHOT_COUNTERS);
    expect_damage(builder, "the account has");
    builder = describe_counted();
    snapshot_builder_section(builder, SNAPSHOT_BLOCKS, SNAPSHOT_VARINT, 0, "", 0, 0);
    expect_damage(builder, "the process says that there are no blocks");
    /* Only a snapshot that says so may lack them. */
    builder = describe();
    snapshot_builder_omit(builder, SNAPSHOT_BLOCKS);
    expect_damage(builder, "there is no section BLOCKS");
}

/* Two parts, of which the second has the stack 2. */
static struct snapshot_builder *describe_merged(const uint64_t origins[3])
{
    struct snapshot_builder *builder = describe();
    struct snapshot_process part = *snapshot_builder_process(builder);

    for (uint32_t i = 0; i < 2; i++) {
        part.pid = 100 + i;
        snapshot_builder_part(builder, &part);
    }
    for (size_t i = 0; i < 3; i++)
        snapshot_builder_origin(builder, origins[i]);
    return builder;
}

static void parts_arrive(void **state)
{
    struct heap *heap = built_heap(describe_merged((const uint64_t[]){0, 0, 1}));

    (void)state;
    assert_true(heap->is_merged);
    assert_int_equal(heap->part_count, 2);
    assert_int_equal(heap->parts[1].process->pid, 101);
    assert_string_equal(heap->parts[1].program, "/opt/app/app");
    assert_int_equal(heap->stacks[1].part, 0);
    assert_int_equal(heap->stacks[2].part, 1);
    heap_destroy(heap);

    heap = built_heap(describe());
    assert_false(heap->is_merged);
    assert_int_equal(heap->part_count, 1);
    assert_ptr_equal(heap->parts[0].process, heap->process);
    assert_string_equal(heap->parts[0].label, "exit");
    heap_destroy(heap);
}

static void parts_must_make_sense(void **state)
{
    struct snapshot_builder *builder = describe_merged((const uint64_t[]){0, 2, 0});
    struct snapshot_process part;

    (void)state;
    expect_damage(builder, "stack 1 is of part 2 of 2");
    builder = describe_merged((const uint64_t[]){0, 0, 0});
    snapshot_builder_omit(builder, SNAPSHOT_ORIGINS);
    expect_damage(builder, "origins of 0 stacks, there are 3");
    builder = describe_merged((const uint64_t[]){0, 0, 0});
    snapshot_builder_origin(builder, 0);
    expect_damage(builder, "origins of 4 stacks, there are 3");
    builder = describe_merged((const uint64_t[]){0, 0, 1});
    snapshot_builder_omit(builder, SNAPSHOT_PARTS);
    expect_damage(builder, "stack 2 is of part 1 of 1");
    builder = describe_merged((const uint64_t[]){0, 0, 0});
    part = *snapshot_builder_process(builder);
    part.label = 1u << 20;
    snapshot_builder_part(builder, &part);
    expect_damage(builder, "there is no string 1048576");
}

/* Stack 1 is of another domain, with a block at the very address of stack 0's. */
static struct snapshot_builder *describe_tracked(void)
{
    struct snapshot_builder *builder = describe();

    snapshot_builder_thread(builder, 77, "worker");
    snapshot_builder_owner(builder, 1, 5, 1);
    snapshot_builder_owner(builder, 2, 6, 0);
    snapshot_builder_block(builder, 0x5000, 10, 2, 1);
    snapshot_builder_block(builder, 0x5000, 20, 1, 1);
    snapshot_builder_block(builder, 0x4000, 30, 2, 1);
    return builder;
}

static void owners_and_tracked_blocks_arrive(void **state)
{
    struct heap *heap = built_heap(describe_tracked());

    (void)state;
    assert_int_equal(heap->stacks[0].domain, 0);
    assert_int_equal(heap->stacks[1].domain, 5);
    assert_int_equal(heap->stacks[1].thread, 1);
    assert_int_equal(heap->stacks[2].domain, 6);
    assert_int_equal(heap->stacks[2].thread, 0);
    assert_int_equal(heap->stacks[2].live_bytes, 40);
    assert_int_equal(heap->block_count, 1);
    assert_int_equal(heap->tracked_count, 3);
    assert_int_equal(heap->tracked[0].size, 20);
    assert_int_equal(heap->tracked[1].address, 0x4000);
    assert_int_equal(heap->tracked[2].address, 0x5000);
    assert_int_equal(heap->account->live_bytes, 160);
    assert_int_equal(heap->account->live_blocks, 4);
    heap_destroy(heap);
}

static void owners_and_tracked_blocks_must_make_sense(void **state)
{
    struct snapshot_builder *builder = describe_tracked();

    (void)state;
    snapshot_builder_block(builder, 0x4000, 1, 2, 1);
    expect_damage(builder, "two blocks of domain 6 at address 0x4000");
    builder = describe_tracked();
    snapshot_builder_owner(builder, 0, 0, 2);
    expect_damage(builder, "stack 0 is of domain 0, thread 2 of 1");
    builder = describe_tracked();
    snapshot_builder_owner(builder, 0, 1ul << 32, 0);
    expect_damage(builder, "stack 0 is of domain 4294967296");
    builder = describe_tracked();
    snapshot_builder_omit(builder, SNAPSHOT_OWNERS);
    expect_damage(builder, "block 0 has a stack of domain 0");
    builder = describe_tracked();
    snapshot_builder_omit(builder, SNAPSHOT_TRACKED);
    expect_damage(builder, "1 blocks, the account has 4");
    builder = describe_tracked();
    snapshot_builder_omit(builder, SNAPSHOT_OWNERS);
    snapshot_builder_section(builder, SNAPSHOT_OWNERS, SNAPSHOT_VARINT, 1, "\0", 2, 2);
    expect_damage(builder, "owners of 1 stacks, there are 3");
}

static void names_arrive(void **state)
{
    struct snapshot_builder *builder = describe();
    struct heap *heap;

    (void)state;
    snapshot_builder_called(builder, "server");
    heap = built_heap(builder);
    assert_string_equal(heap->called, "server");
    assert_string_equal(heap->parts[0].called, "server");
    heap_destroy(heap);

    heap = built_heap(describe()); /* without a name, as its file */
    assert_string_equal(heap->called, "app");
    heap_destroy(heap);

    builder = describe();
    snapshot_builder_called(builder, "one");
    snapshot_builder_called(builder, "two");
    expect_damage(builder, "2 names of 1 processes");
}

static void a_peek_shows_only_the_head(void **state)
{
    char path[] = "/tmp/test_heap.XXXXXX";
    struct snapshot_builder *builder = describe_merged((const uint64_t[]){0, 0, 1});
    struct error error = {0};
    struct heap *heap;
    size_t size;
    char *data;

    (void)state;
    close(mkstemp(path));
    /* What is not looked at may be damaged. */
    snapshot_builder_omit(builder, SNAPSHOT_FRAMES);
    data = snapshot_builder_finish(builder, &size);
    snapshot_builder_destroy(builder);
    assert_int_equal(snapshot_builder_save(path, data, size), 0);
    assert_int_equal(heap_peek(path, &heap, &error), 0);
    assert_int_equal(heap->process->pid, 1000);
    assert_int_equal(heap->account->live_bytes, 100);
    assert_string_equal(heap->label, "exit");
    assert_true(heap->is_merged);
    assert_int_equal(heap->part_count, 2);
    assert_int_equal(heap->stack_count, 0);
    heap_destroy(heap);

    assert_int_equal(snapshot_builder_save(path, data, size - 1), 0);
    assert_int_equal(heap_peek(path, &heap, &error), -EBADMSG);
    data[60] ^= 1; /* among the strings */
    assert_int_equal(snapshot_builder_save(path, data, size), 0);
    assert_int_equal(heap_peek(path, &heap, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "checksum of section STRINGS"));
    assert_int_equal(snapshot_builder_save(path, "", 0), 0);
    assert_int_equal(heap_peek(path, &heap, &error), -EBADMSG);
    assert_int_equal(heap_peek("/tmp", &heap, &error), -EBADMSG);
    unlink(path);
    assert_int_equal(heap_peek(path, &heap, &error), -ENOENT);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_series_arrives),
        cmocka_unit_test(a_series_may_be_missing_or_empty),
        cmocka_unit_test(a_series_must_make_sense),
        cmocka_unit_test(without_blocks_counters_say_what_is_alive),
        cmocka_unit_test(more_counters_are_known_or_not),
        cmocka_unit_test(counters_without_blocks_must_make_sense),
        cmocka_unit_test(parts_arrive),
        cmocka_unit_test(parts_must_make_sense),
        cmocka_unit_test(owners_and_tracked_blocks_arrive),
        cmocka_unit_test(owners_and_tracked_blocks_must_make_sense),
        cmocka_unit_test(names_arrive),
        cmocka_unit_test(a_peek_shows_only_the_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
