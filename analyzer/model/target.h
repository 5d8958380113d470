/* target.h - a traced process that can be asked: its control page.
 *
 * The page is found in /proc/PID/maps and is a file of the process's user, who may be
 * hostile to us: it is read and written, never mapped (a file that is cut short would
 * kill us), and nothing in it is trusted. The process may see files elsewhere than we
 * do, and count itself differently: it may live in a container.
 */
#ifndef MODEL_TARGET_H
#define MODEL_TARGET_H

#include "format/control.h"
#include "model/error.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct target {
    pid_t pid;
    pid_t inner_pid; /* as the process sees itself */
    int pidfd;
    int file; /* the page */
    ino_t inode;
    char program[65];
    char title[96]; /* "process 12 (server)": for messages */
};

/* How it stands with the process of a target. */
enum target_state {
    TARGET_THERE,
    TARGET_STOPPED,  /* by SIGSTOP or its like */
    TARGET_ENDING,   /* it is about to end, or to execute another program */
    TARGET_REPLACED, /* by another program, with a page of its own or none */
    TARGET_ENDED,
};

/* Find the page of PID. Closed by target_close(), if this succeeds. Returns 0, or ERROR
 * and -ESRCH: there is no such process, or it has ended; -EACCES: it is not ours;
 * -ENODATA: it is not traced; another -errno: its page can't be used. */
int target_open(pid_t pid, bool writable, struct target *out_target, struct error *error);

void target_close(struct target *target);

/* Read the page: what it says is well-formed, which is not to say that it is true.
 * Returns 0, or -EPROTO and ERROR. */
int target_read(const struct target *target, struct control_page *out_page, struct error *error);

/* Write SIZE bytes at OFFSET into the page. Returns 0, or -errno and ERROR. */
int target_write(const struct target *target, const void *bytes, size_t size, size_t offset,
                 struct error *error);

enum target_state target_look(const struct target *target);

/* Send SIGNAL to one thread of the process, see process_find_thread(). Returns 0, -EAGAIN if
 * every thread blocks it or is in sigwait (-EALREADY: one of these runs), -ENOSYS if the process
 * does not catch it, -ESRCH if it is about to end, or another -errno. */
int target_signal(const struct target *target, int signal);

/* Where we find the file that the process has at PATH: there, or, if it sees another
 * file system than we do (true), below /proc/PID/root. */
bool target_find_file(const struct target *target, const char *path, char out_path[PATH_MAX]);

#endif
