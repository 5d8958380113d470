/* interpose.c - the interposed functions: call the real one, tell the tracker.
 *
 * A free is told before the real call, since another thread may own the address
 * after it; everything else after the real call. errno is the real call's: nothing
 * here or below changes it.
 */
#include "preload/attention.h"
#include "preload/control.h"
#include "preload/environment.h"
#include "preload/executable.h"
#include "preload/identity.h"
#include "preload/life.h"
#include "preload/message.h"
#include "preload/real.h"
#include "preload/signals.h"
#include "preload/syscall.h"
#include "preload/tracker.h"
#include "preload/tracker_event.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* In no header of glibc 2.36: one was removed, the others come with C23. */
EXPORT void cfree(void *block);
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);

/* Other names of the same, for the binary interface only. */
EXPORT int __sigaction(int number, const struct sigaction *action, struct sigaction *out_before);
EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler);
EXPORT sighandler_t bsd_signal(int number, sighandler_t handler);

/* Let the tracker's function TELL know of a new block; written in the hook itself, where the
 * frame is. */
#define TELL_BY(tell, block, size)                               \
    do {                                                         \
        if (__builtin_expect((block) != NULL, true)) {           \
            struct stack_start start = STACK_START();            \
                                                                 \
            tell(block, size, &start);                           \
        }                                                        \
        attend_with(block);                                      \
    } while (0)
#define TELL(block, size) TELL_BY(tracker_allocated, block, size)
#define TELL_SHORTLY(block, size) TELL_BY(tracker_event_allocated, block, size)

/* Do what was asked for, or is due. */
static inline void attend(void)
{
    if (attention_needed())
        control_serve();
}

/* The same, about to return BLOCK. */
static inline void attend_with(const void *block)
{
    if (attention_needed())
        control_serve_returning(block);
}

/* A hook that has nothing to do but to pass on (attention.h) is a few loads and a jump.
 * Otherwise it jumps to its own other half, named …_awake, which so has its frame. */
#define AWAKE static __attribute__((noinline))

/* ---- allocation ------------------------------------------------------------------ */

static void *boot_or_fail(size_t size, size_t alignment)
{
    void *block = boot_alloc(size, alignment);

    if (!block)
        errno = ENOMEM;
    return block;
}

AWAKE void *malloc_awake(size_t size)
{
    void *block;

    if (!life_ready())
        return boot_or_fail(size, 1);
    block = real.malloc(size);
    TELL_SHORTLY(block, size);
    return block;
}

EXPORT void *malloc(size_t size)
{
    return attention_asleep() ? real.malloc(size) : malloc_awake(size);
}

AWAKE void *calloc_awake(size_t count, size_t size)
{
    size_t total;
    void *block;

    if (!life_ready())
        return boot_or_fail(__builtin_mul_overflow(count, size, &total) ? SIZE_MAX : total, 1);
    block = real.calloc(count, size);
    TELL_SHORTLY(block, count * size);
    return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
    return attention_asleep() ? real.calloc(count, size) : calloc_awake(count, size);
}

/* A realloc of BLOCK, which came from the static arena: it moves out of there. */
static void *realloc_boot(void *block, size_t size)
{
    void *moved = life_ready() ? real.malloc(size) : boot_or_fail(size, 1);

    if (moved)
        memcpy(moved, block, size < boot_size(block) ? size : boot_size(block));
    return moved;
}

/* A realloc that takes the old block out of the tables while it runs. */
static __attribute__((noinline)) void *realloc_known(void *block, size_t size,
                                                     const struct stack_start *start)
{
    struct tracker_realloc call;
    void *moved;
    bool done;

    tracker_realloc_begin(&call, block);
    moved = real.realloc(block, size);
    done = moved || size == 0; /* glibc frees at size 0 */
    call.block = done ? moved : block;
    call.size = done ? size : call.old.size;
    atomic_store_explicit(&call.returned, true, memory_order_release); /* now may come a fork */
    if (done)
        tracker_realloc_done(&call, moved, size, start);
    else
        tracker_realloc_failed(&call);
    return moved;
}

AWAKE void *realloc_awake(void *block, size_t size)
{
    void *moved;

    if (boot_owns(block)) {
        moved = realloc_boot(block, size);
        if (boot_owns(moved))
            return moved;
    } else if (!life_ready()) {
        return boot_or_fail(size, 1);
    } else if (block && tracker_tracing()) {
        struct stack_start start = STACK_START();

        moved = realloc_known(block, size, &start);
        attend_with(moved);
        return moved;
    } else {
        moved = real.realloc(block, size);
        if (block) { /* not tracing */
            attend();
            return moved;
        }
    }
    TELL_SHORTLY(moved, size);
    return moved;
}

static inline void *reallocate(void *block, size_t size)
{
    return attention_asleep() && !boot_owns(block) ? real.realloc(block, size)
                                                   : realloc_awake(block, size);
}

EXPORT void *realloc(void *block, size_t size)
{
    return reallocate(block, size);
}

EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return reallocate(block, total);
}

static __attribute__((noinline)) void free_otherwise(void *block)
{
    if (!block || boot_owns(block) || !life_ready())
        return;
    tracker_freed(block);
    real.free(block);
    attend();
}

AWAKE void free_awake(void *block)
{
    if (__builtin_expect(!tracker_event_freed(block), false)) {
        free_otherwise(block);
        return;
    }
    real.free(block);
    attend();
}

static inline void release(void *block)
{
    if (attention_asleep() && !boot_owns(block))
        real.free(block);
    else
        free_awake(block);
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

    if (!life_ready()) {
        void *block = boot_alloc(size, alignment);

        if (!block)
            return ENOMEM; /* *OUT_BLOCK stays as it is, as POSIX has it */
        *out_block = block;
        return 0;
    }
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
    attend();
    return result;
}

EXPORT pid_t _Fork(void)
{
    pid_t child;

    life_begin();
    life_before_fork();
    child = real._Fork();
    if (child == 0)
        life_forked();
    else
        life_after_fork();
    return child;
}

EXPORT void _exit(int status)
{
    life_begin();
    life_exit(SNAPSHOT_AT_EXIT);
    real._exit(status);
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    _exit(status);
}

/* Whether ours are to be in the environment of a program that is executed. */
static bool before_exec(void)
{
    life_begin();
    return life_follows();
}

/* The environment to exec PROGRAM with: VARIABLES, with ours put back if we stay (FOLLOWED) and there
 * is no OBJECTION. */
static char **environment_for(const char *program, bool followed, const char *objection,
                              char *const *variables)
{
    char **restored = (char **)variables;

    if (objection && !life_follows_others())
        message_line("'", program, "' runs untraced: ", objection, NULL);
    if (followed)
        restored = environment_restored(variables, life_own() ? identity_exec_count() + 1 : 0,
                                        !objection && environment_has_library());
    if (life_own())
        life_before_exec();
    return restored;
}

/* The exec with RESTORED, made of VARIABLES, failed. */
static void after_exec(char **restored, char *const *variables)
{
    environment_release(restored, variables);
    if (life_own())
        life_exec_failed();
}

EXPORT int execve(const char *path, char *const *arguments, char *const *variables)
{
    bool followed = before_exec();
    const char *objection = followed ? executable_objection(AT_FDCWD, path) : NULL;
    char **restored = environment_for(path, followed, objection, variables);
    int result = real.execve(path, arguments, restored);

    after_exec(restored, variables);
    return result;
}

EXPORT int execvpe(const char *file, char *const *arguments, char *const *variables)
{
    bool followed = before_exec();
    const char *objection = followed ? executable_objection_in_path(file) : NULL;
    char **restored = environment_for(file, followed, objection, variables);
    int result = real.execvpe(file, arguments, restored);

    after_exec(restored, variables);
    return result;
}

EXPORT int fexecve(int descriptor, char *const *arguments, char *const *variables)
{
    bool followed = before_exec() && variables; /* it takes no NULL, as the others do */
    const char *objection = followed ? executable_objection_to(descriptor) : NULL;
    char **restored = environment_for("fexecve", followed, objection, variables);
    int result = real.fexecve(descriptor, arguments, restored);

    after_exec(restored, variables);
    return result;
}

EXPORT int execveat(int directory, const char *path, char *const *arguments,
                    char *const *variables, int flags)
{
    bool followed = before_exec();
    bool itself =
        flags & AT_EMPTY_PATH && syscall_can_read((uintptr_t)path & ~(uintptr_t)7) && !*path;
    const char *objection = !followed ? NULL
                            : itself  ? executable_objection_to(directory)
                                      : executable_objection(directory, path);
    char **restored = environment_for(path, followed, objection, variables);
    int result = real.execveat(directory, path, arguments, restored, flags);

    after_exec(restored, variables);
    return result;
}

/* The environment to spawn a child with, to whose program there is an OBJECTION or NULL. Ours are in
 * VARIABLES if children are FOLLOWED. */
static char **environment_of_child(bool followed, const char *objection, char *const *variables)
{
    return followed && (objection || !environment_has_library())
               ? environment_restored(variables, 0, false)
               : (char **)variables;
}

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const *arguments,
                       char *const *variables)
{
    bool followed = before_exec() && life_follows_others();
    const char *objection = followed ? executable_objection(AT_FDCWD, path) : NULL;
    char **ours = environment_of_child(followed, objection, variables);
    int result = real.posix_spawn(child, path, actions, attributes, arguments, ours);

    environment_release(ours, variables);
    return result;
}

EXPORT int posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *arguments,
                        char *const *variables)
{
    bool followed = before_exec() && life_follows_others();
    const char *objection = followed ? executable_objection_in_path(file) : NULL;
    char **ours = environment_of_child(followed, objection, variables);
    int result = real.posix_spawnp(child, file, actions, attributes, arguments, ours);

    environment_release(ours, variables);
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

/* ---- signals ------------------------------------------------------------------------ */

/* A handler of ours is told as SIG_DFL; a signal set to SIG_DFL is ours again. */

EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *out_before)
{
    /* Asked before the call: ACTION may be OUT_BEFORE. */
    bool to_default = action && action->sa_handler == SIG_DFL, set = action != NULL;
    int result;

    life_begin();
    result = real.sigaction(number, action, out_before);
    if (result == 0 && out_before && signals_is_ours(out_before->sa_handler))
        *out_before = (struct sigaction){ .sa_handler = SIG_DFL };
    if (result == 0 && set)
        signals_set(number, to_default);
    return result;
}

int __sigaction(int number, const struct sigaction *action, struct sigaction *out_before)
{
    return sigaction(number, action, out_before);
}

/* What was set before, HANDLER having been set for signal NUMBER. */
static sighandler_t told(int number, sighandler_t handler, sighandler_t before)
{
    if (before != SIG_ERR)
        signals_set(number, handler == SIG_DFL);
    return signals_is_ours(before) ? SIG_DFL : before;
}

EXPORT sighandler_t signal(int number, sighandler_t handler)
{
    life_begin();
    return told(number, handler, real.signal(number, handler));
}

EXPORT sighandler_t bsd_signal(int number, sighandler_t handler)
{
    return signal(number, handler);
}

EXPORT sighandler_t ssignal(int number, sighandler_t handler)
{
    return signal(number, handler);
}

EXPORT sighandler_t sysv_signal(int number, sighandler_t handler)
{
    life_begin();
    return told(number, handler, real.sysv_signal(number, handler));
}

sighandler_t __sysv_signal(int number, sighandler_t handler)
{
    return sysv_signal(number, handler);
}

/* ---- seccomp ------------------------------------------------------------------------- */

/* As libc has it: whoever passes less does not mind what else is passed on. */
EXPORT int prctl(int option, ...)
{
    unsigned long second, third, fourth, fifth;
    bool seccomp, silent;
    va_list rest;
    int result, saved;

    va_start(rest, option);
    second = va_arg(rest, unsigned long);
    third = va_arg(rest, unsigned long);
    fourth = va_arg(rest, unsigned long);
    fifth = va_arg(rest, unsigned long);
    va_end(rest);
    life_begin();
    seccomp = option == PR_SET_SECCOMP &&
              (second == SECCOMP_MODE_STRICT || (second == SECCOMP_MODE_FILTER && third));
    saved = errno;
    silent = seccomp && life_before_seccomp();
    errno = saved;
    result = real.prctl(option, second, third, fourth, fifth);
    saved = errno;
    if (silent)
        life_after_seccomp(result == 0);
    errno = saved;
    return result;
}

/* seccomp() has no function in libc. FILTER is NULL where only its flags are tried. */
static __attribute__((used)) long seccomp_call(long number, unsigned long operation,
                                               unsigned long flags, void *filter)
{
    int saved = errno;
    bool silent = (operation == SECCOMP_SET_MODE_STRICT ||
                   (operation == SECCOMP_SET_MODE_FILTER && filter)) &&
                  life_ready() && life_before_seccomp();
    long result;

    errno = saved;
    result = real.syscall(number, operation, flags, filter);
    saved = errno;
    if (silent)
        life_after_seccomp(result >= 0);
    errno = saved;
    return result;
}

/* A call before the real functions are found. */
static __attribute__((used)) long syscall_early(long number, long a, long b, long c, long d, long e,
                                                long f)
{
    long result;

    if (life_begin())
        return real.syscall(number, a, b, c, d, e, f);
    result = SYSCALL_6(number, a, b, c, d, e, f);
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

/* Passed on as it came, in registers and on the stack, and without a frame of ours: it may
 * return twice, or on another stack. */
EXPORT __attribute__((naked)) long syscall(__attribute__((unused)) long number, ...)
{
    SYSCALL_PASS_ON(SYS_seccomp, "seccomp_call", real.syscall, "syscall_early");
}
