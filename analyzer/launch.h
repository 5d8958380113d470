/* launch.h - starts a program, waits for it, and is otherwise not there.
 *
 * The program gets the descriptors, signal mask, dispositions, process group and
 * terminal of our caller. While it runs, our own signals are blocked and taken
 * one by one: what was sent to us alone is passed on to it (the terminal sends
 * to the whole process group, so to the program too). If it stops, we stop.
 *
 * The process exists before the program runs in it, so that a directory can be
 * named after its PID:
 *
 *     launch_fork() ── launch_go() ── launch_wait() ── launch_end_like()
 *                  └── launch_cancel()
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

struct launch {
    pid_t pid;
    int channel; /* our end of the pair we and the new process talk through; -1: none */
};

/* What the new process is to run. */
struct launch_program {
    const char *path;
    char *const *argv;
    /* Makes the environment, in the new process; NULL for lack of memory. */
    char **(*environment)(pid_t pid, const void *context);
    const void *context; /* for environment() */
};

/* Make the process for PROGRAM, which waits. Returns 0 or -errno. */
int launch_fork(struct launch *launch, const struct launch_program *program);

/* Let it run the program. Returns 0 or the -errno of exec; then it is gone. */
int launch_go(struct launch *launch);

/* Let it go without having run anything. */
void launch_cancel(struct launch *launch);

/* What is to be done while the program runs. */
struct launch_watch {
    int signal;        /* is for us, and not passed on; 0: none */
    uint64_t interval; /* ns between two turns; 0: none */
    /* Its turn: the signal came, or the time. */
    void (*turn)(struct launch *launch, void *context);
    void *context;
};

/* Wait until the program has ended, and watch meanwhile, unless WATCH is NULL. Returns its
 * status, as waitpid() has it. */
int launch_wait(struct launch *launch, const struct launch_watch *watch);

/* End our process as one with STATUS ended: by exit or by the same signal. */
void launch_end_like(int status) __attribute__((noreturn));

#endif
