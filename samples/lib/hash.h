/* hash.h - uthash as the samples use it: a lack of memory is a return value, and a
 * table begins with 8 buckets as Python's dictionaries do, not with 32 (512 bytes),
 * which would be most of a small dictionary.
 *
 * Include this instead of uthash.h. After HASH_ADD…, an entry that could not be added
 * has hh.tbl == NULL.
 */
#ifndef SAMPLES_LIB_HASH_H
#define SAMPLES_LIB_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "samples/lib/footprint.h"

#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 8U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 3U

/* Add the two blocks of TABLE, which may be NULL, to FOOTPRINT. */
static inline void hash_table_footprint(const UT_hash_table *table, struct footprint *footprint)
{
    if (!table)
        return;
    footprint_add(footprint, table, sizeof *table);
    footprint_add(footprint, table->buckets, table->num_buckets * sizeof *table->buckets);
}

#endif
