/* control.h - requests from outside, and our own triggers, become snapshots.
 *
 * The control page (format/control.h) is written once and mapped; from then on the
 * process has no descriptor for it. A hook that sees something raised in the attention
 * word (attention.h) calls control_serve(); so does the handler of our signal, which
 * is sent only to a process that does not come by a hook of its own.
 */
#ifndef PRELOAD_CONTROL_H
#define PRELOAD_CONTROL_H

#include <stdint.h>

/* Make the page and watch for what the configuration asks. Without a page there are no
 * requests, but everything else. */
void control_init(void);

/* Do what is raised. Any thread, any time, also in a signal handler; errno is kept. */
void control_serve(void);

/* The process is about to become another program, or is past its last snapshot: the
 * page's file goes. control_init() makes a new one, if that fails. */
void control_close(void);

/* This is a child of fork: the page is its parent's. */
void control_forked(void);

#endif
