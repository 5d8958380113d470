/* builder_parts.h - what a snapshot builder was told, and how sections are made of it.
 *
 * For snapshot_builder.c and builder_*.c; tests use snapshot_builder.h.
 */
#ifndef SUPPORT_BUILDER_PARTS_H
#define SUPPORT_BUILDER_PARTS_H

#include "snapshot_builder.h"

#include "model/snapshot_build.h"

struct builder_counters {
    bool set;
    uint64_t values[SNAPSHOT_COUNTERS_PER_STACK];
};

struct builder_extra {
    struct snapshot_section section;
    struct snapshot_bytes payload;
};

/* A word that points into a block or a module. */
struct builder_pointer {
    bool in_root;
    uint64_t node; /* root by number, block by rank */
    uint64_t offset, value;
    unsigned inside;
};

struct snapshot_builder {
    uint32_t version;
    bool compressed;
    uint32_t omitted; /* a bit per kind */
    struct snapshot_process process;
    struct snapshot_account account;
    bool epochs_set;
    /* Arrays of the records. */
    struct snapshot_bytes strings, modules, segments, epochs, threads;
    struct snapshot_bytes frames;   /* uint64_t[3] */
    struct snapshot_bytes stacks;   /* uint64_t[2] */
    struct snapshot_bytes counters; /* struct builder_counters */
    struct snapshot_bytes blocks;   /* uint64_t[4] */
    struct snapshot_bytes samples;  /* uint64_t[4] */
    struct snapshot_bytes points;   /* uint64_t[2]: time and changes */
    struct snapshot_bytes changes;  /* uint64_t[3]: of the points in turn, what a stack holds */
    struct snapshot_bytes parts;
    struct snapshot_bytes origins;       /* uint64_t per stack */
    struct snapshot_bytes owners;        /* uint64_t[2] per stack; empty: no section */
    struct snapshot_bytes more_counters; /* uint64_t[3] per stack; the same */
    struct snapshot_bytes names;         /* struct snapshot_name */
    struct snapshot_bytes extras;        /* struct builder_extra */
    bool has_graph;
    struct snapshot_graph graph;
    struct snapshot_bytes roots;       /* struct snapshot_root */
    struct snapshot_bytes root_frames; /* uint64_t[4] */
    struct snapshot_bytes
        pointers; /* struct builder_pointer; node: address, unless offset is known */
};

/* MEMORY, unless there is none: that aborts, as it does in the next two. */
void *builder_check(void *memory);

void builder_bytes_add(struct snapshot_bytes *bytes, const void *data, size_t size);
void builder_bytes_add_varint(struct snapshot_bytes *bytes, uint64_t value);

/* The blocks that are, or are not, of the allocator itself; rows for free(). */
struct snapshot_bytes builder_block_rows(const struct snapshot_builder *builder, bool tracked);

/* Add one described section, unless it is to be left out. */
void builder_put_section(const struct snapshot_builder *builder, struct snapshot_build *build,
                         uint32_t kind, uint32_t encoding, uint64_t count,
                         const struct snapshot_bytes *payload);

/* Add a section of the records of SIZE bytes in RECORDS. */
void builder_put_fixed(const struct snapshot_builder *builder, struct snapshot_build *build,
                       uint32_t kind, const struct snapshot_bytes *records, size_t size);

/* Add the sections of the series, and of the heap graph. */
void builder_put_series(const struct snapshot_builder *builder, struct snapshot_build *build);
void builder_put_graph(const struct snapshot_builder *builder, struct snapshot_build *build);

#endif
