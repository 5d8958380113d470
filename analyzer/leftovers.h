/* leftovers.h - what processes leave in their directory when they end.
 *
 * A snapshot may still be written when its process has ended already; until it is
 * complete it has a hidden name that ends in .part. A process that was killed leaves
 * such files, too, and its control page.
 */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the process PID, which has ended, left its control page in DIRECTORY as if it
 * were still there: it did not come by its exit functions. To be asked before
 * leftovers_settle(). */
bool leftovers_was_cut_off(const char *directory, pid_t pid);

/* Wait until the snapshots of processes that have ended are complete in DIRECTORY, half
 * a minute at most, or until a signal wants us to end: INT, TERM, HUP and QUIT must be
 * blocked. Then say on stderr what these processes could not say, and remove what they
 * left behind. */
void leftovers_settle(const char *directory);

#endif
