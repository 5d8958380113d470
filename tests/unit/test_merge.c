/* Several snapshots become one: nothing is lost, nothing counts twice, whatever lies where. */
#include "built_heap.h"

#include "format/snapshot.h"
#include "model/heap.h"
#include "model/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t build_id[] = {0xab, 0xcd};

/* A process PID whose program lies at BASE and which holds COUNT blocks of 10 bytes, from
 * the same place of the program, with a line of 7 bytes from no module. */
static struct snapshot_builder *describe(uint32_t pid, uint64_t base, uint32_t count)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct snapshot_process *process = snapshot_builder_process(builder);
    uint32_t module, outer, inner, stack, other;

    process->pid = pid;
    process->run[0] = pid;
    process->epoch = 3;
    process->flags = SNAPSHOT_HAS_USABLE;
    snapshot_builder_account(builder)->usable_bytes = 1000;
    module = snapshot_builder_module(builder, base, base + 0x10000, base, "/opt/app", build_id,
                                     sizeof(build_id), SNAPSHOT_MODULE_MAIN);
    outer = snapshot_builder_frame(builder, 0, base + 0x1000, module);
    inner = snapshot_builder_frame(builder, outer, base + 0x2000, module);
    stack = snapshot_builder_stack(builder, inner, 0);
    other = snapshot_builder_stack(builder, snapshot_builder_frame(builder, outer, 0x1234, 0), 0);
    snapshot_builder_stack(builder, outer, SNAPSHOT_STACK_TRUNCATED); /* holds nothing */
    for (uint32_t i = 0; i < count; i++)
        snapshot_builder_block(builder, 0x600000 + 16 * i, 10, stack, 1 + i % 3);
    snapshot_builder_block(builder, 0x700000, 7, other, 3);
    snapshot_builder_thread(builder, pid, "main");
    return builder;
}

/* Merge the COUNT heaps at HEAPS, which are destroyed. */
static struct heap *merge_heaps(enum merge_detail detail, struct heap **heaps, size_t count)
{
    struct merge *merge = merge_create(detail);
    struct error error = {0};
    struct heap *heap = NULL;
    void *data;
    size_t size;

    for (size_t i = 0; i < count; i++) {
        if (merge_add(merge, heaps[i], &error) != 0)
            fail_msg("%s", error.text);
        heap_destroy(heaps[i]);
    }
    if (merge_finish(merge, &data, &size, &error) != 0 ||
        heap_parse(data, size, "merged.hds", &heap, &error) != 0)
        fail_msg("%s", error.text);
    free(data);
    merge_destroy(merge);
    return heap;
}

static void parts_are_added_up(void **state)
{
    struct heap *heaps[] = {built_heap(describe(10, 0x400000, 3)),
                            built_heap(describe(11, 0x400000, 5))};
    struct heap *heap = merge_heaps(MERGE_ALL, heaps, 2);

    (void)state;
    assert_true(heap->is_merged);
    assert_true(heap->has_blocks);
    assert_string_equal(heap->label, "merged");
    assert_int_equal(heap->process->trigger, SNAPSHOT_BY_MERGE);
    assert_int_equal(heap->account->live_blocks, 10);
    assert_int_equal(heap->account->live_bytes, 94);
    assert_int_equal(heap->account->usable_bytes, 2000);
    assert_int_equal(heap->account->truncated_stacks, 2);
    assert_int_equal(heap->block_count, 10);
    assert_int_equal(heap->thread_count, 2);

    assert_int_equal(heap->part_count, 2);
    assert_int_equal(heap->parts[1].process->pid, 11);
    assert_string_equal(heap->parts[1].program, "/opt/app/app");
    assert_string_equal(heap->parts[0].label, "exit");

    /* One program, its frames once; the stacks of each part. */
    assert_int_equal(heap->module_count, 1);
    assert_int_equal(heap->modules[0].segment_count, 1);
    assert_int_equal(heap->frame_count, 4);
    assert_int_equal(heap->stack_count, 6);
    assert_int_equal(heap->stacks[0].frame, heap->stacks[3].frame);
    assert_int_equal(heap->stacks[0].part, 0);
    assert_int_equal(heap->stacks[3].part, 1);
    assert_int_equal(heap->stacks[0].live_bytes, 30);
    assert_int_equal(heap->stacks[3].live_bytes, 50);
    assert_int_equal(heap->stacks[3].allocations, 5);
    heap_destroy(heap);
}

static void owners_and_names_stay(void **state)
{
    struct heap *heaps[2], *heap;

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = describe(10 + i, 0x400000, 2);

        snapshot_builder_owner(builder, 1, 5 + i, 1);
        snapshot_builder_called(builder, i ? "two" : "one");
        heaps[i] = built_heap(builder);
    }
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    assert_int_equal(heap->stacks[1].domain, 5);
    assert_int_equal(heap->stacks[1].thread, 1);
    assert_int_equal(heap->stacks[4].domain, 6);
    assert_int_equal(heap->stacks[4].thread, 2);
    assert_true(heap->tracked_count > 0);
    assert_int_equal(heap->tracked_count + heap->block_count, heap->account->live_blocks);
    assert_string_equal(heap->called, "one");
    assert_string_equal(heap->parts[0].called, "one");
    assert_string_equal(heap->parts[1].called, "two");
    heap_destroy(heap);
}

static void modules_are_united_wherever_they_lay(void **state)
{
    struct heap *heaps[] = {built_heap(describe(10, 0x400000, 1)),
                            built_heap(describe(11, 0x7f0000000000, 1))};
    struct heap *heap = merge_heaps(MERGE_ALL, heaps, 2);

    (void)state;
    assert_int_equal(heap->module_count, 1);
    assert_int_equal(heap->frame_count, 4);
    assert_int_equal(heap->frames[1].address, 0x401000);
    assert_int_equal(heap->stacks[0].frame, heap->stacks[3].frame);
    heap_destroy(heap);
}

static void different_modules_are_moved_apart(void **state)
{
    static const uint8_t ids[][2] = {{1, 1}, {2, 2}, {3, 3}};
    struct heap *heaps[3], *heap;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();
        uint32_t module =
            snapshot_builder_module(builder, 0x400000, 0x500000 + i, 0x300000, "/opt/app", ids[i],
                                    sizeof(ids[i]), i ? SNAPSHOT_MODULE_UNLOADED : 0);

        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x401000, module), 0);
        heaps[i] = built_heap(builder);
    }
    heap = merge_heaps(MERGE_ALL, heaps, 3);
    assert_int_equal(heap->module_count, 3);
    assert_int_equal(heap->frame_count, 4);
    assert_int_equal(heap->modules[0].start, 0x400000);
    for (size_t i = 0; i < 3; i++) {
        const struct heap_module *module = &heap->modules[i];
        const struct heap_frame *frame = &heap->frames[heap->stacks[i].frame];

        assert_int_equal(frame->module, i + 1);
        assert_int_equal(frame->address - module->bias, 0x101000); /* as it was */
        assert_int_equal(module->segments[0].address, module->start);
        assert_true(module->start <= frame->address && frame->address < module->end);
        for (size_t j = 0; j < i; j++)
            assert_true(module->start >= heap->modules[j].end ||
                        module->end <= heap->modules[j].start);
    }
    heap_destroy(heap);
}

static void a_module_is_gone_if_it_is_gone_in_all(void **state)
{
    struct heap *heaps[2], *heap;

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();

        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_module(builder, 0x1000, 0x2000, 0, "a", "a", 1, SNAPSHOT_MODULE_UNLOADED);
        snapshot_builder_module(builder, 0x3000, 0x4000, 0, "b", "b", 1,
                                i ? SNAPSHOT_MODULE_UNLOADED : SNAPSHOT_MODULE_MAIN);
        heaps[i] = built_heap(builder);
    }
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    assert_int_equal(heap->module_count, 2);
    assert_int_equal(heap->modules[0].flags, SNAPSHOT_MODULE_UNLOADED);
    assert_int_equal(heap->modules[1].flags, SNAPSHOT_MODULE_MAIN);
    heap_destroy(heap);
}

static void a_deleted_file_is_not_the_one_of_its_name(void **state)
{
    struct heap *heaps[2], *heap;

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();

        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_module(builder, 0x1000, 0x2000, 0, "a", NULL, 0,
                                i ? SNAPSHOT_MODULE_DELETED : 0);
        heaps[i] = built_heap(builder);
    }
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    assert_int_equal(heap->module_count, 2);
    heap_destroy(heap);
}

static void only_what_is_alive(void **state)
{
    struct heap *heaps[] = {built_heap(describe(10, 0x400000, 3)),
                            built_heap(describe(11, 0x400000, 0))};
    struct heap *heap = merge_heaps(MERGE_LIVE, heaps, 2);

    (void)state;
    assert_false(heap->has_blocks);
    assert_int_equal(heap->block_count, 0);
    assert_int_equal(heap->account->live_blocks, 5);
    assert_int_equal(heap->account->live_bytes, 44);
    assert_int_equal(heap->stack_count, 3);
    assert_int_equal(heap->stacks[0].live_blocks, 3);
    assert_int_equal(heap->stacks[2].part, 1);
    assert_int_equal(heap->stacks[2].live_bytes, 7);
    heap_destroy(heap);
}

/* What is alive comes from the blocks where there are some, whatever counters say. */
static void counters_and_blocks_mix(void **state)
{
    struct snapshot_builder *cleared = describe(10, 0x400000, 3);
    struct snapshot_builder *counted = describe(11, 0x400000, 2);
    struct heap *heaps[2], *heap;

    (void)state;
    snapshot_builder_counters(cleared, 0, (const uint64_t[]){1, 10, 0, 0, 0});
    snapshot_builder_counters(counted, 0, (const uint64_t[]){9, 900, 4, 400, 2});
    snapshot_builder_process(counted)->flags |= SNAPSHOT_COUNTERS_ONLY;
    heaps[0] = built_heap(cleared);
    heaps[1] = built_heap(counted);
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    assert_false(heap->has_blocks);
    assert_int_equal(heap->stacks[0].live_blocks, 3);
    assert_int_equal(heap->stacks[0].live_bytes, 30);
    assert_int_equal(heap->stacks[3].live_blocks, 5);
    assert_int_equal(heap->stacks[3].live_bytes, 500);
    assert_int_equal(heap->stacks[3].allocations, 9);
    assert_int_equal(heap->account->live_bytes, 30 + 7 + 500 + 7);
    heap_destroy(heap);
}

static void more_counters_must_be_known_of_all(void **state)
{
    struct snapshot_builder *one = describe(10, 0x400000, 3), *two = describe(11, 0x400000, 2);
    struct heap *heaps[2], *heap;

    (void)state;
    snapshot_builder_more_counters(one, 0, (const uint64_t[]){1, 20, 2});
    snapshot_builder_more_counters(two, 1, (const uint64_t[]){3, 40, 4});
    heaps[0] = built_heap(one);
    heaps[1] = built_heap(two);
    heap = merge_heaps(MERGE_SUMS, heaps, 2);
    assert_true(heap->has_more_counters);
    assert_int_equal(heap->stacks[0].temporary, 1);
    assert_int_equal(heap->stacks[0].peak_bytes, 20);
    assert_int_equal(heap->stacks[3].peak_bytes, 0);
    assert_int_equal(heap->stacks[4].peak_bytes, 40);
    assert_int_equal(heap->stacks[4].peak_blocks, 4);
    heap_destroy(heap);

    one = describe(10, 0x400000, 3);
    snapshot_builder_more_counters(one, 0, (const uint64_t[]){1, 20, 2});
    heaps[0] = built_heap(one);
    heaps[1] = built_heap(describe(11, 0x400000, 2));
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    assert_false(heap->has_more_counters);
    heap_destroy(heap);
}

/* One stack of which COUNTERS alone tell, of the run RUN. */
static struct heap *counted(uint32_t run, const uint64_t counters[SNAPSHOT_COUNTERS_PER_STACK])
{
    struct snapshot_builder *builder = snapshot_builder_create();

    snapshot_builder_process(builder)->run[0] = run;
    snapshot_builder_process(builder)->flags |= SNAPSHOT_COUNTERS_ONLY;
    snapshot_builder_stack(builder, 0, 0);
    snapshot_builder_counters(builder, 0, counters);
    return built_heap(builder);
}

/* Unlike MERGE_LIVE, which is for what is alive alone. */
static void sums_keep_what_is_gone(void **state)
{
    static const uint64_t gone[] = {3, 50, 3, 50, 1};
    struct heap *heaps[] = {counted(1, gone), counted(2, (const uint64_t[]){1, 10, 0, 0, 0})};
    struct heap *heap = merge_heaps(MERGE_SUMS, heaps, 2);

    (void)state;
    assert_int_equal(heap->stack_count, 2);
    assert_int_equal(heap->stacks[0].frees, 3);
    assert_int_equal(heap->stacks[0].reallocations, 1);
    heap_destroy(heap);
    heaps[0] = counted(1, gone);
    heaps[1] = counted(2, (const uint64_t[]){1, 10, 0, 0, 0});
    heap = merge_heaps(MERGE_LIVE, heaps, 2);
    assert_int_equal(heap->stack_count, 1);
    assert_int_equal(heap->stacks[0].allocations, 1);
    heap_destroy(heap);
}

/* Found by the fuzzer: such a stack was left out as empty, but the account had its bytes,
 * so what came out was refused as damaged. */
static void bytes_without_a_block_stay(void **state)
{
    struct heap *heaps[] = {counted(1, (const uint64_t[]){3, 50, 3, 43, 0}),
                            counted(2, (const uint64_t[]){1, 10, 0, 0, 0})};
    struct heap *heap = merge_heaps(MERGE_LIVE, heaps, 2);

    (void)state;
    assert_int_equal(heap->stack_count, 2);
    assert_int_equal(heap->stacks[0].live_blocks, 0);
    assert_int_equal(heap->stacks[0].live_bytes, 7);
    assert_int_equal(heap->account->live_bytes, 17);
    heap_destroy(heap);
}

static void merged_can_be_merged_again(void **state)
{
    struct heap *first[] = {built_heap(describe(10, 0x400000, 1)),
                            built_heap(describe(11, 0x500000, 2))};
    struct heap *second[] = {merge_heaps(MERGE_ALL, first, 2), built_heap(describe(12, 0x400000, 4))};
    struct heap *heap = merge_heaps(MERGE_ALL, second, 2);

    (void)state;
    assert_int_equal(heap->part_count, 3);
    assert_int_equal(heap->parts[1].process->pid, 11);
    assert_int_equal(heap->parts[2].process->pid, 12);
    assert_int_equal(heap->stacks[3].part, 1);
    assert_int_equal(heap->stacks[6].part, 2);
    assert_int_equal(heap->block_count, 10);
    assert_int_equal(heap->account->live_bytes, 7 * 10 + 3 * 7);
    heap_destroy(heap);
}

static void blocks_keep_their_low_bits(void **state)
{
    struct heap *heaps[] = {built_heap(describe(10, 0x400000, 1)),
                            built_heap(describe(11, 0x400000, 1))};
    struct heap *heap = merge_heaps(MERGE_ALL, heaps, 2);

    (void)state;
    assert_int_equal(heap->blocks[0].address, 0x600000);
    assert_int_equal(heap->blocks[3].address & 0xffffffffffff, 0x700000);
    assert_true(heap->blocks[2].address > 0xffffffffffff);
    for (size_t i = 0; i < heap->block_count; i++)
        assert_int_equal(heap->blocks[i].epoch, 1);
    heap_destroy(heap);
}

/* Add HEAPS[0], then HEAPS[1], which are destroyed: that must fail with EXPECTED. */
static void expect_refusal(struct heap *heaps[2], int expected, const char *words)
{
    struct merge *merge = merge_create(MERGE_ALL);
    struct error error = {0};

    assert_int_equal(merge_add(merge, heaps[0], &error), 0);
    assert_int_equal(merge_add(merge, heaps[1], &error), expected);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
    merge_destroy(merge);
    heap_destroy(heaps[0]);
    heap_destroy(heaps[1]);
}

static void what_makes_no_sum_is_refused(void **state)
{
    struct heap *twice[] = {built_heap(describe(10, 0x400000, 1)),
                            built_heap(describe(10, 0x400000, 2))};
    struct heap *many[] = {counted(1, (const uint64_t[]){UINT64_MAX, 1, 0, 0, 0}),
                           counted(2, (const uint64_t[]){1, 1, 0, 0, 0})};
    struct heap *far[2], *large[2];

    (void)state;
    expect_refusal(twice, -EEXIST, "process 10 is in the merge already");
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();

        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_stack(builder, 0, 0);
        snapshot_builder_block(builder, UINT64_MAX - i, 1, 0, 1);
        far[i] = built_heap(builder);
        builder = snapshot_builder_create();
        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_stack(builder, 0, 0);
        snapshot_builder_block(builder, 1, UINT64_MAX - i, 0, 1);
        large[i] = built_heap(builder);
    }
    expect_refusal(far, -ERANGE, "no addresses are left for its blocks");
    expect_refusal(large, -ERANGE, "the sums do not fit");
    expect_refusal(many, -ERANGE, "the sums do not fit");
}

static void huge_modules_are_refused(void **state)
{
    struct heap *heaps[2];

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();

        snapshot_builder_process(builder)->run[0] = i + 1;
        snapshot_builder_module(builder, 0, UINT64_MAX, 0, i ? "one" : "other", NULL, 0, 0);
        heaps[i] = built_heap(builder);
    }
    expect_refusal(heaps, -ERANGE, "no addresses are left for module one");
}

static void many_frames(void **state)
{
    struct heap *heaps[2], *heap;

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();
        uint32_t frame = 0;

        snapshot_builder_process(builder)->run[0] = i + 1;
        for (uint32_t j = 0; j < 5000; j++) {
            frame = snapshot_builder_frame(builder, frame, j % 50 + i * (j % 7 == 0), 0);
            snapshot_builder_stack(builder, frame, 0);
        }
        heaps[i] = built_heap(builder);
    }
    heap = merge_heaps(MERGE_ALL, heaps, 2);
    /* All differ from the first one on, which is at 0 or 1. */
    assert_int_equal(heap->frame_count, 10001);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t frame = heap->stacks[i * 5000 + 4999].frame;

        for (uint32_t j = 5000; j-- > 0; frame = heap->frames[frame].parent)
            assert_int_equal(heap->frames[frame].address, j % 50 + i * (j % 7 == 0));
        assert_int_equal(frame, 0);
    }
    heap_destroy(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_added_up),
        cmocka_unit_test(owners_and_names_stay),
        cmocka_unit_test(modules_are_united_wherever_they_lay),
        cmocka_unit_test(different_modules_are_moved_apart),
        cmocka_unit_test(a_module_is_gone_if_it_is_gone_in_all),
        cmocka_unit_test(a_deleted_file_is_not_the_one_of_its_name),
        cmocka_unit_test(only_what_is_alive),
        cmocka_unit_test(counters_and_blocks_mix),
        cmocka_unit_test(more_counters_must_be_known_of_all),
        cmocka_unit_test(sums_keep_what_is_gone),
        cmocka_unit_test(bytes_without_a_block_stay),
        cmocka_unit_test(merged_can_be_merged_again),
        cmocka_unit_test(blocks_keep_their_low_bits),
        cmocka_unit_test(what_makes_no_sum_is_refused),
        cmocka_unit_test(huge_modules_are_refused),
        cmocka_unit_test(many_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
