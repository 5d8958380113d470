/* verdict_order.h - puts the verdicts in the order in which they are told: leaks first, by what they
 * lose for the same work, each with what is only a part of it.
 */
#ifndef MODEL_VERDICT_ORDER_H
#define MODEL_VERDICT_ORDER_H

#include "model/holder_path.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stdint.h>

/* Is what is lost so little that it may have happened once? */
bool verdict_is_little(uint64_t size, uint64_t count);

/* Sort the list of VERDICTS, whose leaks are counted; find by PATHS and LEADERS (either NULL:
 * not), which has for each stack the one whose part it is, what is a part of what, and add up.
 * Returns 0 or -ENOMEM. */
int verdict_order(struct verdicts *verdicts, const struct holder_paths *paths, const uint32_t *leaders);

#endif
