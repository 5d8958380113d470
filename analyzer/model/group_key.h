/* group_key.h - what blocks have in common: what tells one group from another, and names it. */
#ifndef MODEL_GROUP_KEY_H
#define MODEL_GROUP_KEY_H

#include "format/snapshot.h"
#include "model/heap.h"
#include "model/stack_id.h"
#include "model/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum group_key {
    GROUP_LINENO, /* file and line */
    GROUP_FILENAME,
    GROUP_FUNCTION,  /* function and module */
    GROUP_TRACEBACK, /* all frames, by module (build-id) and offset, so the same in every run */
    GROUP_MODULE,
    GROUP_THREAD,  /* the function that the thread began with; with --threads the thread, too */
    GROUP_SIZE,    /* from a power of two to the next */
    GROUP_TYPE,    /* the data type, as far as it is known */
    GROUP_DOMAIN,
    GROUP_PROGRAM, /* the executable of the process */
    GROUP_PROCESS, /* program and PID */
    GROUP_KEYS,    /* how many there are */
};

/* A frame as Python's tracemalloc has them. */
struct group_frame {
    const char *file; /* or the name of the place */
    uint32_t line;
};

struct group {
    /* The key; what is no part of it is NULL or 0. */
    const char *file; /* or the name of the place: MODULE(FUNCTION), MODULE+0xOFFSET */
    uint32_t line;
    const char *function; /* or the name of the place; GROUP_LINENO: not in the key, may be NULL */
    const char *module;   /* file name without directories; NULL: none */
    const char *program;  /* path of the executable */
    uint32_t pid;
    uint32_t tid;            /* of GROUP_THREAD; 0: not known */
    const char *thread_name; /* NULL: not known */
    uint32_t domain;
    uint64_t size_min, size_max;
    const char *type;                 /* GROUP_TYPE; NULL: not known */
    struct stack_id id;               /* GROUP_TRACEBACK */
    const struct group_frame *frames; /* … in the manner of tracemalloc, oldest first: its key */
    uint32_t frame_count;

    bool several_functions; /* GROUP_LINENO: the line lies in more functions than this one */
    bool is_place;          /* `file` or `function` is the name of a place */
    bool truncated;         /* a stack of it could not be walked to its end */
    bool limited;           /* a stack of it was cut at the frame limit of its process */

    uint64_t size;  /* bytes as requested */
    uint64_t count; /* blocks */
    double variance; /* of the size, where that is an estimate: estimate.h */
    uint64_t found[TYPES_HOW_COUNT]; /* of GROUP_TYPE: blocks, by how their type was found */
    uint64_t counters[SNAPSHOT_ALL_COUNTERS]; /* since tracing began; not of single blocks */
    uint64_t retained; /* bytes: see group_retained.h, which fills it in */

    const struct heap *heap;
    uint32_t stack; /* the first stack of it in the heap, */
    uint32_t frame; /* and the frame of that stack that has the key; 0: it is about no frame */
    uint32_t number; /* of the groups of a list, in the order in which they were found */
};

/* Order of the keys of A and B, which are of kind KEY and may be of different
 * heaps: negative, 0 (the same group) or positive. */
int group_compare(enum group_key key, const struct group *a, const struct group *b);

/* The name that the user types for KEY ("lineno"). */
const char *group_key_name(enum group_key key);

/* Is KEY about a frame, and not about the whole stack? */
bool group_key_of_frames(enum group_key key);

/* Is KEY about single blocks, and not about stacks? */
bool group_key_of_blocks(enum group_key key);

/* The names of all keys, as a list for the user: "lineno, filename …". */
#define GROUP_KEY_NAMES \
    "lineno, filename, function, traceback, module, thread, size, type, domain, program, process"

/* Find the key named NAME. Returns 0 or -EINVAL. */
int group_key_find(const char *name, enum group_key *out_key);

/* Write "FILE:LINE (FUNCTION)", "FUNCTION [MODULE]" or what else names GROUP in one line into
 * BUFFER of SIZE bytes; cut if it does not fit. */
void group_name(enum group_key key, const struct group *group, char *buffer, size_t size);

/* The bounds of the size class that SIZE is in, both included. */
void group_size_class(uint64_t size, uint64_t *out_min, uint64_t *out_max);

#endif
