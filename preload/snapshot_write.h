/* snapshot_write.h - the state becomes a file.
 *
 *   gate closed   blocks and counters are encoded into memory: the exact cut
 *   gate open     a short-lived task (image.h) encodes the rest, writes all to a
 *                 hidden file beside the final name, and renames it
 *
 * So a file appears whole under its name, or not at all; it never replaces one, and
 * is readable by its owner only.
 */
#ifndef PRELOAD_SNAPSHOT_WRITE_H
#define PRELOAD_SNAPSHOT_WRITE_H

#include "format/snapshot.h"

/* Before the first snapshot, once libc is ready: who this process is. */
void snapshot_init(void);

/* Take a snapshot named LABEL (NULL: none) and begin a new epoch. It goes to the file
 * PATH, or, if that is NULL, to PROGRAM.PID.SEQ[.LABEL].hds in the directory of the
 * configuration, else in the working directory. Returns 0 when the file is complete.
 * -ENODATA when not tracing, -ETIMEDOUT if a thread did not come to rest, -EBUSY from
 * within ourselves, or the error of the file system: then there is no file. */
int snapshot_take(enum snapshot_trigger trigger, const char *label, const char *path);

#endif
