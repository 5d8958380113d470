#include "model/intern.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct string {
    UT_hash_handle hh;
    char text[];
};

struct intern {
    struct string *strings;
};

struct intern *intern_create(void)
{
    return calloc(1, sizeof(struct intern));
}

void intern_destroy(struct intern *pool)
{
    struct string *string, *next;

    if (!pool)
        return;
    HASH_ITER(hh, pool->strings, string, next) {
        HASH_DEL(pool->strings, string);
        free(string);
    }
    free(pool);
}

const char *intern_string(struct intern *pool, const char *text)
{
    struct string *string;
    size_t length;

    if (!text)
        return NULL;
    length = strlen(text);
    HASH_FIND(hh, pool->strings, text, length, string);
    if (string)
        return string->text;

    string = malloc(sizeof(*string) + length + 1);
    if (!string)
        return NULL;
    memcpy(string->text, text, length + 1);
    HASH_ADD_KEYPTR(hh, pool->strings, string->text, length, string);
    if (!string->hh.tbl) { /* uthash had no memory for its own */
        free(string);
        return NULL;
    }
    return string->text;
}
