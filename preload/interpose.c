/* interpose.c - the interposed functions: call the real one, tell the tracker.
 *
 * A free is told before the real call, since another thread may own the address
 * after it; everything else after the real call. errno is the real call's: nothing
 * here or below changes it.
 */
#include "preload/config.h"
#include "preload/environment.h"
#include "preload/life.h"
#include "preload/real.h"
#include "preload/tracker.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* In no header of glibc 2.36: one was removed, the others come with C23. */
EXPORT void cfree(void *block);
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);

/* Tell the tracker of a new block; written in the hook itself, where the frame is. */
#define TELL(block, size)                                        \
    do {                                                         \
        if ((block) && tracker_tracing()) {                      \
            struct stack_start start = STACK_START();            \
                                                                 \
            tracker_allocated(block, size, &start);              \
        }                                                        \
    } while (0)

/* ---- allocation ------------------------------------------------------------------ */

static void *boot_or_fail(size_t size, size_t alignment)
{
    void *block = boot_alloc(size, alignment);

    if (!block)
        errno = ENOMEM;
    return block;
}

EXPORT void *malloc(size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, 1);
    block = real.malloc(size);
    TELL(block, size);
    return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
    size_t total;
    void *block;

    if (!life_ready())
        return boot_or_fail(__builtin_mul_overflow(count, size, &total) ? SIZE_MAX : total, 1);
    block = real.calloc(count, size);
    TELL(block, count * size);
    return block;
}

/* A realloc of BLOCK, which came from the static arena: it moves out of there. */
static void *realloc_boot(void *block, size_t size)
{
    void *moved = life_ready() ? real.malloc(size) : boot_or_fail(size, 1);

    if (moved)
        memcpy(moved, block, size < boot_size(block) ? size : boot_size(block));
    return moved;
}

static void *reallocate(void *block, size_t size, const struct stack_start *start)
{
    struct tracker_realloc call;
    void *moved;

    if (boot_owns(block)) {
        moved = realloc_boot(block, size);
        if (moved && !boot_owns(moved) && tracker_tracing())
            tracker_allocated(moved, size, start);
        return moved;
    }
    if (!life_ready())
        return boot_or_fail(size, 1);
    if (!tracker_tracing())
        return real.realloc(block, size);
    if (!block) {
        moved = real.realloc(NULL, size);
        if (moved)
            tracker_allocated(moved, size, start);
        return moved;
    }
    tracker_realloc_begin(&call, block);
    moved = real.realloc(block, size);
    if (moved || size == 0) /* glibc frees at size 0 */
        tracker_realloc_done(&call, moved, size, start);
    else
        tracker_realloc_failed(&call);
    return moved;
}

EXPORT void *realloc(void *block, size_t size)
{
    struct stack_start start = STACK_START();

    return reallocate(block, size, &start);
}

EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    struct stack_start start = STACK_START();
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return reallocate(block, total, &start);
}

static void release(void *block)
{
    if (!block || boot_owns(block) || !life_ready())
        return;
    if (tracker_tracing())
        tracker_freed(block);
    real.free(block);
}

EXPORT void free(void *block)
{
    release(block);
}

void cfree(void *block)
{
    release(block);
}

void free_sized(void *block, size_t size)
{
    (void)size;
    release(block);
}

void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    release(block);
}

EXPORT int posix_memalign(void **out_block, size_t alignment, size_t size)
{
    int result;

    if (!life_ready())
        return (*out_block = boot_alloc(size, alignment)) ? 0 : ENOMEM;
    result = real.posix_memalign(out_block, alignment, size);
    if (result == 0)
        TELL(*out_block, size);
    return result;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, alignment);
    block = real.aligned_alloc(alignment, size);
    TELL(block, size);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, alignment);
    block = real.memalign(alignment, size);
    TELL(block, size);
    return block;
}

EXPORT void *valloc(size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, 4096);
    block = real.valloc(size);
    TELL(block, size);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, 4096);
    block = real.pvalloc(size);
    TELL(block, size);
    return block;
}

EXPORT size_t malloc_usable_size(void *block)
{
    if (boot_owns(block))
        return boot_size(block);
    return life_ready() ? real.malloc_usable_size(block) : 0;
}

/* ---- modules and processes --------------------------------------------------------- */

EXPORT int dlclose(void *handle)
{
    int result;

    life_begin();
    result = real.dlclose(handle);
    if (tracker_tracing())
        tracker_unloaded();
    return result;
}

EXPORT pid_t _Fork(void)
{
    pid_t child;

    life_begin();
    child = real._Fork();
    if (child == 0)
        life_forked();
    return child;
}

EXPORT void _exit(int status)
{
    life_begin();
    life_exit();
    real._exit(status);
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    _exit(status);
}

/* The environment to exec with: VARIABLES, with ours put back if we stay. */
static char **exec_environment(char *const *variables)
{
    life_begin();
    return life_execs() ? environment_restored(variables, config->exec_count)
                        : (char **)variables;
}

EXPORT int execve(const char *path, char *const *arguments, char *const *variables)
{
    char **restored = exec_environment(variables);
    int result = real.execve(path, arguments, restored);

    environment_release(restored, variables);
    return result;
}

EXPORT int execvpe(const char *file, char *const *arguments, char *const *variables)
{
    char **restored = exec_environment(variables);
    int result = real.execvpe(file, arguments, restored);

    environment_release(restored, variables);
    return result;
}

EXPORT int fexecve(int descriptor, char *const *arguments, char *const *variables)
{
    char **restored = exec_environment(variables);
    int result = real.fexecve(descriptor, arguments, restored);

    environment_release(restored, variables);
    return result;
}

EXPORT int execveat(int directory, const char *path, char *const *arguments,
                    char *const *variables, int flags)
{
    char **restored = exec_environment(variables);
    int result = real.execveat(directory, path, arguments, restored, flags);

    environment_release(restored, variables);
    return result;
}

EXPORT int execv(const char *path, char *const *arguments)
{
    return execve(path, arguments, environ);
}

EXPORT int execvp(const char *file, char *const *arguments)
{
    return execvpe(file, arguments, environ);
}

/* The arguments FIRST, REST… up to the NULL, as an array on the stack of the caller,
 * as libc does it too. */
#define COLLECT(array, first, rest)                              \
    size_t count_ = 1, i_ = 1;                                   \
    va_list counted_;                                            \
                                                                 \
    va_start(rest, first);                                       \
    va_copy(counted_, rest);                                     \
    while (va_arg(counted_, char *))                             \
        count_++;                                                \
    va_end(counted_);                                            \
    array = __builtin_alloca((count_ + 1) * sizeof(char *));     \
    array[0] = (char *)first;                                    \
    do                                                           \
        array[i_] = va_arg(rest, char *);                        \
    while (array[i_++])

EXPORT int execl(const char *path, const char *first, ...)
{
    char **arguments;
    va_list rest;

    COLLECT(arguments, first, rest);
    va_end(rest);
    return execve(path, arguments, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    char **arguments;
    va_list rest;

    COLLECT(arguments, first, rest);
    va_end(rest);
    return execvpe(file, arguments, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    char **arguments, **variables;
    va_list rest;

    COLLECT(arguments, first, rest);
    variables = va_arg(rest, char **);
    va_end(rest);
    return execve(path, arguments, variables);
}
