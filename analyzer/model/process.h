/* process.h - a process, as /proc shows it.
 *
 * What is told was true a moment ago: hold a pidfd to be sure that a PID has not become
 * somebody else's meanwhile. Signals are bits: signal N is bit N - 1.
 */
#ifndef MODEL_PROCESS_H
#define MODEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_DIRECTORY_SIZE 64

struct process {
    char name[64];   /* as the kernel has it, for messages */
    char state;      /* as ps shows it: R S D T t Z X */
    pid_t group;     /* the process; another than the PID asked for, if that is a thread */
    pid_t parent;    /* 0: none that we see */
    pid_t inner_pid; /* as it sees itself, in its own PID namespace */
    uid_t uids[4];   /* real, effective, saved, file system */
    uint64_t blocked, caught;
};

/* Look at DIRECTORY, which is /proc/PID or /proc/PID/task/TID. Returns 0, -ESRCH if
 * there is none, or another -errno. */
int process_look(const char *directory, struct process *out_process);

/* Where /proc shows the memory and files of PID: usually /proc/PID, but if its first
 * thread has ended, with another thread. -ESRCH if it has no living thread. */
int process_find_directory(pid_t pid, char out_directory[PROCESS_DIRECTORY_SIZE]);

/* Find the thread of PID that notices SIGNAL least: it runs; it is in a system call that
 * goes on after a handler; else the first one. Passed over are those that block it, and
 * those in sigwait and its like, who might take it out of the program's hands. -EAGAIN
 * if there is none; -EALREADY if there is none, but one that blocks it runs: it may be in a
 * handler, ours for example, that is about to end. */
int process_find_thread(pid_t pid, int signal, pid_t *out_thread);

#endif
