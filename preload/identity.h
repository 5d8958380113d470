/* identity.h - who this process is, in its snapshots and their names. */
#ifndef PRELOAD_IDENTITY_H
#define PRELOAD_IDENTITY_H

#include <stdint.h>

#define IDENTITY_NAME_MAX 64u /* bytes kept of the name of a program, of a label */

struct identity {
    uint64_t run[2];        /* random, of this process image */
    uint64_t parent_run[2]; /* of the process it was forked from; 0, 0 if none */
    uint64_t start_time;    /* ns since 1970, when tracing began */
    uint32_t pid;
    char path[4096];        /* of the executable */
    char program[IDENTITY_NAME_MAX + 1]; /* what it was called as, if that is a link to the
                                          * executable: redis-server, python3 */
};

/* What identity_init() found out. */
extern const struct identity *const identity;

/* Find out, once the timeline has begun. */
void identity_init(void);

/* This is a child of fork that goes on being traced: a run of its own. */
void identity_forked(void);

/* How often this process has called exec while traced. */
uint64_t identity_exec_count(void);

/* Copy NAME (NULL: empty) to the IDENTITY_NAME_MAX + 1 bytes at OUT, made harmless as a
 * part of a file name: what is not [A-Za-z0-9._+-] becomes '_'. */
void identity_clean_name(const char *name, char *out);

#endif
