/* environment.h - our variables leave the environment before main, and come back
 * when the process executes another program.
 *
 * So the program sees, and gives to its children, the environment that it would have
 * without us; and the process that was started stays traced through its own execs.
 */
#ifndef PRELOAD_ENVIRONMENT_H
#define PRELOAD_ENVIRONMENT_H

/* Take our variables out of the array at VARIABLES, and our library, loaded as LIBRARY,
 * out of LD_PRELOAD there. They are remembered in the arena. */
void environment_clean(char **variables, const char *library);

/* An array like VARIABLES with ours put back, for exec; EXEC_COUNT execs have been
 * before. To be given back by environment_release(). VARIABLES itself if there is
 * nothing to put back, the loader shall only list libraries, or memory is short. */
char **environment_restored(char *const *variables, unsigned long exec_count);

/* Give back RESTORED, made of VARIABLES: the exec failed. */
void environment_release(char **restored, char *const *variables);

#endif
