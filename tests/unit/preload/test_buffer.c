#include "child.h"

#include "format/varint.h"
#include "preload/arena.h"
#include "preload/buffer.h"

#include <stdlib.h>
#include <string.h>

#define PIECES 3000

static uint8_t text[1000];

/* Put the pieces into BUFFER; returns how many bytes that should be. */
static size_t fill(struct buffer *buffer)
{
    size_t size = 0;

    for (size_t i = 0; i < PIECES; i++) {
        size_t length = i * 7919 % sizeof(text);
        uint8_t bytes[VARINT_MAX_SIZE];

        buffer_put(buffer, text + i % 7, length - length / 100 * 7);
        buffer_put_varint(buffer, (uint64_t)i << i % 64);
        size += length - length / 100 * 7 + varint_put(bytes, (uint64_t)i << i % 64);
    }
    return size;
}

/* Check the first SIZE bytes at DATA, whole pieces or not. */
static void check(const uint8_t *data, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < PIECES && at < size; i++) {
        size_t length = i * 7919 % sizeof(text);
        uint64_t number;

        length -= length / 100 * 7;
        assert_true(length <= size - at);
        assert_memory_equal(data + at, text + i % 7, length);
        at += length;
        if (at == size)
            return;
        length = varint_get(data + at, size - at, &number);
        assert_int_not_equal(length, 0);
        assert_true(number == (uint64_t)i << i % 64);
        at += length;
    }
    assert_int_equal(at, size);
}

static int make_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

static void bytes_and_varints_follow_each_other(void **state)
{
    struct buffer buffer = { NULL, 0, 0, false };
    size_t size;

    (void)state;
    for (int round = 0; round < 2; round++) {
        size = fill(&buffer);
        assert_false(buffer.failed);
        assert_int_equal(buffer.size, size);
        check(buffer.data, size);
        assert_true(arena_used(ARENA_OTHER) >= size);
        buffer_finish(&buffer);
        assert_int_equal(arena_used(ARENA_OTHER), 0);
        assert_null(buffer.data);
        assert_int_equal(buffer.size, 0);
    }
    buffer_finish(&buffer);
}

static void a_piece_larger_than_the_buffer_fits(void **state)
{
    const size_t size = 1000003;
    struct buffer buffer = { NULL, 0, 0, false };
    uint8_t *large = malloc(size);

    (void)state;
    memset(large, 5, size);
    buffer_put(&buffer, text, 3);
    buffer_put(&buffer, large, size);
    assert_false(buffer.failed);
    assert_int_equal(buffer.size, size + 3);
    assert_memory_equal(buffer.data + 3, large, size);
    buffer_finish(&buffer);
    free(large);
}

static bool fill_without_memory(void)
{
    struct buffer buffer = { NULL, 0, 0, false };
    size_t size = fill(&buffer);
    bool complete = !buffer.failed;

    arena_fail_after(0);
    assert_int_equal(complete, buffer.size == size);
    check(buffer.data, buffer.size);
    if (!complete) {
        size = buffer.size;
        buffer_put(&buffer, text, 1);
        buffer_put_varint(&buffer, 1);
        assert_true(buffer.failed);
        assert_int_equal(buffer.size, size);
    }
    buffer_finish(&buffer);
    assert_int_equal(arena_used(ARENA_OTHER), 0);
    assert_false(buffer.failed);
    return complete;
}

static void nothing_is_put_behind_a_gap(void **state)
{
    (void)state;
    child_starve(fill_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(bytes_and_varints_follow_each_other),
        child_test(a_piece_larger_than_the_buffer_fits),
        cmocka_unit_test(nothing_is_put_behind_a_gap),
    };

    return cmocka_run_group_tests(tests, make_text, NULL);
}
