/* snapshot_file.h - a file that appears whole under its name, or not at all.
 *
 * It is written under a hidden name beside the final one, readable by its owner only,
 * and renamed when complete; a file that exists is never replaced. Made names are
 * DIR/PROGRAM.PID.SEQ[.LABEL].hds. Runs in the short-lived task.
 */
#ifndef PRELOAD_SNAPSHOT_FILE_H
#define PRELOAD_SNAPSHOT_FILE_H

#include <stdint.h>

#define SNAPSHOT_FILE_PATH 4096u

struct snapshot_file {
    long descriptor;
    char name[SNAPSHOT_FILE_PATH];
    char hidden[SNAPSHOT_FILE_PATH];
};

/* Open the hidden file for PATH, or, if that is NULL, for a name with LABEL and a
 * sequence number from *SEQUENCE on that is free. 0 or a negative errno value. */
int snapshot_file_open(struct snapshot_file *file, const char *path, const char *label,
                       uint32_t *sequence);

/* Close FILE; give it its name if RESULT is 0, else remove it. Returns RESULT, or what
 * went wrong with the name. */
int snapshot_file_close(struct snapshot_file *file, int result);

/* Remember that NAME was written at TIME, and keep only LIMIT of these files (0: all):
 * never the first nor the last goes, but the one whose neighbours are closest in time. */
void snapshot_file_keep(const char *name, uint64_t time, uint32_t limit);

/* The files so far are another process's. */
void snapshot_file_forget(void);

#endif
