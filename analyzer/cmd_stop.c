/* cmd_stop.c - let a running process stop tracing. */
#include "ask.h"
#include "command.h"
#include "format/control.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta stop [OPTIONS] PID\n"
    "\n"
    "Let a traced process stop, and forget what it has recorded: take a snapshot\n"
    "before. 'heapdelta start' lets it begin anew.\n"
    "\n" OPTIONS_HELP_TIMEOUT OPTIONS_HELP_HELP
    "\n"
    "Exit status: 0 done; 1 the process did not do it, the message says why; 3 there is\n"
    "no such process, it is not yours, or it is not traced.\n"
    "\n"
    "Examples:\n"
    "  heapdelta stop 1234\n";
/* clang-format on */

static int run(int argc, char **argv)
{
    return ask_process(&command_stop, CONTROL_STOP, OPTIONS_TIMEOUT, argc, argv);
}

const struct command command_stop = {
    .name = "stop",
    .summary = "let a running process stop tracing",
    .help = help,
    .run = run,
};
