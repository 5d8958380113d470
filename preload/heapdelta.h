/* heapdelta.h - ask heapdelta from inside the program it traces.
 *
 * Every function looks its counterpart up once in the running program, so there
 * is nothing to link against: a program that calls these runs unchanged when it
 * is not traced; then they do nothing and return what is said under "untraced".
 * After that first look, one that finds nothing costs a relaxed load.
 *
 * Sizes are in bytes as the program requested them; the allocator's overhead is
 * not counted. The semantics are those of Python's tracemalloc functions of the
 * same names.
 *
 * Threads: any thread may call any function at any time, also before main, in
 * destructors, in a child of fork and while other threads allocate. A child of fork is
 * traced only under `heapdelta run --follow fork`; otherwise there is nothing in it to be
 * seen or begun: not tracing, -ENODATA.
 *
 * Signals: the first call of each function asks dlsym(), which must not happen in a signal
 * handler (and which forgets what dlerror() would have said). Later ones may, but where the
 * handler has interrupted heapdelta itself they do nothing and return -EBUSY; what only tells
 * numbers always works.
 *
 * Errors: 0 on success, otherwise a negative errno value; errno itself is left alone.
 * Besides those said below: -EBUSY, as said above, and of a snapshot while another thread is
 * in exec; -ENOMEM, there is no memory for heapdelta's own use; -ETIMEDOUT, a thread did not
 * come to rest within a second; -EOWNERDEAD, the task that wrote the snapshot was killed.
 */
#ifndef HEAPDELTA_H
#define HEAPDELTA_H

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Look NAME up in the traced program for CACHE, which points to itself if there is none: then
 * heapdelta is not loaded. (The NULL is RTLD_DEFAULT, which <dlfcn.h> has only for _GNU_SOURCE.
 * Weak references would not do: they are fixed to 0 when a program that is not
 * position-independent is linked.) */
static inline void *heapdelta_look_up_(void **cache, const char *name)
{
    int saved = errno;
    void *function = dlsym(NULL, name);

    if (!function)
        function = (void *)cache;
    __atomic_store_n(cache, function, __ATOMIC_RELAXED);
    errno = saved;
    return function;
}

/* The address of NAME, NULL where heapdelta is not loaded. */
static inline void *heapdelta_function_(void **cache, const char *name)
{
    void *function = __atomic_load_n(cache, __ATOMIC_RELAXED);

    if (!function)
        function = heapdelta_look_up_(cache, name);
    return function == (void *)cache ? NULL : function;
}

#define HEAPDELTA_FUNCTION_(result, name, parameters, arguments, untraced)          \
    static inline result heapdelta_##name parameters                                \
    {                                                                               \
        static void *cache;                                                         \
        result(*function) parameters;                                               \
                                                                                    \
        *(void **)&function = heapdelta_function_(&cache, "heapdelta_api_" #name);    \
        return function ? function arguments : untraced;                            \
    }

/* Begin to record allocations, NFRAME frames of each stack (1 to 65535; 0: all).
 * No-op while tracing, the limit is not changed. -EINVAL for any other NFRAME.
 * Untraced: -ENOSYS. */
HEAPDELTA_FUNCTION_(int, start, (unsigned nframe), (nframe), -ENOSYS)

/* Stop recording and forget every block, as heapdelta_clear_traces() does. */
HEAPDELTA_FUNCTION_(int, stop, (void), (), -ENOSYS)

/* 1 while allocations are recorded, else 0. Untraced: 0. */
HEAPDELTA_FUNCTION_(int, is_tracing, (void), (), 0)

/* The frames kept per stack, as the last start set them; kept after a stop. 0: all.
 * Untraced: 0. */
HEAPDELTA_FUNCTION_(unsigned, get_traceback_limit, (void), (), 0)

/* Store the bytes of the live blocks in OUT_CURRENT and the highest they have
 * been in OUT_PEAK: of a sample (heapdelta run --sample) estimates. Both are 0 when not tracing.
 * Untraced: -ENOSYS, nothing stored. */
HEAPDELTA_FUNCTION_(int, get_traced_memory, (size_t * out_current, size_t *out_peak),
                    (out_current, out_peak), -ENOSYS)

/* Set the peak to the current value. No effect when not tracing. */
HEAPDELTA_FUNCTION_(int, reset_peak, (void), (), -ENOSYS)

/* Forget all blocks recorded so far and go on tracing: current and peak are 0,
 * a later free of a forgotten block is ignored. */
HEAPDELTA_FUNCTION_(int, clear_traces, (void), (), -ENOSYS)

/* Bytes of memory that heapdelta itself uses in this process. Untraced: 0. */
HEAPDELTA_FUNCTION_(size_t, get_tracer_memory, (void), (), 0)

/* Write a snapshot PROGRAM.PID.SEQ.LABEL.hds into the directory given to
 * `heapdelta run -o` (or HEAPDELTA_OUT; else the working directory) and begin a
 * new epoch named LABEL. LABEL may be NULL or empty; characters outside
 * [A-Za-z0-9._+-] become '_', what follows the 64th byte is dropped. Returns
 * when the file is complete; on failure there is no file. -ENODATA when not
 * tracing, else the error of the file system. */
HEAPDELTA_FUNCTION_(int, take_snapshot, (const char *label), (label), -ENOSYS)

/* The same with the heap graph, for `heapdelta leaks` and `why`: who points at whom. The program
 * stands still while its memory is marked to be copied when it is written to. A snapshot
 * without the graph (`heapdelta info` tells) is written where there is no memory for it. */
HEAPDELTA_FUNCTION_(int, take_graph_snapshot, (const char *label), (label), -ENOSYS)

/* As heapdelta_take_snapshot() into the file PATH, which must not exist (-EEXIST). */
HEAPDELTA_FUNCTION_(int, take_snapshot_to, (const char *path, const char *label), (path, label),
                    -ENOSYS)

/* Let SIZE bytes at BLOCK, from a pool or by other means than malloc, be a live block of
 * DOMAIN (1 to 4294967295; 0 is the allocator itself), allocated by the caller. It counts
 * like the others, besides the memory that it was cut from, where that is known. A block
 * that is already known at that address in that domain is replaced. What BLOCK points to
 * is never looked at. At most 1024 domains. -EINVAL for domain 0 or NULL, -ENODATA when not
 * tracing. Untraced: -ENOSYS. */
HEAPDELTA_FUNCTION_(int, track, (unsigned domain, const void *block, size_t size),
                    (domain, block, size), -ENOSYS)

/* That block is no longer alive; nothing happens if it was not. Errors as above. */
HEAPDELTA_FUNCTION_(int, untrack, (unsigned domain, const void *block), (domain, block), -ENOSYS)

/* Who allocated BLOCK, which malloc returned: store up to SIZE frames in FRAMES, the newest
 * first, and return how many the stack has. Each is an address inside the call, one less
 * than backtrace() has it, and so in the line of the call. 1 is stored in OUT_COMPLETE, if
 * that is not NULL, if the stack was recorded to its outermost frame, otherwise 0. -ENOENT if
 * no live block begins there, or of a sample none that was recorded, -ENODATA when not tracing;
 * then nothing is stored. */
HEAPDELTA_FUNCTION_(int, get_traceback,
                    (const void *block, void **frames, size_t size, int *out_complete),
                    (block, frames, size, out_complete), -ENOSYS)

/* How much BLOCK, which malloc returned, takes with all that can be reached from it: the bytes
 * that were requested for it and for the blocks that its words point into, their blocks
 * and so on, each once, are stored in OUT_SIZE; what is shared with others is in it. A
 * word that only looks like a pointer counts as one; of a sample, what was not recorded does
 * not count, nor what only that points to. Found in a copy of the program, as
 * for heapdelta_take_graph_snapshot(), which is why it takes time (a snapshot's, not more) and
 * why the answer is of one moment. -ENOENT if no live block begins there, -ENODATA when not
 * tracing, -ECHILD if no copy can be had; then nothing is stored. Untraced: -ENOSYS. */
HEAPDELTA_FUNCTION_(int, get_deep_size, (const void *block, size_t *out_size), (block, out_size),
                    -ENOSYS)

/* Begin a new epoch named LABEL without a snapshot. -ENODATA when not tracing. */
HEAPDELTA_FUNCTION_(int, mark, (const char *label), (label), -ENOSYS)

#ifdef __cplusplus
}
#endif

#endif
