/* environment.h - our variables leave the environment before main, and come back
 * when the process executes another program.
 *
 * So the program sees, and gives to its children, the environment that it would have
 * without us; and the process that was started stays traced through its own execs.
 */
#ifndef PRELOAD_ENVIRONMENT_H
#define PRELOAD_ENVIRONMENT_H

#include <stdbool.h>

/* Remember our variables in the array at VARIABLES, and that our library was loaded as
 * LIBRARY by LD_PRELOAD there, which may have it under other names of its file, too; with
 * REMOVE take them out of it. The count of execs leaves it in any case. Returns where the
 * array begins now: with KEEP_END it ends where it did, and what was before it is empty strings,
 * for behind it on the stack is what the kernel tells the process (AT_PAGESZ and others), and Go
 * looks for that there.
 */
char **environment_clean(char **variables, const char *library, bool remove, bool keep_end);

/* Whether our library can be read: where it can't (another root directory, another user) the
 * loader would complain of it in each program that is executed. */
bool environment_has_library(void);

/* An array like VARIABLES, or NULL, which is an empty one, with ours put back, for exec, the
 * EXEC_COUNT-th of the process. To be given back by environment_release(). VARIABLES itself if
 * there is nothing to put back, memory is short, or it can't be read, which is for the kernel to
 * say. Where the program does not bear us (executable.h), or the loader shall only list libraries,
 * they are taken out. */
char **environment_restored(char *const *variables, unsigned long exec_count, bool bears_us);

/* Give back RESTORED, made of VARIABLES: the exec failed. */
void environment_release(char **restored, char *const *variables);

#endif
