/* command.h - one command of the program: what main.c has a table of.
 *
 * A command is a file cmd_<verb>.c that ends in one `const struct command`. It
 * alone speaks to the user: results to stdout (or -o FILE), errors in one line
 * to stderr: what is wrong, where, what to do.
 */
#ifndef COMMAND_H
#define COMMAND_H

struct command {
    const char *name;
    const char *summary; /* one line in `heapdelta --help` */
    const char *help;    /* `heapdelta help NAME`: usage, options, examples; ends in a newline */
    /* ARGV[0] is the command's name. Returns the exit status. */
    int (*run)(int argc, char **argv);
};

/* What the exit status of every command means (`run` has the program's own). */
enum command_status {
    COMMAND_DONE = 0,
    COMMAND_NEGATIVE = 1, /* the finding is negative; or the result can't be written */
    COMMAND_USAGE = 2,
    COMMAND_BAD_INPUT = 3, /* a snapshot that can't be read or lacks what is asked for; no process */
};

/* Print "heapdelta NAME: …" with the printf-like FORMAT and a newline to stderr
 * and return STATUS, so that `return command_fail(command, COMMAND_BAD_INPUT, …)`
 * reads well. For COMMAND_USAGE a pointer to the command's help is added. */
int command_fail(const struct command *command, enum command_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Print the help of COMMAND to stdout. Returns the exit status. */
int command_help(const struct command *command);

extern const struct command command_run;
extern const struct command command_check;
extern const struct command command_snapshot;
extern const struct command command_mark;
extern const struct command command_start;
extern const struct command command_stop;
extern const struct command command_status;
extern const struct command command_info;
extern const struct command command_stats;
extern const struct command command_diff;
extern const struct command command_tree;
extern const struct command command_export;
extern const struct command command_leaks;
extern const struct command command_merge;
extern const struct command command_report;
extern const struct command command_dump;
extern const struct command command_why;
extern const struct command command_top;

#endif
