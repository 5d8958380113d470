/* leftovers.h - what processes leave in their directory when they end.
 *
 * A snapshot may still be written when its process has ended already; until it is
 * complete it has a hidden name that ends in .part. A process that was killed leaves
 * such files, too, and its control page.
 */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

/* Wait until the snapshots of processes that have ended are complete in DIRECTORY, half
 * a minute at most, or until a signal wants us to end: INT, TERM, HUP and QUIT must be
 * blocked. Then say on stderr what these processes could not say, and remove what they
 * left behind. */
void leftovers_settle(const char *directory);

#endif
