/* control.h - requests from outside, and our own triggers, become snapshots.
 *
 * The control page (format/control.h) is written once and mapped; from then on the
 * process has no descriptor for it. A hook that sees something raised in the attention
 * word (attention.h) calls control_serve(); so does the handler of our signal, which
 * is sent only to a process that does not come by a hook of its own.
 */
#ifndef PRELOAD_CONTROL_H
#define PRELOAD_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

/* Watch for what the configuration asks, and make the page. */
void control_init(void);

/* Make the page. Without one there are no requests, but everything else. */
void control_open(void);

/* Do what is raised. Any thread, any time, also in a signal handler. */
void control_serve(void);

/* The same in a hook that is about to return BLOCK, which so is the calling function's. */
void control_serve_returning(const void *block);

/* Begin an epoch, as tracker_mark() does, and let `status` know. */
int control_mark(const char *label);

/* The process is about to become another program: from now on nothing is begun, and no
 * signal of ours comes, which would kill that. What was begun is still to be waited for. */
void control_end_before_exec(void);

/* The process is past its last snapshot: nothing is begun any more, and the page's file
 * goes, unless messages in it are yet to be read. control_open() makes a new one, if the
 * process stays. */
void control_close(void);

/* The signal that asks for control_serve() is another one now. */
void control_signal_changed(void);

/* Whether ADDRESS lies in the page; then what is left of that is ours alone. Any time: its file
 * was cut short, and a touch of it is deadly. */
bool control_lost(const void *address);

/* The process is about to put itself under seccomp, as life_before_seccomp() has it: the page
 * is ours alone from now on, or again by control_open(). */
void control_before_seccomp(void);

/* Wait, though not for long, until no other thread does what is raised: guard_silent is set. */
void control_wait_for_others(void);

/* … and did. Say in the page why there will be no snapshot, if there would have been: the
 * process WAS_TRACING. No system call is made. */
void control_after_seccomp(bool was_tracing);

/* This is a child of fork: the page is its parent's. */
void control_forked(void);

#endif
