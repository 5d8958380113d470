/* scarce.h - memory that runs out when a test wants it to: malloc, calloc and strdup of
 * the tested code, redirected by the linker (--wrap).
 */
#ifndef TESTS_UNIT_SAMPLES_SCARCE_H
#define TESTS_UNIT_SAMPLES_SCARCE_H

#include <stdbool.h>

/* Let the allocation after the next BEFORE fail, once. */
void scarce_fail_after(unsigned before);

/* Whether it has failed; all succeed from now on. */
bool scarce_failed(void);

#endif
