/* merge_tables.h - what a merge has so far, in tables like those of a snapshot.
 *
 * For merge.c and what it leaves to others; callers of the model use merge.h.
 */
#ifndef MODEL_MERGE_TABLES_H
#define MODEL_MERGE_TABLES_H

#include "format/snapshot.h"
#include "model/error.h"
#include "model/merge.h"
#include "model/snapshot_build.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known;

struct merge_frame {
    uint64_t address;
    uint32_t parent, module;
};

struct merge_stack {
    uint32_t frame, flags, part, domain, thread;
    uint64_t live_blocks, live_bytes;
    uint64_t counters[SNAPSHOT_ALL_COUNTERS];
};

struct merge_block {
    uint64_t address, size, stack, weight;
};

/* An array that grows. */
struct merge_array {
    void *data;
    size_t count, room;
};

struct merge {
    enum merge_detail detail;
    struct snapshot_account account;
    struct snapshot_sampling sampling; /* if is_sampled */
    bool is_sampled, has_blocks, has_usable, has_owners, has_more_counters;
    struct known *texts, *modules_known;
    struct snapshot_bytes strings;
    struct merge_array parts;    /* struct snapshot_process */
    struct merge_array names;    /* struct snapshot_name: the first part's, then of all */
    struct merge_array modules;  /* struct snapshot_module */
    struct merge_array segments; /* struct snapshot_segment, grouped by module */
    struct merge_array frames;   /* struct merge_frame, from number 1 on */
    struct merge_array stacks;   /* struct merge_stack */
    struct merge_array blocks;   /* struct merge_block */
    struct merge_array tracked;  /* … of other domains */
    struct merge_array threads;  /* struct snapshot_thread */
    uint32_t *slots;             /* frame numbers by hash, 0: empty */
    size_t slot_count;           /* a power of two, more than twice the frames */
    uint64_t next_module;        /* where one that is moved may lie */
    uint64_t blocks_base;        /* added to the addresses of the next part */
};

/* Say that there is no memory. Returns -ENOMEM. */
int merge_no_memory(struct error *error);

/* Room for one more element of SIZE bytes, zeroed, at the end of ARRAY; NULL: no memory. */
void *merge_array_add(struct merge_array *array, size_t size);

/* Find where TEXT lies among the strings; it is added if it is new. Returns 0, or an error. */
int merge_text(struct merge *merge, const char *text, uint32_t *out_offset, struct error *error);

/* The number that is known for the SIZE bytes at KEY; 0: none is. */
uint32_t merge_known(const struct known *table, const void *key, size_t size);

/* Remember NUMBER for the SIZE bytes at KEY. False: no memory. */
bool merge_known_add(struct known **table, const void *key, size_t size, uint32_t number);

/* Free all that MERGE has. */
void merge_tables_finish(struct merge *merge);

#endif
