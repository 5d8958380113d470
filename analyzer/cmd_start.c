/* cmd_start.c - let a running process begin to trace. */
#include "ask.h"
#include "command.h"
#include "format/control.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta start [OPTIONS] PID\n"
    "\n"
    "Let a process begin to trace that was started by 'heapdelta run --off', or told to\n"
    "stop. What it allocated before is not known.\n"
    "\n" OPTIONS_HELP_TIMEOUT OPTIONS_HELP_HELP
    "\n"
    "Exit status: 0 done; 1 the process did not do it, the message says why; 3 there is\n"
    "no such process, it is not yours, or it is not traced.\n"
    "\n"
    "Examples:\n"
    "  heapdelta run --off -- ./server &\n"
    "  heapdelta start $(pidof server)\n";
/* clang-format on */

static int run(int argc, char **argv)
{
    return ask_process(&command_start, CONTROL_START, OPTIONS_TIMEOUT, argc, argv);
}

const struct command command_start = {
    .name = "start",
    .summary = "let a running process begin to trace",
    .help = help,
    .run = run,
};
