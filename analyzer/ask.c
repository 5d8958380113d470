#include "ask.h"

#include "ending.h"
#include "model/request.h"
#include "model/target.h"
#include "options.h"
#include "views/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *asking; /* for messages */

static void tell(const char *text)
{
    fprintf(stderr, "heapdelta %s: %s\n", asking->name, text);
}

/* Print where we find the snapshot that TARGET has at PATH. */
static int print_path(const struct target *target, const char *path)
{
    char found[PATH_MAX];

    if (target_find_file(target, path, found)) {
        struct error note;

        error_set(&note, 0, "%s sees another file system: there the file is %s", target->title,
                  path);
        tell(note.text);
    }
    if (isatty(STDOUT_FILENO)) {
        utf8_print(stdout, found);
        putchar('\n');
    } else {
        puts(found);
    }
    if (fflush(stdout) == 0)
        return COMMAND_DONE;
    return command_fail(asking, COMMAND_NEGATIVE, "can't write to stdout: %s", strerror(errno));
}

pid_t ask_read_pid(const char *text)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || number <= 0 || number != (pid_t)number)
        return -1;
    return (pid_t)number;
}

/* Ask PID as OPTIONS say. Returns the exit status. */
static int ask(pid_t pid, enum control_verb verb, const struct options *options)
{
    struct request request = {
        .verb = verb,
        .label = options->label,
        .timeout = options->timeout,
        .given_up = &ending_signal,
        .tell = tell,
    };
    char path[CONTROL_PATH_SIZE];
    struct target target;
    struct error error;
    int result;

    if (target_open(pid, true, &target, &error) < 0)
        return command_fail(asking, COMMAND_BAD_INPUT, "%s", error.text);
    ending_watch();
    result = request_make(&target, &request, path, &error);
    if (result == 0 && *path)
        result = print_path(&target, path);
    else if (result == -EINTR)
        ending_obey();
    else if (result < 0)
        result = command_fail(asking, COMMAND_NEGATIVE, "%s", error.text);
    target_close(&target);
    return result;
}

int ask_process(const struct command *command, enum control_verb verb, unsigned sets, int argc,
                char **argv)
{
    struct options options;
    int status = options_parse(&options, command, sets, argc, argv);
    pid_t pid = -1;

    asking = command;
    if (status < 0 && options.path_count != 1)
        status = command_fail(command, COMMAND_USAGE, "needs the PID of one process%s",
                              options.path_count ? ", not of several" : "");
    if (status < 0 && (pid = ask_read_pid(options.paths[0])) < 0)
        status = command_fail(command, COMMAND_USAGE, "'%s' is no PID; 'heapdelta status' has them",
                              options.paths[0]);
    if (status < 0)
        status = ask(pid, verb, &options);
    options_finish(&options);
    return status;
}
