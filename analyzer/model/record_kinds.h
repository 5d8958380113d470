/* record_kinds.h - what the records of each section of a snapshot consist of.
 *
 * For records.c; callers of the model read records.
 */
#ifndef MODEL_RECORD_KINDS_H
#define MODEL_RECORD_KINDS_H

#include "format/snapshot.h"
#include "model/records.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_field_type {
    RECORD_NUMBER = 1,
    RECORD_SIGNED, /* folded: only of SNAPSHOT_VARINT */
    RECORD_ADDRESS,
    RECORD_STRING,  /* an offset into the section of strings */
    RECORD_BYTES,   /* shown in hexadecimal */
    RECORD_PADDING, /* not shown */
};

struct record_field {
    const char *name; /* NULL ends the list */
    enum record_field_type type;
    uint32_t size; /* bytes, of SNAPSHOT_FIXED */
    bool delta;    /* of SNAPSHOT_VARINT */
};

struct record_kind {
    const char *name;
    enum snapshot_encoding encoding;
    uint64_t first; /* the number of the first record */
    struct record_field fields[RECORDS_FIELDS_MAX];
};

extern const struct record_kind record_kinds[];
extern const size_t record_kind_count;

#endif
