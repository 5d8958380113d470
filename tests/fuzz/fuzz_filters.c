/* The target: whatever a pattern is, it is refused with words, or it decides.
 *
 * An input is a list of patterns, a line each: after + it includes, after - it excludes, after ~
 * the frames that it matches are skipped.
 */
#include "model/filter.h"
#include "promise.h"

#include <errno.h>
#include <string.h>

static const struct symbol symbols[] = {
    {.file = "/src/app.c", .line = 10, .function = "main", .module = "app", .place = "app(main)"},
    {.file = "/src/lib/cache.c", .line = 31, .function = "ns::fill(int, char*)", .module = "libx.so.1",
     .place = "libx.so.1(ns::fill(int, char*))"},
    {.file = "/usr/include/c++/12/bits/stl_vector.h", .line = 1, .module = "app",
     .function = "std::vector<int, std::allocator<int> >::push_back(int const&)", .place = "app(std::vector)"},
    {.function = "xmalloc", .module = "app", .place = "app(xmalloc)"},
    {.module = "libc.so.6", .place = "libc.so.6+0x1234"},
    {.place = "0x1234"},
};
static const struct filter_owner owners[] = {
    {.domain = 0},
    {.domain = 7, .tid = 77, .thread_name = "worker", .thread_start = &symbols[0], .type = "struct item[4]"},
    {.domain = UINT32_MAX, .thread_start = &symbols[4], .type = "std::string"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Add the pattern TEXT of KIND to FILTER. Whether it is one. */
static bool add(struct filter *filter, enum filter_kind kind, const char *text)
{
    struct error error = {0};
    int result = filter_add(filter, kind, text, &error);

    PROMISE(result == 0 || result == -EINVAL);
    PROMISE((result == 0) == (error.text[0] == 0));
    PROMISE(!strchr(error.text, '\n') && !strchr(error.text, '\033'));
    return result == 0;
}

static bool keeps(const struct filter *filter, size_t owner, size_t newest)
{
    const struct symbol *stack[COUNT(symbols)];

    for (size_t i = 0; i < COUNT(symbols); i++)
        stack[i] = &symbols[i];
    filter_skips(filter, &symbols[newest]);
    return filter_keeps(filter, &owners[owner], &symbols[newest], stack, COUNT(symbols));
}

/* A pattern that is to include keeps just the blocks that it would exclude. */
static void check_alone(const char *text)
{
    struct filter *one = filter_create(), *other = filter_create();

    PROMISE(one && other && !filter_has_patterns(one));
    if (add(one, FILTER_INCLUDE, text)) {
        PROMISE(add(other, FILTER_EXCLUDE, text));
        PROMISE(filter_has_patterns(one) && filter_has_patterns(other));
        PROMISE(filter_wants_all_frames(one) == filter_wants_all_frames(other));
        for (size_t i = 0; i < COUNT(owners); i++)
            for (size_t j = 0; j < COUNT(symbols); j++)
                PROMISE(keeps(one, i, j) != keeps(other, i, j));
    } else {
        PROMISE(!add(other, FILTER_EXCLUDE, text));
    }
    filter_destroy(one);
    filter_destroy(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char kinds[] = {[FILTER_INCLUDE] = '+', [FILTER_EXCLUDE] = '-', [FILTER_SKIP] = '~'};
    struct filter *filter = filter_create();
    size_t at = 0, good = 0;

    while (at < size) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        const char *kind = length > 0 ? memchr(kinds, data[at], sizeof(kinds)) : NULL;
        char *text = strndup((const char *)data + at + (kind != NULL), length - (kind != NULL));

        good += add(filter, kind ? (enum filter_kind)(kind - kinds) : FILTER_INCLUDE, text);
        check_alone(text);
        free(text);
        at += length + 1;
    }
    if (size % 2)
        filter_look_at_all_frames(filter);
    if (size % 4 > 1)
        filter_follow_tracemalloc(filter);
    filter_wants_threads(filter);
    filter_wants_types(filter);
    for (size_t i = 0; i < COUNT(owners); i++)
        for (size_t j = 0; j < COUNT(symbols); j++)
            keeps(filter, i, j);
    filter_destroy(filter);
    return good > 0 ? 0 : -1;
}
