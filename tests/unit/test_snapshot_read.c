/* The reader alone: what a good snapshot becomes, and that no bad one is accepted. */
#include "unit.h"

#include "model/heap.h"
#include "snapshot_builder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static const uint8_t build_id[] = {0xab, 0xcd, 0xef};

/* A small snapshot that has something of everything. */
static struct snapshot_builder *describe(void)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct snapshot_process *process = snapshot_builder_process(builder);
    uint32_t module, library, outer, inner, stack, other;

    process->label = snapshot_builder_string(builder, "before");
    process->epoch = 2;
    process->sequence = 2;
    snapshot_builder_account(builder)->rss = 12345678;
    module = snapshot_builder_module(builder, 0x400000, 0x500000, 0, "/opt/app/app", build_id,
                                     sizeof(build_id), SNAPSHOT_MODULE_MAIN);
    library = snapshot_builder_module(builder, 0x7f0000000000, 0x7f0000100000, 0x7f0000000000,
                                      "/opt/app/lib.so", NULL, 0, 0);
    outer = snapshot_builder_frame(builder, 0, 0x401000, module);
    inner = snapshot_builder_frame(builder, outer, 0x7f0000001234, library);
    stack = snapshot_builder_stack(builder, inner, 0);
    other = snapshot_builder_stack(builder, 0, SNAPSHOT_STACK_TRUNCATED);
    snapshot_builder_counters(builder, other, (const uint64_t[]){10, 1000, 9, 900, 3});
    snapshot_builder_epoch(builder, 1, "", 0);
    snapshot_builder_epoch(builder, 2, "begin", 500);
    snapshot_builder_block(builder, 0x7f1000000010, 100, other, 2);
    snapshot_builder_block(builder, 0x602010, 24, stack, 1);
    snapshot_builder_block(builder, 0x602030, 0, stack, 2);
    snapshot_builder_thread(builder, 1000, "app");
    snapshot_builder_sample(builder, 100, 24, 1, 0);
    snapshot_builder_sample(builder, 900, 124, 3, 4096);
    return builder;
}

static void check_described(const struct heap *heap)
{
    assert_string_equal(heap->path, "x.hds");
    assert_string_equal(heap->program, "/opt/app/app");
    assert_string_equal(heap->command, "app");
    assert_string_equal(heap->label, "before");
    assert_int_equal(heap->process->pid, 1000);
    assert_int_equal(heap->process->sequence, 2);
    assert_int_equal(heap->account->rss, 12345678);
    assert_int_equal(heap->account->live_bytes, 124);
    assert_int_equal(heap->account->live_blocks, 3);

    assert_int_equal(heap->module_count, 2);
    assert_string_equal(heap->modules[0].path, "/opt/app/app");
    assert_int_equal(heap->modules[0].flags, SNAPSHOT_MODULE_MAIN);
    assert_int_equal(heap->modules[0].build_id_size, 3);
    assert_memory_equal(heap->modules[0].build_id, build_id, 3);
    assert_int_equal(heap->modules[1].bias, 0x7f0000000000);
    assert_int_equal(heap->modules[1].end, 0x7f0000100000);
    assert_int_equal(heap->modules[1].build_id_size, 0);

    assert_int_equal(heap->frame_count, 3);
    assert_int_equal(heap->frames[0].address, 0);
    assert_int_equal(heap->frames[1].address, 0x401000);
    assert_int_equal(heap->frames[1].parent, 0);
    assert_int_equal(heap->frames[1].module, 1);
    assert_int_equal(heap->frames[2].address, 0x7f0000001234);
    assert_int_equal(heap->frames[2].parent, 1);
    assert_int_equal(heap->frames[2].module, 2);

    assert_int_equal(heap->stack_count, 2);
    assert_int_equal(heap->stacks[0].frame, 2);
    assert_int_equal(heap->stacks[0].live_blocks, 2);
    assert_int_equal(heap->stacks[0].live_bytes, 24);
    assert_int_equal(heap->stacks[0].allocations, 2);
    assert_int_equal(heap->stacks[0].allocated_bytes, 24);
    assert_int_equal(heap->stacks[1].frame, 0);
    assert_int_equal(heap->stacks[1].flags, SNAPSHOT_STACK_TRUNCATED);
    assert_int_equal(heap->stacks[1].live_blocks, 1);
    assert_int_equal(heap->stacks[1].allocations, 10);
    assert_int_equal(heap->stacks[1].allocated_bytes, 1000);
    assert_int_equal(heap->stacks[1].frees, 9);
    assert_int_equal(heap->stacks[1].freed_bytes, 900);
    assert_int_equal(heap->stacks[1].reallocations, 3);

    assert_int_equal(heap->block_count, 3);
    assert_int_equal(heap->blocks[0].address, 0x602010);
    assert_int_equal(heap->blocks[0].size, 24);
    assert_int_equal(heap->blocks[0].stack, 0);
    assert_int_equal(heap->blocks[0].epoch, 1);
    assert_int_equal(heap->blocks[1].address, 0x602030);
    assert_int_equal(heap->blocks[2].address, 0x7f1000000010);
    assert_int_equal(heap->blocks[2].stack, 1);

    assert_int_equal(heap->epoch_count, 2);
    assert_string_equal(heap->epochs[1].label, "begin");
    assert_int_equal(heap->epochs[1].time, 500);
    assert_int_equal(heap->thread_count, 1);
    assert_string_equal(heap->threads[0].name, "app");
    assert_int_equal(heap->sample_count, 2);
    assert_int_equal(heap->timeline[1].time, 900);
    assert_int_equal(heap->timeline[1].rss, 4096);
}

static void *finish(struct snapshot_builder *builder, size_t *size)
{
    void *data = snapshot_builder_finish(builder, size);

    snapshot_builder_destroy(builder);
    return data;
}

/* Parse DATA and expect it to be refused, with TEXT in the message. */
static void expect_refused(const void *data, size_t size, int code, const char *text)
{
    struct error error = {0};
    struct heap *heap = NULL;
    int result = heap_parse(data, size, "x.hds", &heap, &error);

    if (result == 0)
        heap_destroy(heap);
    assert_int_equal(result, code);
    assert_null(heap);
    assert_ptr_equal(strstr(error.text, "x.hds: "), error.text);
    assert_null(strchr(error.text, '\n'));
    if (!strstr(error.text, text))
        fail_msg("\"%s\" is not in: %s", text, error.text);
}

/* The same of what BUILDER describes, which is destroyed. */
static void expect_damage(struct snapshot_builder *builder, const char *text)
{
    size_t size;
    void *data = finish(builder, &size);

    expect_refused(data, size, -EBADMSG, text);
    free(data);
}

static struct heap *expect_good(struct snapshot_builder *builder)
{
    size_t size;
    void *data = finish(builder, &size);
    struct error error = {.text = "untouched"};
    struct heap *heap = NULL;

    if (heap_parse(data, size, "x.hds", &heap, &error) != 0)
        fail_msg("refused: %s", error.text);
    free(data);
    assert_string_equal(error.text, "untouched");
    return heap;
}

static void everything_arrives(void **state)
{
    struct heap *heap = expect_good(describe());

    (void)state;
    check_described(heap);
    heap_destroy(heap);
}

static void compressed_too(void **state)
{
    struct snapshot_builder *builder = describe();
    struct heap *heap;

    (void)state;
    snapshot_builder_compress(builder);
    heap = expect_good(builder);
    check_described(heap);
    heap_destroy(heap);
}

static void nothing_but_the_mandatory(void **state)
{
    const uint32_t optional[] = {SNAPSHOT_MODULES, SNAPSHOT_SEGMENTS, SNAPSHOT_COUNTERS,
                                 SNAPSHOT_EPOCHS,  SNAPSHOT_THREADS,  SNAPSHOT_TIMELINE};
    struct snapshot_builder *builder = snapshot_builder_create();
    struct heap *heap;

    (void)state;
    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++)
        snapshot_builder_omit(builder, optional[i]);
    heap = expect_good(builder);
    assert_int_equal(heap->frame_count, 1);
    assert_int_equal(heap->block_count + heap->stack_count + heap->module_count, 0);
    heap_destroy(heap);
}

static void unknown_sections_are_skipped(void **state)
{
    struct snapshot_builder *builder = describe();
    struct heap *heap;

    (void)state;
    snapshot_builder_section(builder, 77, 0x42, 5, "future", 6, 1000);
    heap = expect_good(builder);
    check_described(heap);
    heap_destroy(heap);
}

static void a_missing_section_is_named(void **state)
{
    static const struct {
        uint32_t kind;
        const char *text;
    } mandatory[] = {
        {SNAPSHOT_STRINGS, "no section STRINGS"},
        {SNAPSHOT_PROCESS, "no section PROCESS"},
        {SNAPSHOT_FRAMES, "no section FRAMES"},
        {SNAPSHOT_STACKS, "no section STACKS"},
        {SNAPSHOT_BLOCKS, "no section BLOCKS"},
        {SNAPSHOT_ACCOUNT, "no section ACCOUNT"},
        {SNAPSHOT_END, "cut short"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mandatory) / sizeof(*mandatory); i++) {
        struct snapshot_builder *builder = describe();

        snapshot_builder_omit(builder, mandatory[i].kind);
        expect_damage(builder, mandatory[i].text);
    }
}

static void every_truncation_is_refused(void **state)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        struct snapshot_builder *builder = describe();
        size_t size;
        void *data;

        (void)state;
        if (compressed)
            snapshot_builder_compress(builder);
        data = finish(builder, &size);
        for (size_t shorter = 0; shorter < size; shorter++) {
            /* A block of its own, so that reading past its end is seen. */
            void *copy = malloc(shorter + 1);

            memcpy(copy, data, shorter);
            copy = realloc(copy, shorter > 0 ? shorter : 1);
            expect_refused(copy, shorter, -EBADMSG,
                           shorter == 0 ? "it is empty" : "snapshot is cut short");
            free(copy);
        }
        free(data);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        struct snapshot_builder *builder = describe();
        uint8_t *data;
        size_t size;

        (void)state;
        if (compressed)
            snapshot_builder_compress(builder);
        data = finish(builder, &size);
        for (size_t bit = 0; bit < size * 8; bit++) {
            bool in_version = bit / 8 >= 8 && bit / 8 < 12;

            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            expect_refused(data, size, in_version && bit != 64 ? -EPROTONOSUPPORT : -EBADMSG, "");
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(data);
    }
}

static void every_changed_byte_behind_good_checksums_is_survived(void **state)
{
    struct snapshot_builder *builder = describe();
    uint8_t *data;
    size_t size;

    (void)state;
    data = finish(builder, &size);
    for (size_t i = 0; i < size; i++) {
        const uint8_t changes[] = {0x01, 0x80, 0xff, (uint8_t)~data[i]};

        for (size_t j = 0; j < sizeof(changes); j++) {
            uint8_t *copy = malloc(size);
            struct heap *heap;

            memcpy(copy, data, size);
            copy[i] ^= changes[j];
            snapshot_builder_repair(copy, size);
            if (heap_parse(copy, size, "x.hds", &heap, NULL) == 0)
                heap_destroy(heap);
            free(copy);
        }
    }
    free(data);
}

static void what_is_no_snapshot_is_said(void **state)
{
    struct snapshot_builder *builder = describe();
    size_t size;
    uint8_t *data;

    (void)state;
    expect_refused("", 0, -EBADMSG, "not a snapshot: it is empty");
    expect_refused("#!/bin/sh\necho hello\n", 21, -EBADMSG, "not a heapdelta snapshot");
    expect_refused("HEAP", 4, -EBADMSG, "cut short");
    expect_refused("HEAPX", 5, -EBADMSG, "not a heapdelta snapshot");

    snapshot_builder_version(builder, 7);
    data = finish(builder, &size);
    expect_refused(data, size, -EPROTONOSUPPORT, "version 7");
    free(data);
    builder = describe();
    snapshot_builder_version(builder, 0);
    expect_damage(builder, "at byte 8: there is no version 0");
}

static void bytes_behind_the_end_are_refused(void **state)
{
    size_t size;
    char *data = finish(describe(), &size);

    (void)state;
    data = realloc(data, size + 3);
    memset(data + size, 0, 3);
    expect_refused(data, size + 3, -EBADMSG, "3 bytes behind the end");
    free(data);
}

/* One section of KIND replaced by the COUNT records at PAYLOAD. */
static struct snapshot_builder *replace(uint32_t kind, uint32_t encoding, uint64_t count,
                                        const void *payload, size_t size)
{
    struct snapshot_builder *builder = describe();

    snapshot_builder_omit(builder, kind);
    snapshot_builder_section(builder, kind, encoding, count, payload, size, size);
    return builder;
}

static void sections_must_fit_their_kind(void **state)
{
    struct snapshot_builder *builder = describe();

    (void)state;
    snapshot_builder_section(builder, SNAPSHOT_STACKS, SNAPSHOT_VARINT, 0, "", 0, 0);
    expect_damage(builder, "a second section STACKS");

    expect_damage(replace(SNAPSHOT_STACKS, SNAPSHOT_FIXED, 0, "", 0), "unknown encoding 0x1");
    expect_damage(replace(SNAPSHOT_STACKS, SNAPSHOT_VARINT, 3, "\0\0\0\0", 4),
                  "3 records cannot have 4 bytes");
    expect_damage(replace(SNAPSHOT_FRAMES, SNAPSHOT_VARINT, UINT64_MAX / 2, "\0\0\0", 3),
                  "records cannot have 3 bytes");
    expect_damage(replace(SNAPSHOT_THREADS, SNAPSHOT_FIXED, 1, "1234567", 7),
                  "1 records cannot have 7 bytes");
    expect_damage(replace(SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 0, "", 0), "0 processes, not one");
    expect_damage(replace(SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 0, "", 0), "0 accounts, not one");
    expect_damage(replace(SNAPSHOT_STRINGS, SNAPSHOT_BYTES, 0, "", 0), "the empty string");
    expect_damage(replace(SNAPSHOT_STRINGS, SNAPSHOT_BYTES, 2, "a", 2), "the empty string");
    expect_damage(replace(SNAPSHOT_STRINGS, SNAPSHOT_BYTES, 3, "\0ab", 3),
                  "its last string does not end");
    expect_damage(replace(SNAPSHOT_STRINGS, SNAPSHOT_BYTES, 1, "", 1), "there is no string");

    builder = describe();
    snapshot_builder_omit(builder, SNAPSHOT_STACKS);
    snapshot_builder_section(builder, SNAPSHOT_STACKS, SNAPSHOT_VARINT, 1, "\0\0", 2, 5);
    expect_damage(builder, "not compressed, yet has two lengths");
}

static void numbers_must_lie_in_their_tables(void **state)
{
    struct snapshot_builder *builder;

    (void)state;
    expect_damage(replace(SNAPSHOT_FRAMES, SNAPSHOT_VARINT, 1, "\1\0\0", 3),
                  "frame 1 has the parent 1");
    expect_damage(replace(SNAPSHOT_FRAMES, SNAPSHOT_VARINT, 1, "\0\0\3", 3),
                  "frame 1 lies in module 3 of 2");
    expect_damage(replace(SNAPSHOT_STACKS, SNAPSHOT_VARINT, 2, "\2\0\3\0", 4),
                  "stack 1 begins in frame 3 of 2");
    expect_damage(replace(SNAPSHOT_COUNTERS, SNAPSHOT_VARINT, 1, "\0\0\0\0\0", 5),
                  "counters of 1 stacks, there are 2");

    builder = describe();
    snapshot_builder_block(builder, 0x1000, 1, 2, 1);
    expect_damage(builder, "block 3 has stack 2 of 2");
    builder = describe();
    snapshot_builder_block(builder, 0x1000, 1, 1, 3);
    expect_damage(builder, "block 3 has epoch 3 of 2");
    builder = describe();
    snapshot_builder_block(builder, 0x1000, 1, 1, 0);
    expect_damage(builder, "block 3 has epoch 0 of 2");
    builder = describe();
    snapshot_builder_block(builder, 0x602010, 1, 1, 1);
    expect_damage(builder, "two blocks at address 0x602010");
    builder = describe();
    snapshot_builder_block(builder, 0x1000, UINT64_MAX, 1, 1);
    expect_damage(builder, "impossibly large");
    builder = describe();
    snapshot_builder_account(builder)->live_bytes = 125;
    expect_damage(builder, "blocks of 124 bytes, the account has 125");
    builder = describe();
    snapshot_builder_account(builder)->live_blocks = 4;
    expect_damage(builder, "3 blocks, the account has 4");
    builder = describe();
    snapshot_builder_epoch(builder, 2, "again", 600);
    expect_damage(builder, "epoch 2 is out of order");
    builder = describe();
    snapshot_builder_process(builder)->label = 100000;
    expect_damage(builder, "there is no string 100000");
    builder = describe();
    snapshot_builder_module(builder, 0x2000, 0x1000, 0, "/x", NULL, 0, 0);
    expect_damage(builder, "module 2 ends before it begins");
    builder = describe();
    snapshot_builder_module(builder, 0x1000, 0x2000, 0, "/x", (uint8_t[33]){0}, 33, 0);
    expect_damage(builder, "module 2 has a build-id of 33 bytes");
    builder = describe();
    snapshot_builder_omit(builder, SNAPSHOT_SEGMENTS);
    expect_damage(builder, "0 segments, the modules 2");
}

static void varints_must_end(void **state)
{
    (void)state;
    expect_damage(replace(SNAPSHOT_TIMELINE, SNAPSHOT_VARINT, 1, "\0\0\0\x80", 4),
                  "a number does not end");
    expect_damage(replace(SNAPSHOT_TIMELINE, SNAPSHOT_VARINT, 1, "\0\0\0\0\0", 5),
                  "bytes behind its last record");
    expect_damage(replace(SNAPSHOT_TIMELINE, SNAPSHOT_VARINT, 1,
                          "\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 13),
                  "too large");
}

/* A timeline of COUNT zero samples, packed, that claims to be RAW bytes. */
static struct snapshot_builder *packed_zeros(size_t size, uint64_t count, uint64_t raw)
{
    struct snapshot_builder *builder = describe();
    void *zeros = calloc(size, 1);
    size_t bound = ZSTD_compressBound(size);
    void *packed = malloc(bound);
    size_t packed_size = ZSTD_compress(packed, bound, zeros, size, 1);

    snapshot_builder_omit(builder, SNAPSHOT_TIMELINE);
    snapshot_builder_section(builder, SNAPSHOT_TIMELINE, SNAPSHOT_VARINT | SNAPSHOT_ZSTD, count,
                             packed, packed_size, raw);
    free(packed);
    free(zeros);
    return builder;
}

static void compressed_sections_must_unpack(void **state)
{
    struct heap *heap;

    (void)state;
    heap = expect_good(packed_zeros(4000, 1000, 4000));
    assert_int_equal(heap->sample_count, 1000);
    heap_destroy(heap);
    expect_damage(packed_zeros(4000, 1000, 4001), "does not unpack to 4001 bytes");
    expect_damage(packed_zeros(4004, 1000, 4000), "does not unpack to 4000 bytes");
    expect_damage(packed_zeros(100 << 20, 25 << 20, 100 << 20), "zip bomb");
    expect_damage(packed_zeros(4, 1, (uint64_t)1 << 60), "zip bomb");
    expect_damage(replace(SNAPSHOT_TIMELINE, SNAPSHOT_VARINT | SNAPSHOT_ZSTD, 1, "\0\0\0\0", 4),
                  "not one zstd frame");
    expect_damage(replace(SNAPSHOT_TIMELINE, SNAPSHOT_VARINT | SNAPSHOT_ZSTD, 0, "", 0),
                  "not one zstd frame");
}

static void blocks_are_sorted(void **state)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    uint32_t stack = snapshot_builder_stack(builder, 0, 0);
    struct heap *heap;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        snapshot_builder_block(builder, 0x10000 + i * 7919 % 1000 * 16, i, stack, 1);
    heap = expect_good(builder);
    assert_int_equal(heap->block_count, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(heap->blocks[i].address, 0x10000 + i * 16);
    assert_int_equal(heap->stacks[0].live_bytes, 999 * 1000 / 2);
    heap_destroy(heap);
}

static void expect_load(const char *path, int code, const char *text)
{
    struct error error = {0};
    struct heap *heap = NULL;

    assert_int_equal(heap_load(path, &heap, &error), code);
    if (!strstr(error.text, text) || !strstr(error.text, path))
        fail_msg("\"%s\" is not in: %s", text, error.text);
}

static void files_are_loaded(void **state)
{
    char directory[] = "/tmp/test_snapshot_read.XXXXXX", path[100];
    struct heap *heap;
    struct error error;
    size_t size;
    void *data = finish(describe(), &size);

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/x.hds", directory);

    expect_load(path, -ENOENT, "No such file");
    expect_load(directory, -EISDIR, "it is a directory");
    assert_int_equal(snapshot_builder_save(path, data, size), 0);
    assert_int_equal(heap_load(path, &heap, &error), 0);
    assert_string_equal(heap->path, path);
    assert_int_equal(heap->block_count, 3);
    heap_destroy(heap);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    expect_load(path, -EBADMSG, "cut short");
    assert_int_equal(truncate(path, 0), 0);
    expect_load(path, -EBADMSG, "it is empty");
    /* Larger than all memory, yet nothing: refused by its first bytes. */
    assert_int_equal(truncate(path, (off_t)1 << 42), 0);
    expect_load(path, -EBADMSG, "not a heapdelta snapshot");
    expect_load("/dev/zero", -EBADMSG, "not a heapdelta snapshot");
    unlink(path);
    rmdir(directory);
    free(data);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct heap *heap;
    struct error error;
    size_t size;
    void *data = finish(describe(), &size);
    char path[50];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(write(ends[1], data, size) == (ssize_t)size);
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_int_equal(heap_load(path, &heap, &error), 0);
    assert_int_equal(heap->block_count, 3);
    heap_destroy(heap);
    close(ends[0]);
    free(data);
}

/* Snapshots of older versions, as tests/snapshots/ keeps them, stay readable. */
static void recorded_snapshots_are_read(void **state)
{
    const char *root = getenv("SOURCE_ROOT");
    char path[PATH_MAX];
    struct heap *heap;
    struct error error;

    (void)state;
    if (!root)
        skip();
    snprintf(path, sizeof(path), "%s/tests/snapshots/version-1.hds", root);
    if (heap_load(path, &heap, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(heap->process->run[0], 0x1122334455667788);
    assert_string_equal(heap->command, "app --verbose file");
    assert_int_equal(heap->module_count, 2);
    assert_string_equal(heap->modules[1].path, "/opt/app/lib/libplug.so");
    assert_int_equal(heap->frame_count, 5);
    assert_int_equal(heap->frames[4].address, 0x7f1234567890);
    assert_int_equal(heap->stack_count, 3);
    assert_int_equal(heap->stacks[0].live_bytes, 1000);
    assert_int_equal(heap->stacks[0].reallocations, 5);
    assert_int_equal(heap->block_count, 12);
    assert_int_equal(heap->blocks[11].address, 0x7f2000000010);
    assert_string_equal(heap->epochs[1].label, "begin");
    assert_string_equal(heap->threads[1].name, "worker");
    assert_int_equal(heap->timeline[1].bytes, 1017);
    assert_int_equal(heap->account->peak_bytes, 5000);
    heap_destroy(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(compressed_too),
        cmocka_unit_test(nothing_but_the_mandatory),
        cmocka_unit_test(unknown_sections_are_skipped),
        cmocka_unit_test(a_missing_section_is_named),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_changed_byte_behind_good_checksums_is_survived),
        cmocka_unit_test(what_is_no_snapshot_is_said),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(sections_must_fit_their_kind),
        cmocka_unit_test(numbers_must_lie_in_their_tables),
        cmocka_unit_test(varints_must_end),
        cmocka_unit_test(compressed_sections_must_unpack),
        cmocka_unit_test(blocks_are_sorted),
        cmocka_unit_test(files_are_loaded),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(recorded_snapshots_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
