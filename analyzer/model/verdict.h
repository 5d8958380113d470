/* verdict.h - what is wrong with the heap of a process, stack by stack: lost, growing, or well.
 *
 *   snapshots, oldest first ──▶ moments ──▶ growth of each stack ─┐
 *   graph of the last one ──▶ classes, holders ───────────────────┴▶ verdicts, worst first
 *
 * There is a verdict for each stack and class of its blocks that are alive in the last snapshot;
 * each block belongs to exactly one. A verdict is a leak if its blocks are lost, or if they are
 * held and grow. What a program has lost once, a few blocks as it began or ended, is set apart.
 * What only grows because another leak holds it is a part of that: the names of objects that are
 * kept in a list go with the objects. docs/verdicts.md has the rules.
 */
#ifndef MODEL_VERDICT_H
#define MODEL_VERDICT_H

#include "model/graph.h"
#include "model/growth.h"
#include "model/heap.h"
#include "model/holder_path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict_kind {
    VERDICT_LOST,         /* nobody points at it */
    VERDICT_HELD_GROWING, /* somebody does, and it becomes more and more */
    VERDICT_NOT_RETURNED, /* freed by the program, kept by the allocator */
    VERDICT_HELD_STEADY,  /* as a cache: grew and stopped, or comes and goes around a level */
    VERDICT_GREW_ONCE,    /* initialisation, early or late */
    VERDICT_CHURN,        /* many come and go, few stay */
    VERDICT_COUNT,
};

#define VERDICT_NONE SIZE_MAX

struct verdict {
    enum verdict_kind kind;
    enum graph_class class;
    uint32_t stack;
    uint64_t size, count; /* of its blocks that are alive; 0 is possible if NOT_RETURNED */
    struct growth growth; /* of its stack, as far as it is that of the class (both lost ones are one) */
    bool is_leak; /* lost, or held and growing */
    bool let_go;  /* … but before the end all of it went: its size is what it grew by */
    uint64_t circular; /* of its definitely lost blocks: at which others point that they lead to */
    bool is_once; /* lost, but neither much nor more and more: no reason to worry */
    size_t part_of;         /* the leak that holds it, by its place in the list; VERDICT_NONE */
    uint64_t with_size;     /* with all its parts, */
    uint64_t with_count;    /* … blocks */
    uint64_t unreturned;    /* bytes that the allocator keeps, if NOT_RETURNED */
    uint32_t step;          /* of the holders, that most of its blocks have; HOLDERS_NONE */
    uint32_t holder;        /* the stack of the blocks that hold most of its blocks; HOLDERS_NONE */
    uint32_t oldest;        /* epoch of its oldest block; 0: not known */
    uint64_t old;           /* blocks of it that have outlived half of the epochs */
};

struct verdicts {
    const struct heap *heap; /* the last one */
    struct growth_moments moments;
    struct verdict *list; /* leaks first, by what they lose for the same work; behind each its parts */
    size_t count;
    size_t leak_count; /* at the front of the list, parts and what was lost once included */
    size_t head_count; /* … that are no part of another, and not lost once */
    struct {
        uint64_t size, count;
    } leaked, lost_once;
    struct {
        uint64_t size, count;
    } totals[GRAPH_CLASS_COUNT];
    bool knows_lost;     /* there was a graph; if not, all counts as still reachable */
    uint64_t taken_out;  /* blocks of leaks that are not in the list any more, for they are known */
};

struct verdict_input {
    const struct heap *const *heaps; /* of one process image, oldest first; the last is judged */
    size_t heap_count;
    const struct graph *graph;         /* of the last one; NULL: all counts as still reachable, */
    const struct holder_paths *paths;  /* … and of that graph; NULL: parts are not found */
    bool are_rounds;                   /* each snapshot is the end of a round */
    size_t warm_up;                    /* so many rounds are start-up */
    const struct growth *growths;      /* of each stack of the last heap, judged already; or NULL */
    const uint32_t *leaders;           /* … with these: of each the stack whose part it is, or itself */
};

/* From this number on the snapshots are the moments by which growth is judged; of fewer it is the
 * series in the last one. */
#define VERDICT_SNAPSHOTS_MIN 8u

/* Judge INPUT. Returns 0 or -ENOMEM. */
int verdicts_create(const struct verdict_input *input, struct verdicts **out_verdicts);

/* Free VERDICTS, which may be NULL. */
void verdicts_destroy(struct verdicts *verdicts);

/* What STACK held at the moments of VERDICTS, which were made of INPUT. */
void verdict_levels(const struct verdicts *verdicts, const struct verdict_input *input,
                    uint32_t stack, struct growth_levels *out_levels);

#endif
