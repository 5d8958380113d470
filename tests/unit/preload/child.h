/* child.h - a test in a process of its own.
 *
 * The leaves keep their state in static variables; a test that runs in a child
 * finds it untouched. It may also crash, hang (for a minute) or run out of memory
 * without taking the others with it.
 */
#ifndef UNIT_CHILD_H
#define UNIT_CHILD_H

#include "unit.h"

#include <stdbool.h>

/* For the list of tests: run TEST, a CMUnitTestFunction, in a child. */
#define child_test(test) { #test, child_run_test, NULL, NULL, (void *)(uintptr_t)(test) }

void child_run_test(void **test);

/* Run TEST with ARGUMENT in a child, where a failed assertion aborts. Fails if the
 * child does not exit; returns what TEST did, 0 to 255. */
int child_run(int (*test)(void *argument), void *argument);

/* Run TEST in one child in which the first mapping fails and all after it, one in
 * which the second does, and so on, until it returns true: it lacked nothing. The
 * first must lack something. TEST says when the lack ends by arena_fail_after(0). */
void child_starve(bool (*test)(void));

#endif
