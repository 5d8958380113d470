#include "scarce.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static unsigned left = UINT_MAX; /* UINT_MAX: all succeed */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *string);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *string);

void scarce_fail_after(unsigned before)
{
    left = before;
    failed = false;
}

bool scarce_failed(void)
{
    left = UINT_MAX;
    return failed;
}

static bool fails(void)
{
    if (left == UINT_MAX || left-- > 0)
        return false;
    left = UINT_MAX;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *string)
{
    return fails() ? NULL : __real_strdup(string);
}
