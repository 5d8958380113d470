#include "views/paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct path {
    const char *text;
    size_t start; /* of the part that is shown */
};

struct paths {
    struct path *items; /* after shortening: without doubles, in the order of their ends */
    size_t count, room;
};

struct paths *paths_create(void)
{
    return calloc(1, sizeof(struct paths));
}

void paths_destroy(struct paths *paths)
{
    if (!paths)
        return;
    free(paths->items);
    free(paths);
}

int paths_add(struct paths *paths, const char *path)
{
    if (paths->count == paths->room) {
        size_t room = paths->room ? paths->room * 2 : 64;
        struct path *items = reallocarray(paths->items, room, sizeof(*items));

        if (!items)
            return -ENOMEM;
        paths->items = items;
        paths->room = room;
    }
    paths->items[paths->count++] = (struct path){path, 0};
    return 0;
}

/* The rank of a byte of a path: a slash comes before all others. */
static int rank(char byte)
{
    return byte == '/' ? 0 : (unsigned char)byte + 1;
}

/* Order of the paths read backwards: those with the same last parts lie together. */
static int compare_backwards(const void *a, const void *b)
{
    const struct path *left = a, *right = b;
    size_t i = strlen(left->text), j = strlen(right->text);

    while (i > 0 && j > 0) {
        i--, j--;
        if (left->text[i] != right->text[j])
            return rank(left->text[i]) < rank(right->text[j]) ? -1 : 1;
    }
    return (i > j) - (i < j);
}

/* Is END the last part, or parts, of PATH? */
static bool has_end(const char *path, const char *end)
{
    size_t length = strlen(path), end_length = strlen(end);

    return length >= end_length && strcmp(path + length - end_length, end) == 0 &&
           (length == end_length || path[length - end_length - 1] == '/');
}

/* Show as many parts of ITEM as it takes to tell it from OTHER. */
static void tell_apart(struct path *item, const char *other)
{
    while (item->start > 0 && has_end(other, item->text + item->start)) {
        item->start--;
        while (item->start > 0 && item->text[item->start - 1] != '/')
            item->start--;
    }
}

void paths_shorten(struct paths *paths)
{
    size_t count = 0;

    if (paths->count == 0)
        return;
    qsort(paths->items, paths->count, sizeof(*paths->items), compare_backwards);
    for (size_t i = 0; i < paths->count; i++) {
        struct path *item = &paths->items[i];
        const char *slash;

        if (count > 0 && strcmp(paths->items[count - 1].text, item->text) == 0)
            continue;
        slash = strrchr(item->text, '/');
        item->start = slash ? (size_t)(slash + 1 - item->text) : 0;
        paths->items[count++] = *item;
    }
    paths->count = count;
    for (size_t i = 0; i + 1 < count; i++) {
        tell_apart(&paths->items[i], paths->items[i + 1].text);
        tell_apart(&paths->items[i + 1], paths->items[i].text);
    }
}

const char *paths_short(const struct paths *paths, const char *path)
{
    struct path key = {path, 0};
    const struct path *item =
        bsearch(&key, paths->items, paths->count, sizeof(*paths->items), compare_backwards);

    return item ? path + item->start : path;
}
