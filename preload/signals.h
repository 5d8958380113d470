/* signals.h - the signals that we handle, without the program noticing.
 *
 * One real-time signal wakes an idle process for a request; it is taken only while its
 * disposition is the default. INT, TERM and HUP, where the configuration asks and the
 * program has left them at the default, get a last snapshot before they do what they
 * would have done. SIGBUS, while at the default, is how we learn that somebody has cut the control
 * page's file short; any other ends the process. To the program all of these still are at SIG_DFL.
 */
#ifndef PRELOAD_SIGNALS_H
#define PRELOAD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Install the handlers, once the real functions are known. */
void signals_init(void);

/* The signal that asks for control_serve(); 0: none is free. */
int signals_request(void);

/* A request's signal that waits for the calling thread is taken back: it blocks it, and in
 * the program that it executes it is deadly. */
void signals_drop_request(void);

/* What we handle does what the program thinks it does, until signals_init() is called again. */
void signals_give_back(void);

/* Take the last snapshot and let the signal that came end the process. */
void signals_die(void);

/* Those of INT, TERM and HUP that are at their default, and so deadly, and not ours. */
uint64_t signals_deadly(void);

/* Whether SET is ours: then the program is told SIG_DFL. */
bool signals_is_ours(void (*set)(int));

/* The program has set SIGNAL_NUMBER, TO_DEFAULT or otherwise. In the first case we handle
 * it again, if we did; otherwise it is the program's, and requests come by another. */
void signals_set(int signal_number, bool to_default);

#endif
