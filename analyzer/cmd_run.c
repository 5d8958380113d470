/* cmd_run.c - `heapdelta run`: start a program traced. */
#include "command.h"
#include "format/control.h"
#include "launch.h"
#include "leftovers.h"
#include "model/traceable.h"
#include "options.h"
#include "quantity.h"
#include "run_summary.h"
#include "traced.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NFRAME_MAX         65535
#define KEEP_DEFAULT       "100"
#define GROWTH_MAX         ((uint64_t)1 << 60)
#define MILLISECOND        1000000u /* ns */

struct settings {
    struct traced traced;
    char interval[24], growth[24], sample[24], min_size[24], max_size[24]; /* some of the values */
    bool asks_for_graph;
    enum run_summary_form summary;
};

/* Whether TEXT is a number from 0 to MAX, in digits. */
static bool is_number(const char *text, uint64_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= 10 && strspn(text, "0123456789") == length &&
           strtoull(text, NULL, 10) <= max;
}

/* The value of the shim's variable for --follow TEXT; NULL: it has none. */
static const char *follow_value(const char *text)
{
    static const char *const names[] = {
        [CONTROL_FOLLOW_NONE] = "none",
        [CONTROL_FOLLOW_FORK] = "fork",
        [CONTROL_FOLLOW_EXEC] = "exec",
        [CONTROL_FOLLOW_ALL] = "all",
    };
    static const char *const values[] = {"0", "1", "2", "3"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0)
            return values[i];
    }
    return NULL;
}

/* Set the value of --interval to TEXT. Returns -1, or the exit status. */
static int set_interval(struct settings *settings, const char *text)
{
    uint64_t time;

    if (quantity_read_time(text, &time) < 0 || time < MILLISECOND ||
        time / MILLISECOND > UINT32_MAX)
        return command_fail(&command_run, COMMAND_USAGE,
                            "--interval must be a time from 1ms to 49 days, as 500ms, 10s, 5m or "
                            "1h, not '%s'",
                            text);
    snprintf(settings->interval, sizeof settings->interval, "%" PRIu64, time / MILLISECOND);
    settings->traced.values[TRACED_INTERVAL] = settings->interval;
    return -1;
}

/* Set the value of VARIABLE, of OPTION, to TEXT, 1 to MAX bytes, as digits in BUFFER. */
static int set_bytes(struct settings *settings, enum traced_variable variable, char buffer[24],
                     const char *option, uint64_t max, const char *text)
{
    uint64_t bytes;

    if (quantity_read_bytes(text, &bytes) < 0 || bytes == 0 || bytes > max)
        return command_fail(&command_run, COMMAND_USAGE,
                            "%s must be a number of bytes, as 65536, 64K, 10M or 1G, not '%s'",
                            option, text);
    snprintf(buffer, 24, "%" PRIu64, bytes);
    settings->traced.values[variable] = buffer;
    return -1;
}

static int set_summary(struct settings *settings, const char *text)
{
    if (strcmp(text, "text") == 0)
        settings->summary = RUN_SUMMARY_TEXT;
    else if (strcmp(text, "json") == 0)
        settings->summary = RUN_SUMMARY_JSON;
    else if (strcmp(text, "none") == 0)
        settings->summary = RUN_SUMMARY_NONE;
    else
        return options_fail_value(&command_run, "--summary", text, "text, json, none");
    return -1;
}

enum {
    OPTION_NFRAME = 256,
    OPTION_OFF,
    OPTION_INTERVAL,
    OPTION_GROWTH,
    OPTION_SAMPLE,
    OPTION_MIN_SIZE,
    OPTION_MAX_SIZE,
    OPTION_PEAK,
    OPTION_KEEP,
    OPTION_COUNTERS,
    OPTION_THREADS,
    OPTION_FOLLOW,
    OPTION_QUIET,
    OPTION_SUMMARY,
    OPTION_GRAPH,
    OPTION_NO_GRAPH,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"nframe", required_argument, NULL, OPTION_NFRAME},
    {"off", no_argument, NULL, OPTION_OFF},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"growth", required_argument, NULL, OPTION_GROWTH},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"min-size", required_argument, NULL, OPTION_MIN_SIZE},
    {"max-size", required_argument, NULL, OPTION_MAX_SIZE},
    {"peak", no_argument, NULL, OPTION_PEAK},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"counters", no_argument, NULL, OPTION_COUNTERS},
    {"threads", no_argument, NULL, OPTION_THREADS},
    {"follow", required_argument, NULL, OPTION_FOLLOW},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"summary", required_argument, NULL, OPTION_SUMMARY},
    {"graph", no_argument, NULL, OPTION_GRAPH},
    {"no-graph", no_argument, NULL, OPTION_NO_GRAPH},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

/* Take OPTION with its VALUE. Returns -1, or the exit status to end with. */
static int take_option(struct settings *settings, int option, const char *value)
{
    const struct command *command = &command_run;

    switch (option) {
    case 'o':
        settings->traced.out = value;
        return -1;
    case OPTION_NFRAME:
        if (!is_number(value, NFRAME_MAX))
            return command_fail(command, COMMAND_USAGE,
                                "--nframe must be a number from 0 (all frames) to %d, not '%s'",
                                NFRAME_MAX, value);
        settings->traced.values[TRACED_NFRAME] = value;
        return -1;
    case OPTION_OFF:
        settings->traced.values[TRACED_OFF] = "1";
        return -1;
    case OPTION_INTERVAL:
        return set_interval(settings, value);
    case OPTION_GROWTH:
        return set_bytes(settings, TRACED_GROWTH, settings->growth, "--growth", GROWTH_MAX, value);
    case OPTION_SAMPLE:
        return set_bytes(settings, TRACED_SAMPLE, settings->sample, "--sample", CONTROL_SAMPLE_MAX,
                         value);
    case OPTION_MIN_SIZE:
        return set_bytes(settings, TRACED_MIN_SIZE, settings->min_size, "--min-size",
                         CONTROL_SIZE_MAX, value);
    case OPTION_MAX_SIZE:
        return set_bytes(settings, TRACED_MAX_SIZE, settings->max_size, "--max-size",
                         CONTROL_SIZE_MAX, value);
    case OPTION_PEAK:
        settings->traced.values[TRACED_PEAK] = "1";
        return -1;
    case OPTION_KEEP:
        if (!is_number(value, UINT32_MAX) || strcmp(value, "1") == 0)
            return command_fail(command, COMMAND_USAGE,
                                "--keep must be a number of snapshots from 2 (0: all), not '%s'",
                                value);
        settings->traced.values[TRACED_KEEP] = value;
        return -1;
    case OPTION_COUNTERS:
        settings->traced.values[TRACED_COUNTERS] = "1";
        return -1;
    case OPTION_THREADS:
        settings->traced.values[TRACED_THREADS] = "1";
        return -1;
    case OPTION_FOLLOW:
        settings->traced.values[TRACED_FOLLOW] = follow_value(value);
        if (!settings->traced.values[TRACED_FOLLOW])
            return options_fail_value(command, "--follow", value, "none, fork, exec, all");
        return -1;
    case OPTION_QUIET:
        settings->summary = RUN_SUMMARY_NONE;
        return -1;
    case OPTION_SUMMARY:
        return set_summary(settings, value);
    case OPTION_GRAPH:
        settings->traced.values[TRACED_GRAPH] = "2";
        settings->asks_for_graph = true;
        return -1;
    case OPTION_NO_GRAPH:
        settings->traced.values[TRACED_GRAPH] = NULL;
        settings->asks_for_graph = false;
        return -1;
    default:
        return command_help(command);
    }
}

/* Check that the options about which blocks are recorded go together. Returns -1, or the exit
 * status. */
static int check_sampling(struct settings *settings)
{
    const char **values = settings->traced.values;

    if (!values[TRACED_SAMPLE] && !values[TRACED_MIN_SIZE] && !values[TRACED_MAX_SIZE])
        return -1;
    if (settings->asks_for_graph)
        return command_fail(&command_run, COMMAND_USAGE,
                            "--graph needs all blocks: it can't go with %s",
                            values[TRACED_SAMPLE]     ? "--sample"
                            : values[TRACED_MIN_SIZE] ? "--min-size"
                                                      : "--max-size");
    if (values[TRACED_MIN_SIZE] && values[TRACED_MAX_SIZE] &&
        strtoull(values[TRACED_MIN_SIZE], NULL, 10) > strtoull(values[TRACED_MAX_SIZE], NULL, 10))
        return command_fail(&command_run, COMMAND_USAGE,
                            "no block is of --min-size %s and more, and of --max-size %s at most",
                            values[TRACED_MIN_SIZE], values[TRACED_MAX_SIZE]);
    values[TRACED_GRAPH] = NULL;
    return -1;
}

/* Read the options before the command into SETTINGS and check all values.
 * Returns -1, or the exit status to end with. */
static int read_options(int argc, char **argv, struct settings *settings)
{
    const struct command *command = &command_run;
    const char **nframe = &settings->traced.values[TRACED_NFRAME];
    int option, status;

    settings->traced.values[TRACED_KEEP] = KEEP_DEFAULT;
    settings->traced.values[TRACED_SIGNALS] = "1";
    settings->traced.values[TRACED_GRAPH] = "1"; /* at exit */
    optind = 0; /* main may have used getopt before */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:o:h", long_options, NULL)) != -1) {
        if (option == ':' || option == '?')
            return options_fail(command, option, argv[optind - 1], long_options);
        status = take_option(settings, option, optarg);
        if (status >= 0)
            return status;
    }
    if (optind >= argc)
        return command_fail(command, COMMAND_USAGE, "needs a program to run");
    status = check_sampling(settings);
    if (status >= 0)
        return status;
    if (!*nframe) {
        *nframe = getenv(CONTROL_ENV_NFRAME);
        if (*nframe && **nframe && !is_number(*nframe, NFRAME_MAX))
            return command_fail(command, COMMAND_USAGE,
                                "%s must be a number from 0 (all frames) to %d, not '%s'",
                                CONTROL_ENV_NFRAME, NFRAME_MAX, *nframe);
    }
    return -1;
}

/* Whether EXECUTABLE is a Python that has its objects in pools of its own. */
static bool has_pools(const char *executable)
{
    const char *slash = strrchr(executable, '/'), *allocator = getenv("PYTHONMALLOC");

    return strncmp(slash ? slash + 1 : executable, "python", strlen("python")) == 0 &&
           !(allocator && strncmp(allocator, "malloc", strlen("malloc")) == 0); /* or malloc_debug */
}

/* Run the file PATH by the command ARGV traced. The process will be EXECUTABLE. */
static int run_traced(const struct settings *settings, const char *path, const char *executable,
                      char **argv)
{
    const struct traced *traced = &settings->traced;
    struct launch_program program = {path, argv, traced_environment, traced};
    struct run_end end = {.program = traced->program, .has_pools = has_pools(executable)};
    struct run_snapshots before = {0}, written = {0};
    const char *follow = traced->values[TRACED_FOLLOW];
    bool follows = follow && strcmp(follow, "0") != 0;
    char directory[PATH_MAX];
    bool created = traced->created;
    struct launch launch;
    int code = launch_fork(&launch, &program);

    if (code < 0)
        return traced_fail_exec(&command_run, argv[0], code);
    traced_directory(traced, launch.pid, directory);
    code = traced_make_directory(directory, &created);
    if (code < 0) {
        launch_cancel(&launch);
        return command_fail(&command_run, COMMAND_USAGE,
                            "can't write snapshots to '%s': %s; name another directory with -o",
                            directory, strerror(-code));
    }
    run_snapshots_find(directory, launch.pid, true, NULL, &before);
    end.snapshots_before = before.count;
    code = launch_go(&launch);
    if (code < 0) {
        if (created)
            rmdir(directory);
        run_snapshots_finish(&before);
        return traced_fail_exec(&command_run, argv[0], code);
    }
    end.status = launch_wait(&launch, NULL);
    end.cut_off = leftovers_was_cut_off(directory, launch.pid);
    leftovers_settle(directory);
    if (settings->summary != RUN_SUMMARY_NONE) {
        run_snapshots_find(directory, launch.pid, follows, &before, &written);
        run_summary_print(&end, directory, &written, settings->summary);
        run_snapshots_finish(&written);
    }
    run_snapshots_finish(&before);
    if (created)
        rmdir(directory); /* if nothing was written to it */
    launch_end_like(end.status);
}

static int run(int argc, char **argv)
{
    struct settings settings = {0};
    struct error reason = {""};
    char path[PATH_MAX], executable[PATH_MAX];
    int status = read_options(argc, argv, &settings);
    int code;

    if (status >= 0)
        return status;
    argv += optind;
    code = traceable_find(argv[0], path);
    if (code < 0)
        return traced_fail_exec(&command_run, argv[0], code);
    if (traceable_check(path, executable, &reason) < 0) {
        fprintf(stderr, "heapdelta run: '%s' runs untraced: %s\n", argv[0], reason.text);
        execvp(path, argv);
        return traced_fail_exec(&command_run, argv[0], -errno);
    }
    status = traced_prepare(&settings.traced, &command_run, executable);
    return status >= 0 ? status : run_traced(&settings, path, executable, argv);
}

const struct command command_run = {
    .name = "run",
    .summary = "start a program traced, and say at its end what leaks",
    .help = "Usage: heapdelta run [OPTION…] [--] COMMAND [ARGUMENT…]\n"
            "\n"
            "Run COMMAND, record its allocations, and end with its exit status. What it\n"
            "reads, prints and returns is what it would be without us; a short summary goes\n"
            "to stderr at the end. A snapshot is taken at exit, before INT, TERM or HUP end\n"
            "it, and where the program (heapdelta.h) or 'heapdelta snapshot PID' asks for one.\n"
            "\n"
            "  -o, --output DIR\n"
            "                put the snapshots into DIR, which is created if needed\n"
            "                (default ./heapdelta.PROGRAM.PID)\n"
            "  --interval T  also a snapshot every T: 500ms, 10s, 1h; without a unit seconds\n"
            "  --growth N    also one each time the heap has grown by N bytes: 64K, 10M, 1G\n"
            "  --peak        also one at each new peak\n"
            "  --keep N      keep N of all these, thinning out the middle (default 100; 0: all)\n"
            "  --counters    snapshots say how much each stack holds, not which blocks: smaller\n"
            "  --threads     tell threads apart, by id and name: for --group-by thread\n"
            "  --off         do not trace until 'heapdelta start PID'\n"
            "  --follow WHO  trace children, too: fork (those that fork, until they exec), exec\n"
            "                (the programs that they execute), all, or none, the default\n"
            "  --sample N    record one block in each N bytes, for speed: sizes are estimates, with\n"
            "                their error; without the heap graph\n"
            "  --min-size N  do not record blocks of less than N bytes\n"
            "  --max-size N  nor those of more\n"
            "  --nframe N    keep the N newest frames of each stack; 0, the default: all\n"
            "  --quiet       no summary; errors only\n"
            "  --summary F   the summary as text (default) or json, or none\n"
            "  --graph       each snapshot tells which block points to which, for leaks and why\n"
            "  --no-graph    not even the one at exit\n"
            "  -h, --help    show this\n"
            "\n"
            "A program that can't be traced (static, setuid, of another libc, with a\n"
            "sanitizer) runs untraced, and one line says so.\n"
            "\n"
            "Exit status: that of COMMAND; if a signal ended it, the same signal ends run.\n"
            "127 COMMAND was not found, 126 it could not be executed, 2 an option is wrong.\n"
            "\n"
            "Examples:\n"
            "  heapdelta run -- ./server --port 8080\n"
            "  heapdelta run -o /tmp/out -- sqlite3 data.db .dump\n"
            "  PYTHONMALLOC=malloc heapdelta run -- python3 script.py\n"
            "  heapdelta run --follow all -o make.out -- make -j2\n"
            "  heapdelta run --growth 10M --keep 20 -- ./server\n"
            "  heapdelta run --sample 512K -- ./server\n",
    .run = run,
};
