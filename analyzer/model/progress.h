/* progress.h - what takes long: which work is being done, and how far it is, for whoever shows that.
 *
 * The model works in phases and tells of them here; it shows nothing. A phase that begins inside
 * another is part of that one, and not told of. One thread works; another may look on.
 *
 *     struct progress *progress = progress_begin(count, "naming %zu stacks", count);
 *     for (size_t i = 0; i < count; i++) {
 *         progress_to(progress, i);
 *         …
 *     }
 *     progress_end(progress);
 */
#ifndef MODEL_PROGRESS_H
#define MODEL_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

struct progress {
    char what[160];
    _Atomic uint64_t total, done; /* in whatever units; total 0: not known */
};

/* Who looks on: told of the beginning and the end of each phase, by the thread that works. Of its
 * progress only the numbers change between the two. */
struct progress_watcher {
    void (*begun)(const struct progress *progress);
    void (*ended)(void);
};

/* Let WATCHER, which must stay, be told from now on. */
void progress_watch(const struct progress_watcher *watcher);

/* Begin a phase of TOTAL steps (0: not known), which the printf-like FORMAT names: "loading app.hds".
 * Never fails; to be ended by progress_end(), the innermost first. */
struct progress *progress_begin(uint64_t total, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void progress_end(struct progress *progress);

/* So many steps are done. Costs a store, so loops need not be sparing with it. */
static inline void progress_to(struct progress *progress, uint64_t done)
{
    atomic_store_explicit(&progress->done, done, memory_order_relaxed);
}

/* There are TOTAL steps: only now that is known. */
static inline void progress_expect(struct progress *progress, uint64_t total)
{
    atomic_store_explicit(&progress->total, total, memory_order_relaxed);
}

#endif
