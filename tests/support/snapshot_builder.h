/* snapshot_builder.h - makes snapshot files for tests, good ones and broken ones.
 *
 * Describe a process, then take the bytes. What is not described gets a plain
 * default, and what must add up (the account, the counters of a stack) is summed
 * from the blocks, so a few lines make a valid snapshot. Nothing is checked: a
 * test may ask for a block of a stack that does not exist. Blocks of a process that
 * has the flag SNAPSHOT_COUNTERS_ONLY are counted, and left out.
 *
 * Memory comes from malloc; lack of it aborts the test. Strings are copied.
 */
#ifndef SUPPORT_SNAPSHOT_BUILDER_H
#define SUPPORT_SNAPSHOT_BUILDER_H

#include "format/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot_builder;

/* Create a builder of a snapshot of process 1000, "/opt/app/app", at its exit, with
 * no module, frame, stack or block, and epoch 1. */
struct snapshot_builder *snapshot_builder_create(void);

/* Free BUILDER, which may be NULL. */
void snapshot_builder_destroy(struct snapshot_builder *builder);

/* Where TEXT lies among the strings; it is added if it is new. */
uint32_t snapshot_builder_string(struct snapshot_builder *builder, const char *text);

/* The two single records, to be changed freely until the end. The fields
 * live_bytes, live_blocks, allocations, frees and truncated_stacks of the account
 * are summed up at the end unless they have been set to another value than 0. */
struct snapshot_process *snapshot_builder_process(struct snapshot_builder *builder);
struct snapshot_account *snapshot_builder_account(struct snapshot_builder *builder);

/* Add a module at START up to END whose BUILD_ID has BUILD_ID_SIZE bytes (0 to 32),
 * with one executable segment over all of it. Returns its number as frames name it,
 * from 1. */
uint32_t snapshot_builder_module(struct snapshot_builder *builder, uint64_t start, uint64_t end,
                                 uint64_t bias, const char *path, const void *build_id,
                                 uint32_t build_id_size, uint32_t flags);

/* Add a frame called by PARENT (0: the outer end). MODULE as returned above, 0 for
 * none. Returns its number, from 1. */
uint32_t snapshot_builder_frame(struct snapshot_builder *builder, uint32_t parent, uint64_t address,
                                uint32_t module);

/* Add a stack whose newest frame is FRAME. Returns its number, from 0. */
uint32_t snapshot_builder_stack(struct snapshot_builder *builder, uint32_t frame, uint32_t flags);

/* Set the counters of STACK; without this they say that its blocks are all it
 * ever allocated. */
void snapshot_builder_counters(struct snapshot_builder *builder, uint32_t stack,
                               const uint64_t counters[SNAPSHOT_COUNTERS_PER_STACK]);

/* Set the other three, from SNAPSHOT_TEMPORARY on; without this for any stack they are not known. */
void snapshot_builder_more_counters(struct snapshot_builder *builder, uint32_t stack,
                                    const uint64_t counters[3]);

void snapshot_builder_block(struct snapshot_builder *builder, uint64_t address, uint64_t size,
                            uint32_t stack, uint32_t epoch);

/* Add an epoch; the first call replaces the default one. */
void snapshot_builder_epoch(struct snapshot_builder *builder, uint32_t number, const char *label,
                            uint64_t time);

void snapshot_builder_thread(struct snapshot_builder *builder, uint32_t tid, const char *name);

void snapshot_builder_sample(struct snapshot_builder *builder, uint64_t time, uint64_t bytes,
                             uint64_t blocks, uint64_t rss);

/* Begin a point of the series, then say what STACK holds from there on: by ascending
 * stacks, only those that change. */
void snapshot_builder_point(struct snapshot_builder *builder, uint64_t time);
void snapshot_builder_change(struct snapshot_builder *builder, uint32_t stack, uint64_t bytes,
                             uint64_t blocks);

/* Add a part, as merged snapshots have them, and say of which part the next stack is. */
void snapshot_builder_part(struct snapshot_builder *builder, const struct snapshot_process *part);
void snapshot_builder_origin(struct snapshot_builder *builder, uint64_t part);

/* Say of which domain and thread (from 1; 0: not known) STACK is. Its blocks are tracked
 * ones, if the domain is not 0; this is to be said before the end, not before the blocks. */
void snapshot_builder_owner(struct snapshot_builder *builder, uint32_t stack, uint64_t domain,
                            uint64_t thread);

/* Say what the program of the process, then those of the parts, were called as. */
void snapshot_builder_called(struct snapshot_builder *builder, const char *called);

/* Give the snapshot a heap graph, without roots yet, and the record of it to be changed freely.
 * `scanned_blocks` is all blocks unless set to another value than 0. */
struct snapshot_graph *snapshot_builder_graph(struct snapshot_builder *builder);

/* Add a root. Returns its number, from 0. */
uint32_t snapshot_builder_root(struct snapshot_builder *builder, const struct snapshot_root *root);

void snapshot_builder_root_frame(struct snapshot_builder *builder, uint32_t root, uint64_t end,
                                 uint64_t address, uint32_t module);

/* Say that the word at ADDRESS, in a block or a root, has this VALUE: an edge if that is in a
 * block, INSIDE being what was seen there (enum snapshot_inside or 0), else a word that points into
 * a module. In any order. */
void snapshot_builder_pointer(struct snapshot_builder *builder, uint64_t address, uint64_t value,
                              unsigned inside);

/* The same of the word OFFSET bytes into ROOT, which may have no addresses. */
void snapshot_builder_root_pointer(struct snapshot_builder *builder, uint32_t root, uint64_t offset,
                                   uint64_t value, unsigned inside);

/* Write another version into the header. */
void snapshot_builder_version(struct snapshot_builder *builder, uint32_t version);

/* Write all payloads as zstd frames. */
void snapshot_builder_compress(struct snapshot_builder *builder);

/* Leave the section KIND out. */
void snapshot_builder_omit(struct snapshot_builder *builder, uint32_t kind);

/* Add a section as it is, with a good checksum, after the described ones. With
 * snapshot_builder_omit() of the same kind it takes the described one's place. */
void snapshot_builder_section(struct snapshot_builder *builder, uint32_t kind, uint32_t encoding,
                              uint64_t count, const void *payload, size_t length,
                              uint64_t raw_length);

/* The bytes of the file, to be freed with free(), and their number in OUT_SIZE. */
void *snapshot_builder_finish(const struct snapshot_builder *builder, size_t *out_size);

/* Write the SIZE bytes at DATA to a new or emptied file PATH. Returns 0 or -errno. */
int snapshot_builder_save(const char *path, const void *data, size_t size);

/* Make the checksums and the size in SNAPSHOT_END of the snapshot of SIZE bytes at
 * DATA right again, as far as its sections can be followed: after a change on
 * purpose, so that the damage is met behind the checksums. */
void snapshot_builder_repair(void *data, size_t size);

#endif
