/* snapshot_build.h - puts a snapshot file together, section by section.
 *
 * The analyzer's writer: for what `heapdelta merge` makes, and for tests. (The shim has
 * its own, which may not allocate.) Nothing is checked: what is built from numbers
 * that make no sense makes no sense.
 *
 *     struct snapshot_build build;
 *     snapshot_build_begin(&build, SNAPSHOT_VERSION);
 *     snapshot_build_fixed(&build, SNAPSHOT_PROCESS, &process, sizeof(process), 1);
 *     …
 *     if (snapshot_build_finish(&build, &data, &size) < 0) … no memory …
 */
#ifndef MODEL_SNAPSHOT_BUILD_H
#define MODEL_SNAPSHOT_BUILD_H

#include "format/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow at the end; valid when zeroed. */
struct snapshot_bytes {
    uint8_t *data;
    size_t size, capacity;
};

/* Add the SIZE bytes at DATA to the end. False: no memory. */
bool snapshot_bytes_add(struct snapshot_bytes *bytes, const void *data, size_t size);

/* Add VALUE as a varint. */
bool snapshot_bytes_add_varint(struct snapshot_bytes *bytes, uint64_t value);

/* A file that is being built. */
struct snapshot_build {
    struct snapshot_bytes file;
    bool compressed; /* may be set at any time: the sections that follow are zstd frames */
    bool failed;     /* no memory */
};

/* Begin with a header of VERSION. */
void snapshot_build_begin(struct snapshot_build *build, uint32_t version);

/* Add a section with COUNT records in the SIZE bytes at PAYLOAD. */
void snapshot_build_section(struct snapshot_build *build, uint32_t kind, uint32_t encoding,
                            uint64_t count, const void *payload, size_t size);

/* Add a section of COUNT structs of SIZE bytes each at RECORDS. */
void snapshot_build_fixed(struct snapshot_build *build, uint32_t kind, const void *records,
                          size_t size, size_t count);

/* Add a section of varints: COUNT rows of WIDTH numbers at ROWS, the column DELTA as
 * differences (WIDTH: none). */
void snapshot_build_varints(struct snapshot_build *build, uint32_t kind, const uint64_t *rows,
                            size_t width, size_t delta, size_t count);

/* Add a section with this head, of which only the checksum is set here. */
void snapshot_build_raw(struct snapshot_build *build, const struct snapshot_section *section,
                        const void *payload);

/* End the file. Returns 0 and its bytes, to be freed with free(); or -ENOMEM, with
 * nothing left to be freed. */
int snapshot_build_finish(struct snapshot_build *build, void **out_data, size_t *out_size);

/* The checksum that belongs into SECTION, whose payload is PAYLOAD. */
uint64_t snapshot_build_checksum(const struct snapshot_section *section, const void *payload);

#endif
