/* cmd_snapshot.c - take a snapshot of a running process. */
#include "ask.h"
#include "command.h"
#include "format/control.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta snapshot [OPTIONS] PID\n"
    "\n"
    "Take a snapshot of a traced process while it runs, and print the path of the\n"
    "finished file. The process is held for some milliseconds, and writes the file itself.\n"
    "\n" OPTIONS_HELP_LABEL OPTIONS_HELP_TIMEOUT OPTIONS_HELP_HELP
    "\n"
    "Exit status: 0 done; 1 the process did not do it, the message says why; 3 there is\n"
    "no such process, it is not yours, or it is not traced.\n"
    "\n"
    "Examples:\n"
    "  heapdelta snapshot 1234\n"
    "  heapdelta snapshot --label before 1234\n"
    "  heapdelta stats \"$(heapdelta snapshot 1234)\"\n";
/* clang-format on */

static int run(int argc, char **argv)
{
    return ask_process(&command_snapshot, CONTROL_SNAPSHOT, OPTIONS_LABEL | OPTIONS_TIMEOUT, argc,
                       argv);
}

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "take a snapshot of a running process",
    .help = help,
    .run = run,
};
