/* snapshot.h - take a snapshot: the cut, the task that writes it, the file.
 *
 *   gate closed   blocks and counters are copied (cut.h)
 *   gate open     a short-lived task (image.h) encodes them and the rest (snapshot_write.h)
 *                 into a file that appears whole (snapshot_file.h)
 *
 * With the heap graph the task begins while the gate is closed: it stops the threads
 * (threads.h), makes a copy of the whole program, and lets it go on. The copy finds the graph
 * (graph.h) and writes the file; if it is killed, the task writes it without the graph. If the task
 * is killed before it could, or does not get to the copy within a second, another one does.
 *
 * One at a time. Not from a handler that interrupted us: -EBUSY.
 */
#ifndef PRELOAD_SNAPSHOT_H
#define PRELOAD_SNAPSHOT_H

#include "format/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/* What the hook that this thread is in is about to return, and nobody else may have yet. */
extern __thread const void *snapshot_returning __attribute__((tls_model("initial-exec")));

/* Take a snapshot named LABEL (NULL: none) and begin a new epoch. It goes to the file
 * PATH, or, if that is NULL, to a made name in the directory of the configuration,
 * else in the working directory. With GRAPH, or if the configuration wants it for TRIGGER, it has
 * the heap graph, unless there is not enough for that. Returns 0 when the file is complete.
 * -ENODATA when not tracing, -ETIMEDOUT if a thread did not come to rest, -EBUSY from within
 * ourselves and while another thread is in exec, -EOWNERDEAD if somebody killed the task that
 * wrote, or the error of the file system: then there is no file. */
int snapshot_take(enum snapshot_trigger trigger, const char *label, const char *path, bool graph);

/* The same with a made name, but return after the cut. If that went well (0), DONE is
 * called in the task at its end, with the error and the path of the file; it may only
 * do what a task may. Should somebody kill the task just then, it is told the same once more.
 * -EBUSY, too, while another is being written. */
int snapshot_begin(enum snapshot_trigger trigger, const char *label, bool graph,
                   void (*done)(int result, const char *path));

/* The same for somebody who watches, to the file PATH, which must last until DONE: only what each stack
 * has allocated and holds. No epoch begins, and it is none of the snapshots that are counted. */
int snapshot_begin_brief(const char *path, void (*done)(int result, const char *path));

/* Wait for what snapshot_begin() began, and clean up. With WAIT false only clean up what
 * is done. */
void snapshot_finish(bool wait);

/* The calling thread is about to exec: wait until nothing of ours is there. Others begin
 * nothing until the exec failed: the end of a task would be a SIGCHLD to the new program. */
void snapshot_before_exec(void);
void snapshot_exec_failed(void);

struct cut;

/* Call LOOK with the cut of this moment, encoded, and CONTEXT in a copy of the program
 * (image.h). LOOK returns 0 or an error; what else it found goes into memory that
 * copies share (arena_share()). There is no file and no new epoch. Returns what LOOK
 * did, -ECHILD if the copy was killed or could not be made, or an error of snapshot_take(). */
int snapshot_look(int (*look)(struct cut *cut, void *context), void *context);

/* This is a child of fork: what is being written is the parent's. */
void snapshot_forked(void);

struct snapshot_pauses {
    uint64_t last, longest; /* ns that the gate was closed */
    uint32_t count;         /* cuts taken */
};

/* What the snapshots of this process have cost it. */
const struct snapshot_pauses *snapshot_pauses(void);

#endif
