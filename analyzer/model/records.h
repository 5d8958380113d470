/* records.h - a snapshot file as it lies: section by section, record by record.
 *
 * For people who debug the format. heap.h refuses a snapshot with any fault;
 * this goes as far as it can, and checks only what it needs to stay inside the
 * file. Sections of unknown kind are met, too, but have no records here.
 */
#ifndef MODEL_RECORDS_H
#define MODEL_RECORDS_H

#include "format/snapshot.h"
#include "model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDS_FIELDS_MAX 20

enum records_show {
    RECORDS_NUMBER,
    RECORDS_SIGNED,
    RECORDS_ADDRESS,
    RECORDS_TEXT, /* a string, or bytes in hexadecimal */
};

struct records_field {
    const char *name;
    enum records_show show;
};

struct records_section {
    const char *name; /* "blocks"; "unknown" */
    uint64_t offset;  /* of its head in the file */
    struct snapshot_section head;
    bool checksum_ok;
    struct records_field fields[RECORDS_FIELDS_MAX];
    size_t field_count; /* 0: no records to be read */
};

struct records_value {
    uint64_t number;
    const char *text; /* of RECORDS_TEXT; valid until the next record */
    bool missing;     /* the record has no such field */
};

struct records;

/* Open the snapshot file PATH, which must outlive OUT_RECORDS; close them with
 * records_close(). Returns 0 or -errno and ERROR. */
int records_open(const char *path, struct records **out_records, struct error *error);

/* The same for the SIZE bytes at DATA, which must outlive OUT_RECORDS; PATH is only for
 * messages. */
int records_parse(const void *data, size_t size, const char *path, struct records **out_records,
                  struct error *error);

/* Close RECORDS, which may be NULL. */
void records_close(struct records *records);

/* The header of the file. */
const struct snapshot_header *records_header(const struct records *records);

/* Go to the next section. Returns 1 and OUT_SECTION, 0 behind the last one, or
 * -EBADMSG and ERROR. */
int records_next_section(struct records *records, struct records_section *out_section,
                         struct error *error);

/* Read the next record of the section: a value for each of its fields, the first of
 * which is the number by which other records name this one. A point of the series is
 * a record for itself, then one for each stack that changes. Returns 1, 0 behind
 * the last one, or -EBADMSG or -ENOMEM and ERROR. */
int records_next(struct records *records, struct records_value *out_values, struct error *error);

/* Is NAME that of a kind of section? */
bool records_knows(const char *name);

#endif
