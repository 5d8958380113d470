/* cmd_mark.c - let a new epoch begin in a running process. */
#include "ask.h"
#include "command.h"
#include "format/control.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta mark [OPTIONS] PID\n"
    "\n"
    "Let a new epoch begin in a traced process: later snapshots tell which blocks are\n"
    "older, and 'heapdelta status' how much the heap has grown since. Costs nothing and\n"
    "writes nothing.\n"
    "\n" OPTIONS_HELP_LABEL OPTIONS_HELP_TIMEOUT OPTIONS_HELP_HELP
    "\n"
    "Exit status: 0 done; 1 the process did not do it, the message says why; 3 there is\n"
    "no such process, it is not yours, or it is not traced.\n"
    "\n"
    "Examples:\n"
    "  heapdelta mark 1234\n"
    "  heapdelta mark --label warm 1234\n";
/* clang-format on */

static int run(int argc, char **argv)
{
    return ask_process(&command_mark, CONTROL_MARK, OPTIONS_LABEL | OPTIONS_TIMEOUT, argc, argv);
}

const struct command command_mark = {
    .name = "mark",
    .summary = "let a new epoch begin in a running process",
    .help = help,
    .run = run,
};
