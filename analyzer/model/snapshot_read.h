/* snapshot_read.h - takes a snapshot file apart into sections that can be trusted.
 *
 * Trusted to be what was written: inside the file, of the encoding their kind
 * has, with a good checksum, decompressed, and with a count that fits their
 * length. What the records say is for heap.h to check.
 *
 * Not for callers of the model: they load a heap.
 */
#ifndef MODEL_SNAPSHOT_READ_H
#define MODEL_SNAPSHOT_READ_H

#include "format/snapshot.h"
#include "model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNAPSHOT_KIND_COUNT = SNAPSHOT_WEIGHTS + 1 };

/* One section. A kind that is not in the file is all zero. */
struct snapshot_payload {
    const uint8_t *data;
    size_t size;
    size_t count;    /* records */
    uint64_t offset; /* of the payload in the file */
    bool present;
    uint8_t *unpacked; /* to be freed, if it was compressed */
};

struct snapshot_sections {
    const char *path; /* for messages */
    struct snapshot_payload kinds[SNAPSHOT_KIND_COUNT];
};

/* The set of all kinds; KIND's own bit is 1 << KIND, and of kinds that nobody knows, which
 * then have to be undamaged, too, the highest. */
#define SNAPSHOT_READ_ALL     UINT32_MAX
#define SNAPSHOT_READ_UNKNOWN (1u << 31)

/* Take the SIZE bytes at DATA apart, as far as the sections of WANTED go: others are
 * passed over unseen. OUT_SECTIONS points into DATA and PATH. Returns 0 or, with ERROR filled and
 * nothing to finish, -EBADMSG, -EPROTONOSUPPORT or -ENOMEM as heap_parse() says. */
int snapshot_read(const void *data, size_t size, const char *path, uint32_t wanted,
                  struct snapshot_sections *out_sections, struct error *error);

/* Free what SECTIONS, which may be all zero, hold. */
void snapshot_read_finish(struct snapshot_sections *sections);

/* Check that the SIZE first bytes at DATA begin like a snapshot that this program
 * can read, or would if there were more of them. Errors as snapshot_read(). */
int snapshot_read_header(const void *data, size_t size, const char *path, struct error *error);

/* Say in ERROR that the payload of KIND is damaged AT bytes from its beginning, and
 * WHAT is wrong there. Returns -EBADMSG. */
int snapshot_read_damage(const struct snapshot_sections *sections, enum snapshot_kind kind,
                         size_t at, struct error *error, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

#endif
