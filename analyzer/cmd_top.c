/* cmd_top.c - what a running process allocates and holds, as it happens. */
#include "ask.h"
#include "command.h"
#include "ending.h"
#include "options.h"
#include "top.h"
#include "top_start.h"
#include "views/tui.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta top [OPTIONS] PID\n"
    "       heapdelta top [OPTIONS] -- COMMAND [ARGUMENT…]\n"
    "\n"
    "Show what a traced process holds and allocates, and how that changes, by who allocated\n"
    "it: on a terminal as a screen (? there lists the keys), else as lines. Its allocations\n"
    "are counted anyway; once a second they are read. An idle process is not disturbed.\n"
    "\n"
    "COMMAND is started as 'heapdelta run' does it; its output goes to a file in the working\n"
    "directory, which is named, and its input is empty. When you leave, it is ended.\n"
    "\n"
    "As JSON each look is an object on a line; as CSV each row tells when it was, and of which\n"
    "process. The first look has no rates yet. A look that fails is said, and nothing printed.\n"
    "\n"
    "  --group-by KEY       lineno (default), filename, function, module, thread or type: what\n"
    "                       the allocating functions say that they make\n"
    "  --sort ORDER         live (default), growth, rate, blocks, allocations or name\n"
    "  --once               print what is there now, and end; as --batch 1\n"
    "  --batch N            print it N times (0: until the process ends), without a screen\n"
    "  --delay T            from one look to the next: 1s (default), 500ms, 1m; up to 24h\n"
    "  -o, --output DIR     where the snapshots of COMMAND go; default ./heapdelta.COMMAND.PID\n"
    OPTIONS_HELP_FILTERS OPTIONS_HELP_FORMAT OPTIONS_HELP_TIMEOUT OPTIONS_HELP_HELP
    "\n" OPTIONS_HELP_PATTERNS_STACKS
    "\n"
    "Exit status: 0 done, also if the process has ended meanwhile, which is said; 1 it could\n"
    "not be looked at; 3 there is no such process, it is not yours, or it is not traced, or\n"
    "COMMAND can't be. 127 COMMAND was not found, 126 it could not be executed.\n"
    "\n"
    "Examples:\n"
    "  heapdelta top 1234\n"
    "  heapdelta top --group-by function --sort growth 1234\n"
    "  heapdelta top --batch 60 --delay 10s --format json 1234 > hour.json\n"
    "  heapdelta top -- ./server --port 8080\n";
/* clang-format on */

#define PATIENCE_SILENT 500  /* ms, to wait for the program that we started, before it is said, */
#define PATIENCE        4500 /* and after */

static const struct command *const command = &command_top;

/* Rest until the next look is due, or a signal is to end us. */
static void rest(uint64_t delay)
{
    poll(&(struct pollfd){.fd = ending_descriptor(), .events = POLLIN}, 1,
         (int)(delay / 1000000u));
}

/* Print what was seen. Returns the exit status. */
static int print(struct top *top, const struct options *options, bool first)
{
    struct report *report = NULL;
    int status;

    if (top_name(top, SIZE_MAX) >= 0)
        report = top_report(top, options->limit, 0, NULL);
    if (report)
        report->goes_on = !first;
    if (report && !first && options->format == OPTIONS_TEXT)
        putchar('\n');
    status = report ? options_print(options, command, &report, 1)
                    : command_fail(command, COMMAND_NEGATIVE, "out of memory");
    report_destroy(report);
    return status;
}

/* Look and print, as often as OPTIONS say. Returns the exit status. */
static int print_rounds(struct top *top, const struct options *options)
{
    for (size_t round = 0; options->rounds == 0 || round < options->rounds; round++) {
        int status;

        if (round > 0)
            rest(options->delay);
        if (ending_signal)
            return COMMAND_NEGATIVE; /* nobody sees it: the signal ends us */
        if (top_look(top, options->timeout) < 0)
            return command_fail(command, COMMAND_NEGATIVE, "out of memory");
        if (top->ended && round > 0) {
            fprintf(stderr, "heapdelta top: %s\n", top->trouble.text);
            return COMMAND_DONE;
        }
        if (ending_signal)
            return COMMAND_NEGATIVE;
        if (*top->trouble.text && (!top->heap || options->rounds == 1))
            return command_fail(command, top->ended ? COMMAND_BAD_INPUT : COMMAND_NEGATIVE, "%s",
                                top->trouble.text);
        if (*top->trouble.text) { /* what was seen before is not printed as if it were seen again */
            fprintf(stderr, "heapdelta top: %s\n", top->trouble.text);
            continue;
        }
        status = print(top, options, round == 0);
        if (status != COMMAND_DONE)
            return status;
    }
    return COMMAND_DONE;
}

static int fail_terminal(void)
{
    const char *kind = getenv("TERM");

    return command_fail(command, COMMAND_BAD_INPUT,
                        "a terminal with TERM=%s can't be drawn on; --batch 0 prints lines",
                        kind ? kind : "");
}

/* Watch PID. START is how we have started it, or NULL. Returns the exit status. */
static int watch(pid_t pid, const struct options *options, const struct top_start *start)
{
    struct error error;
    struct top top;
    int result = top_init(&top, pid, options, &error), status;

    if (result < 0) {
        status = command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
    } else if (options->batch) {
        status = print_rounds(&top, options);
    } else {
        result = top_show(&top, options->delay, start ? start->output : NULL);
        status = result == -ENOMEM ? command_fail(command, COMMAND_NEGATIVE, "out of memory")
                 : result < 0      ? fail_terminal()
                                   : COMMAND_DONE;
    }
    top_finish(&top);
    return status;
}

static bool is_interrupted(void)
{
    return poll(&(struct pollfd){.fd = ending_descriptor(), .events = POLLIN}, 1, 0) > 0;
}

/* Let what was started end, and say so if that takes its time. */
static void end_command(struct top_start *start)
{
    top_start_end(start);
    if (top_start_wait(start, PATIENCE_SILENT))
        return;
    if (!is_interrupted())
        fprintf(stderr, "heapdelta top: waiting for the program to end; in %u s, or at an "
                        "interrupt, it is killed\n", PATIENCE / 1000);
    if (!top_start_wait(start, PATIENCE))
        top_start_kill(start);
}

/* Start ARGV, and watch it. Its snapshots go to DIRECTORY; NULL: one of its own. Returns the exit
 * status. */
static int watch_command(char **argv, const char *directory, const struct options *options)
{
    struct top_start start;
    struct error error;
    int code = top_start(&start, argv, directory, &error), status;
    pid_t pid;

    if (code < 0)
        return command_fail(command,
                            code == -ENOENT    ? 127
                            : code == -ENOTSUP ? COMMAND_BAD_INPUT
                                               : 126,
                            "%s", error.text);
    pid = top_start_find(&start, &error);
    if (pid > 0)
        status = watch(pid, options, &start);
    else if (pid == -EINTR)
        status = COMMAND_NEGATIVE;
    else
        status = command_fail(command, COMMAND_NEGATIVE, "%s", error.text);
    end_command(&start);
    if (pid > 0)
        fprintf(stderr, "heapdelta top: the program's output is in %s\n", start.output);
    if (*start.directory && access(start.directory, F_OK) == 0)
        fprintf(stderr, "heapdelta top: its snapshots are in %s\n", start.directory);
    return status;
}

/* Where in ARGV the command to be started begins, behind "--"; ARGC: there is none. */
static int find_command(int argc, char **argv)
{
    int at = 1;

    while (at < argc && strcmp(argv[at], "--") != 0)
        at++;
    return at;
}

static int run(int argc, char **argv)
{
    struct options options;
    const char *directory;
    int words = find_command(argc, argv);
    int status = options_parse(&options, command,
                               OPTIONS_WATCH | OPTIONS_FILTERS | OPTIONS_TYPES | OPTIONS_FORMAT |
                                   OPTIONS_TIMEOUT | OPTIONS_OUTPUT,
                               words, argv);
    enum group_key key = options.group.key;
    pid_t pid = 0;

    directory = options.output;
    options.output = NULL;
    options.batch |= options.format != OPTIONS_TEXT || !isatty(STDIN_FILENO) ||
                     !isatty(STDOUT_FILENO) || tui_check() == -ENOSYS;
    if (status < 0 && directory && words == argc)
        status = command_fail(command, COMMAND_USAGE,
                              "-o is where the snapshots of a COMMAND go; to keep lines: "
                              "heapdelta top --batch 0 PID > FILE");
    if (status < 0 && words < argc && (options.path_count > 0 || words + 1 == argc))
        status = command_fail(command, COMMAND_USAGE,
                              options.path_count ? "takes a PID or a command, not both"
                                                 : "needs a program to start");
    if (status < 0 && words == argc && options.path_count != 1)
        status = command_fail(command, COMMAND_USAGE, "needs the PID of one process%s",
                              options.path_count ? ", not of several" : "");
    if (status < 0 && words == argc && (pid = ask_read_pid(options.paths[0])) < 0)
        status = command_fail(command, COMMAND_USAGE,
                              "'%s' is no PID; 'heapdelta status' has them; to start a program: "
                              "heapdelta top -- %s",
                              options.paths[0], options.paths[0]);
    if (status < 0 && key != GROUP_LINENO && key != GROUP_FILENAME && key != GROUP_FUNCTION &&
        key != GROUP_MODULE && key != GROUP_THREAD && key != GROUP_TYPE)
        status = command_fail(command, COMMAND_USAGE,
                              "--group-by %s: needs the single blocks, which 'heapdelta stats' has",
                              group_key_name(key));
    if (status < 0 && filter_wants_types(options.filter))
        status = command_fail(command, COMMAND_USAGE,
                              "patterns of types need the single blocks, which 'heapdelta stats' has");
    if (status < 0 && !options.batch && tui_check() < 0)
        status = fail_terminal();
    if (status < 0) {
        ending_watch();
        signal(SIGPIPE, SIG_IGN); /* who reads our lines may go: there is something to be removed */
        status = words < argc ? watch_command(argv + words + 1, directory, &options)
                              : watch(pid, &options, NULL);
        ending_obey();
    }
    options_finish(&options);
    return status;
}

const struct command command_top = {
    .name = "top",
    .summary = "what a running process allocates and holds, as it happens",
    .help = help,
    .run = run,
};
