/* cmd_check.c - `heapdelta check`: fail if a program leaks, for CI. */
#include "check_baseline.h"
#include "check_files.h"
#include "check_run.h"
#include "check_verdict.h"
#include "command.h"
#include "model/traceable.h"
#include "options.h"
#include "quantity.h"
#include "traced.h"
#include "views/text.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MILLISECOND 1000000u

/* The program ended with a status that means something else here. */
#define STATUS_OF_PROGRAM 4

struct settings {
    struct traced traced;
    struct check_rounds rounds;
    struct check_limits limits;
    struct check_files files;
    struct check_baseline baseline;   /* that `limits` name */
    bool quiet;
};

enum {
    OPTION_ROUNDS = 256,
    OPTION_WARMUP,
    OPTION_SIGNAL,
    OPTION_INTERVAL,
    OPTION_STDIN_LINE,
    OPTION_MAX_GROWTH,
    OPTION_MAX_LOST,
    OPTION_MAX_PEAK,
    OPTION_SUPPRESSIONS,
    OPTION_BASELINE,
    OPTION_GEN_SUPPRESSIONS,
    OPTION_JUNIT,
    OPTION_SARIF,
    OPTION_JSON,
    OPTION_NAME,
    OPTION_QUIET,
};

static const struct option long_options[] = {
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"signal", required_argument, NULL, OPTION_SIGNAL},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"stdin-line", no_argument, NULL, OPTION_STDIN_LINE},
    {"max-growth", required_argument, NULL, OPTION_MAX_GROWTH},
    {"max-lost", required_argument, NULL, OPTION_MAX_LOST},
    {"max-peak", required_argument, NULL, OPTION_MAX_PEAK},
    {"suppressions", required_argument, NULL, OPTION_SUPPRESSIONS},
    {"baseline", required_argument, NULL, OPTION_BASELINE},
    {"gen-suppressions", required_argument, NULL, OPTION_GEN_SUPPRESSIONS},
    {"junit", required_argument, NULL, OPTION_JUNIT},
    {"sarif", required_argument, NULL, OPTION_SARIF},
    {"json", required_argument, NULL, OPTION_JSON},
    {"name", required_argument, NULL, OPTION_NAME},
    {"output", required_argument, NULL, 'o'},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* ---- options ------------------------------------------------------------------------- */

static int fail_value(const char *option, const char *value, const char *wanted)
{
    return command_fail(&command_check, COMMAND_USAGE, "%s '%s': not %s", option, value, wanted);
}

static int take_count(const char *option, const char *value, size_t *out_count)
{
    size_t length = strlen(value);

    if (length == 0 || length > 6 || strspn(value, "0123456789") != length)
        return fail_value(option, value, "a number of rounds");
    *out_count = strtoul(value, NULL, 10);
    return -1;
}

static int take_rounds(struct settings *settings, const char *value)
{
    int status = take_count("--rounds", value, &settings->rounds.count);

    if (status < 0 && (settings->rounds.count == 0 || settings->rounds.count > CHECK_ROUNDS_MAX))
        status = fail_value("--rounds", value, "a number of rounds from 1 to 200");
    settings->limits.rounds = settings->rounds.count;
    settings->limits.needs_rounds = true;
    return status;
}

/* Let rounds end by BY, if nothing else was said before. */
static int set_by(struct settings *settings, enum check_rounds_by by)
{
    if (settings->rounds.by != CHECK_BY_MARK)
        return command_fail(&command_check, COMMAND_USAGE,
                            "rounds end in one way: --signal, --interval or --stdin-line");
    settings->rounds.by = by;
    settings->limits.needs_rounds = true;
    return -1;
}

/* Take the signal VALUE, by name with or without SIG, or by number. */
static int take_signal(struct settings *settings, const char *value)
{
    const char *name = strncasecmp(value, "SIG", 3) == 0 ? value + 3 : value;
    static const int never[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                SIGTRAP, SIGSYS,  SIGXCPU, SIGXFSZ, SIGCONT};
    int number = isdigit((unsigned char)*name) ? atoi(name) : 0;

    for (int i = 1; number == 0 && i < SIGRTMIN; i++) {
        if (sigabbrev_np(i) && strcasecmp(name, sigabbrev_np(i)) == 0)
            number = i;
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        if (number == never[i])
            number = 0;
    }
    if (number <= 0 || number > SIGRTMAX)
        return fail_value("--signal", value, "a signal that can be waited for, as USR1");
    settings->rounds.signal = number;
    return set_by(settings, CHECK_BY_SIGNAL);
}

static int take_interval(struct settings *settings, const char *value)
{
    if (quantity_read_time(value, &settings->rounds.interval) < 0 ||
        settings->rounds.interval < MILLISECOND)
        return fail_value("--interval", value, "a time from 1ms, as 500ms, 10s, 5m");
    return set_by(settings, CHECK_BY_INTERVAL);
}

static int take_bytes(const char *option, const char *value, uint64_t *out_bytes)
{
    if (quantity_read_bytes(value, out_bytes) < 0)
        return fail_value(option, value, "a number of bytes, as 4096, 64K, 10M");
    return -1;
}

/* Take 4K, or 3blocks. */
static int take_growth(struct settings *settings, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits + strspn(value + digits, " ");
    uint64_t blocks = digits > 0 && digits < 19 ? strtoull(value, NULL, 10) : UINT64_MAX;

    settings->limits.growth_in_blocks =
        blocks != UINT64_MAX && strcmp(unit, blocks == 1 ? "block" : "blocks") == 0;
    if (settings->limits.growth_in_blocks)
        settings->limits.growth = blocks;
    else if (quantity_read_bytes(value, &settings->limits.growth) < 0)
        return fail_value("--max-growth", value,
                          "what may be more after a round, as 64K, 1block or 3blocks");
    return -1;
}

static int take_suppressions(struct settings *settings, const char *path)
{
    struct error error = {"out of memory"};

    if (suppressions_read(settings->limits.suppressions, path, &error) < 0)
        return command_fail(&command_check, COMMAND_BAD_INPUT, "%s", error.text);
    return -1;
}

static int take_baseline(struct settings *settings, const char *path)
{
    int status = check_baseline_take(&command_check, path, &settings->baseline);

    settings->limits.baseline = settings->baseline.baseline;
    return status;
}

/* Take OPTION with its VALUE. Returns -1, or the exit status. */
static int take_option(struct settings *settings, int option, const char *value)
{
    switch (option) {
    case OPTION_ROUNDS:
        return take_rounds(settings, value);
    case OPTION_WARMUP:
        settings->limits.needs_rounds = true;
        return take_count("--warmup", value, &settings->limits.warm_up);
    case OPTION_SIGNAL:
        return take_signal(settings, value);
    case OPTION_INTERVAL:
        return take_interval(settings, value);
    case OPTION_STDIN_LINE:
        return set_by(settings, CHECK_BY_LINE);
    case OPTION_MAX_GROWTH:
        settings->limits.needs_rounds = true;
        return take_growth(settings, value);
    case OPTION_MAX_LOST:
        return take_bytes("--max-lost", value, &settings->limits.lost);
    case OPTION_MAX_PEAK:
        return take_bytes("--max-peak", value, &settings->limits.peak);
    case OPTION_SUPPRESSIONS:
        return take_suppressions(settings, value);
    case OPTION_BASELINE:
        return take_baseline(settings, value);
    case OPTION_GEN_SUPPRESSIONS:
        settings->files.gen_suppressions = value;
        return -1;
    case OPTION_JUNIT:
        settings->files.junit = value;
        return -1;
    case OPTION_SARIF:
        settings->files.sarif = value;
        return -1;
    case OPTION_JSON:
        settings->files.json = value;
        return -1;
    case OPTION_NAME:
        settings->files.name = value;
        return -1;
    case 'o':
        settings->traced.out = value;
        return -1;
    case OPTION_QUIET:
        settings->quiet = true;
        return -1;
    default:
        return command_help(&command_check);
    }
}

/* Is what the run leaves to be known by the next one? Then each leak would fail but once. A
 * snapshot's neighbours are as near: who names it by a pattern names these as well. */
static bool is_own_baseline(const struct settings *settings)
{
    struct stat baseline, out;
    char path[PATH_MAX];

    if (!settings->baseline.path || !settings->traced.out || !realpath(settings->baseline.path, path))
        return false;
    return stat(settings->baseline.directory ? path : dirname(path), &baseline) == 0 &&
           stat(settings->traced.out, &out) == 0 && baseline.st_dev == out.st_dev &&
           baseline.st_ino == out.st_ino;
}

static int read_options(int argc, char **argv, struct settings *settings)
{
    int option, status;

    settings->limits.warm_up = SIZE_MAX;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:o:h", long_options, NULL)) != -1) {
        if (option == ':' || option == '?')
            return options_fail(&command_check, option, argv[optind - 1], long_options);
        status = take_option(settings, option, optarg);
        if (status >= 0)
            return status;
    }
    if (is_own_baseline(settings))
        return command_fail(
            &command_check, COMMAND_USAGE,
            settings->baseline.directory
                ? "--baseline and --output are the same directory: what this run leaks would be "
                  "known to the next"
                : "--baseline lies in the directory of --output: what this run leaks would lie "
                  "beside what is known");
    if (optind >= argc)
        return command_fail(&command_check, COMMAND_USAGE, "needs a program to check");
    return -1;
}

/* ---- results ------------------------------------------------------------------------- */

/* Say in OUTCOME whether the program failed by itself. */
static void judge_own(const struct check_run *run, struct check_outcome *outcome)
{
    /* A shell has it like this as well, and who handles TERM may. */
    bool by_term = WIFSIGNALED(run->status) ? WTERMSIG(run->status) == SIGTERM
                                            : WEXITSTATUS(run->status) == 128 + SIGTERM;

    if (run->ended_by_us && by_term)
        return;
    if (WIFSIGNALED(run->status)) {
        int number = WTERMSIG(run->status);

        outcome->status = 128 + number;
        snprintf(outcome->own, sizeof(outcome->own), "signal %d (%s) ended the program", number,
                 strsignal(number));
    } else if (WEXITSTATUS(run->status) != 0) {
        outcome->status = WEXITSTATUS(run->status);
        snprintf(outcome->own, sizeof(outcome->own), "the program itself failed: exit status %d",
                 outcome->status);
    }
}

static void join(char *const *argv, char *buffer, size_t size)
{
    size_t length = 0;

    *buffer = '\0';
    for (size_t i = 0; argv[i] && length < size; i++)
        length += (size_t)snprintf(buffer + length, size - length, "%s%s", i ? " " : "", argv[i]);
}

/* Say what was found: a line if all is well. */
static void say(const struct settings *settings, const struct check_outcome *outcome)
{
    const struct report *report = outcome->verdict.report;

    if (outcome->verdict.failed) {
        text_print(stderr, report, text_terminal_width(stderr));
        return;
    }
    if (settings->quiet && !*outcome->own && !*outcome->verdict.unjudged)
        return;
    fprintf(stderr, "%s\n", report->title);
    for (size_t i = 0; i < report->note_count; i++)
        fprintf(stderr, "%s\n", report->notes[i]);
}

static void add_notes(const struct settings *settings, const struct check_run *run,
                      const struct check_outcome *outcome)
{
    struct report *report = outcome->verdict.report;

    if (settings->baseline.is_empty)
        report_add_note(report, "The baseline %s has nothing of this program: nothing is known.",
                        settings->baseline.directory);
    if (run->snapshots_before > 0)
        report_add_note(report, "%zu %s in %s, beside %zu of before.", run->snapshots.count,
                        run->snapshots.count == 1 ? "snapshot" : "snapshots", run->directory,
                        run->snapshots_before);
    if (*outcome->own)
        report_add_note(report, "But %s.", outcome->own);
}

/* "heapdelta check: PROGRAM: FAILED: 1 leak of 12 blocks", or why nobody can say whether it failed. */
static void put_title(const struct settings *settings, const struct check_verdict *verdict)
{
    const char *program = settings->traced.program;

    if (*verdict->unjudged)
        report_title(verdict->report, "heapdelta check: %s: %s%s%s", program, verdict->unjudged,
                     verdict->failed ? "; besides: " : "", verdict->failed ? verdict->text : "");
    else
        report_title(verdict->report, "heapdelta check: %s: %s%s", program,
                     verdict->failed ? "FAILED: " : "", verdict->text);
}

/* Judge RUN, say what was found, and return the exit status. */
static int conclude(struct settings *settings, const struct check_run *run, char **argv)
{
    struct check_outcome outcome = {0};
    struct check_verdict *verdict = &outcome.verdict;
    int status = check_baseline_find(&command_check, run, &settings->baseline);

    if (status == COMMAND_DONE)
        status = check_verdict(&command_check, &settings->limits, run, verdict);
    join(argv, outcome.command, sizeof(outcome.command));
    judge_own(run, &outcome);
    if (status == COMMAND_DONE) {
        put_title(settings, verdict);
        add_notes(settings, run, &outcome);
        say(settings, &outcome);
        status = check_files_write(&command_check, &settings->files, settings->traced.program, run,
                                   &outcome);
        if (status == COMMAND_DONE && *verdict->unjudged)
            status = COMMAND_BAD_INPUT;
        else if (status == COMMAND_DONE && verdict->failed)
            status = COMMAND_NEGATIVE;
    } else if (*outcome.own) {
        fprintf(stderr, "heapdelta check: %s\n", outcome.own);
    }
    check_verdict_finish(verdict);
    /* A test that failed by itself has its status, in so far as that means nothing else here. */
    if (*outcome.own)
        status = outcome.status <= COMMAND_BAD_INPUT ? STATUS_OF_PROGRAM : outcome.status;
    return status;
}

static int check(struct settings *settings, char **argv)
{
    char path[PATH_MAX], executable[PATH_MAX];
    struct check_run check = {0};
    struct error reason;
    int status, code = traceable_find(argv[0], path);

    if (code < 0)
        return traced_fail_exec(&command_check, argv[0], code);
    if (traceable_check(path, executable, &reason) < 0)
        return command_fail(&command_check, COMMAND_BAD_INPUT, "'%s' can't be checked: %s", argv[0],
                            reason.text);
    status = traced_prepare(&settings->traced, &command_check, executable);
    if (status >= 0)
        return status;
    status = check_run(&command_check, &settings->traced, path, argv, &settings->rounds, &check);
    if (status < 0)
        status = conclude(settings, &check, argv);
    check_run_finish(&check);
    return status;
}

static int run(int argc, char **argv)
{
    struct settings settings = {.limits.suppressions = suppressions_create()};
    int status;

    if (!settings.limits.suppressions)
        return command_fail(&command_check, COMMAND_BAD_INPUT, "out of memory");
    status = read_options(argc, argv, &settings);
    if (status < 0)
        status = check(&settings, argv + optind);
    suppressions_destroy(settings.limits.suppressions);
    check_baseline_finish(&settings.baseline);
    return status;
}

const struct command command_check = {
    .name = "check",
    .summary = "fail if a program leaks: for CI",
    .help = "Usage: heapdelta check [OPTION…] [--] COMMAND [ARGUMENT…]\n"
            "\n"
            "Run COMMAND traced, and fail with the line and who holds it if it has lost memory, or\n"
            "if what it holds grows from round to round. A round ends where the program calls\n"
            "heapdelta_mark() (heapdelta.h), or as one of these says:\n"
            "\n"
            "  --signal SIG     each time this process gets SIG, which is not passed on\n"
            "  --interval T     each T: 500ms, 10s; without a unit seconds\n"
            "  --stdin-line     each time the program wants the next line of its standard input\n"
            "\n"
            "  --rounds N       look at N rounds (at most 200); after that many by --signal or\n"
            "                   --interval the program gets TERM\n"
            "  --warmup W       W of them do not count (default: a fifth, at least 1)\n"
            "  --max-growth G   what may be more after each round, as 64K or 3blocks (default 0)\n"
            "  --max-lost N     bytes that may be lost, as 64K (default 0)\n"
            "  --max-peak N     bytes that may be alive at once, as 10M (default: any)\n"
            "  --suppressions FILE\n"
            "                   leaks that are known, in LeakSanitizer's or valgrind's syntax; may\n"
            "                   be repeated\n"
            "  --gen-suppressions FILE\n"
            "                   write an entry for each leak that failed\n"
            "  --baseline OLD   what this snapshot of an earlier build, or a directory of them, has\n"
            "                   as well does not fail\n"
            "  --junit FILE     write the result as JUnit XML; in names of files %p becomes\n"
            "                   PROGRAM.PID\n"
            "  --sarif FILE     … as SARIF 2.1.0\n"
            "  --json FILE      … as heapdelta leaks --format json has it\n"
            "  --name NAME      of the test in JUnit XML (default: the command)\n"
            "  -o, --output DIR keep the snapshots in DIR\n"
            "  --quiet          say nothing unless it fails\n"
            "  -h, --help       show this\n"
            "\n"
            "Exit status: 0 well; 1 it leaks, or is above a limit; 2 an option is wrong; 3 it can't\n"
            "be checked; 126, 127 it can't be run. If the program fails by itself, its own status\n"
            "(128 and the number of the signal that ended it), but 4 instead of 1, 2 or 3.\n"
            "\n"
            "Examples:\n"
            "  heapdelta check -- ./test_parser\n"
            "  heapdelta check --suppressions known.supp --junit out/%p.xml -- ./test_cache\n"
            "  heapdelta check --interval 1s --rounds 20 --max-growth 4K -- ./server\n"
            "  heapdelta check --stdin-line -- sqlite3 test.db <queries.sql\n"
            "  meson test --wrapper 'heapdelta check --quiet --'\n",
    .run = run,
};
