/* group.h - the live blocks of a heap, put together by what they have in common.
 *
 * A block belongs to the group of its newest frame that the filter does not skip
 * (the innermost inlined function of it, if it has inlined ones), or, with
 * `cumulative`, once to the group of each frame of its stack. A block whose stack
 * has no frame belongs to the group `<unknown>`, line 0.
 *
 * The texts in a group belong to the symbols, so a list must not outlive the
 * symbols and the heap it was made from.
 *
 * The five largest holders by line:
 *
 *     struct group_options options = {.key = GROUP_LINENO};
 *     struct group_list *list = group_create(heap, symbols, &options);
 *     for (size_t i = 0; i < list->count && i < 5; i++)
 *         … group_name(list->key, &list->groups[i], …), list->groups[i].size …
 *     group_destroy(list);
 */
#ifndef MODEL_GROUP_H
#define MODEL_GROUP_H

#include "model/filter.h"
#include "model/heap.h"
#include "model/stack_id.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum group_key {
    GROUP_LINENO, /* file and line */
    GROUP_FILENAME,
    GROUP_FUNCTION,  /* function and module */
    GROUP_TRACEBACK, /* all frames, by module (build-id) and offset, so the same in every run */
    GROUP_MODULE,
    GROUP_PROGRAM, /* the executable of the process */
    GROUP_PROCESS, /* program and PID */
    GROUP_KEYS,    /* how many there are */
};

struct group_options {
    enum group_key key;
    bool cumulative;             /* only with keys that are about frames: group_key_of_frames() */
    const struct filter *filter; /* NULL: every block, and the skipping of filter_create() */
};

struct group {
    /* The key; what is no part of it is NULL or 0. */
    const char *file; /* or the name of the place: MODULE(FUNCTION), MODULE+0xOFFSET */
    uint32_t line;
    const char *function; /* or the name of the place; GROUP_LINENO: not in the key, may be NULL */
    const char *module;   /* file name without directories; NULL: none */
    const char *program;  /* path of the executable */
    uint32_t pid;
    struct stack_id id; /* GROUP_TRACEBACK */

    bool several_functions; /* GROUP_LINENO: the line lies in more functions than this one */
    bool is_place;          /* `file` or `function` is the name of a place */
    bool truncated;         /* a stack of it could not be walked to its end */
    bool limited;           /* a stack of it was cut at the frame limit of its process */

    uint64_t size;  /* bytes as requested */
    uint64_t count; /* blocks */

    const struct heap *heap;
    uint32_t stack; /* the first stack of it in the heap, */
    uint32_t frame; /* and the frame of that stack that has the key; 0: it is about no frame */
};

struct group_list {
    enum group_key key;
    struct group *groups; /* largest first: by size, count, key, all descending */
    size_t count;
    uint64_t size, blocks; /* sums over the blocks, each counted once */
};

/* Group the blocks of HEAP that are kept by OPTIONS. The caller frees the list
 * with group_destroy(). NULL for lack of memory. */
struct group_list *group_create(const struct heap *heap, struct symbols *symbols,
                                const struct group_options *options);

/* Free LIST, which may be NULL. */
void group_destroy(struct group_list *list);

/* Order of the keys of A and B, which are of kind KEY and may be of different
 * heaps: negative, 0 (the same group) or positive. */
int group_compare(enum group_key key, const struct group *a, const struct group *b);

/* The name that the user types for KEY ("lineno"). */
const char *group_key_name(enum group_key key);

/* Is KEY about a frame, and not about the whole stack? */
bool group_key_of_frames(enum group_key key);

/* The names of all keys, as a list for the user: "lineno, filename …". */
#define GROUP_KEY_NAMES "lineno, filename, function, traceback, module, program, process"

/* Find the key named NAME. Returns 0 or -EINVAL. */
int group_key_find(const char *name, enum group_key *out_key);

/* Write "FILE:LINE (FUNCTION)", "FUNCTION [MODULE]" or what else names GROUP in one line into
 * BUFFER of SIZE bytes; cut if it does not fit. */
void group_name(enum group_key key, const struct group *group, char *buffer, size_t size);

#endif
