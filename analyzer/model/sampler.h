/* sampler.h - looks at a traced process again and again: what do its stacks hold now?
 *
 * A look is a small snapshot, without blocks, that the process writes into a directory of ours in
 * memory; it is read and removed at once, and nothing of it is seen elsewhere. The directory may
 * belong to the user of the process, who may be hostile: it is used by its descriptor only. It is
 * locked meanwhile: one that is not was left by a sampler that was killed, and the next one removes
 * it. A process that has allocated and freed nothing since the last look, which its page tells, is
 * not asked.
 *
 * A process that executes another program is followed into that.
 */
#ifndef MODEL_SAMPLER_H
#define MODEL_SAMPLER_H

#include "model/error.h"
#include "model/heap.h"
#include "model/target.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct sampler {
    struct target target;
    bool is_open;                   /* there is a target */
    char directory[NAME_MAX];       /* as the process sees it; empty: none */
    int place, files;               /* where it is, and itself, both open while there is one */
    unsigned number;                /* of the last look */
    bool settled;                   /* the last look says all there was when it was done */
    uint64_t run[2];                /* of the last look */
    const volatile sig_atomic_t *given_up; /* not 0: come back at once. NULL: never */
};

enum sampler_result {
    SAMPLER_CHANGED,   /* there is a new heap */
    SAMPLER_UNCHANGED, /* the last one holds */
    SAMPLER_REPLACED,  /* there is a new heap, of another program or a new beginning */
    SAMPLER_BUSY,      /* none could be had this time, ERROR says why */
    SAMPLER_ENDED,     /* the process is gone, ERROR says how */
};

/* Begin to look at PID into SAMPLER, zeroed memory but for `given_up`. To be finished by
 * sampler_finish(), also if this fails: as target_open() does, or because there is no directory. */
int sampler_init(struct sampler *sampler, pid_t pid, struct error *error);

/* Remove the directory. */
void sampler_finish(struct sampler *sampler);

/* Look, for at most TIMEOUT ns (0: as long as it takes). A new heap goes to OUT_HEAP. */
enum sampler_result sampler_take(struct sampler *sampler, uint64_t timeout, struct heap **out_heap,
                                 struct error *error);

/* Let the next look be one, whatever the page tells. */
void sampler_expect_change(struct sampler *sampler);

#endif
