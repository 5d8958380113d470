/* cmd_run.c - `heapdelta run`: start a program traced.
 *
 * A thin user of the environment variables of format/control.h. The shim takes
 * them out again before main() if it finds what this file puts in: the variables
 * at the end of the environment, and an LD_PRELOAD that was there before as
 * `ours:what it was`, at its old place.
 */
#include "command.h"
#include "format/control.h"
#include "launch.h"
#include "leftovers.h"
#include "model/traceable.h"
#include "options.h"
#include "quantity.h"
#include "run_summary.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NFRAME_MAX         65535
#define KEEP_DEFAULT       "100"
#define GROWTH_MAX         ((uint64_t)1 << 60)
#define PROGRAM_LENGTH_MAX 64
#define MILLISECOND        1000000u /* ns */

extern char **environ;

/* Variables that are ours to set for the program, and no one else's. */
enum variable {
    VARIABLE_OUT,
    VARIABLE_NFRAME,
    VARIABLE_OFF,
    VARIABLE_INTERVAL,
    VARIABLE_GROWTH,
    VARIABLE_PEAK,
    VARIABLE_KEEP,
    VARIABLE_COUNTERS,
    VARIABLE_THREADS,
    VARIABLE_GRAPH,
    VARIABLE_SIGNALS,
    VARIABLE_FOLLOW,
    VARIABLE_EXEC_COUNT, /* taken out only */
    VARIABLE_COUNT,
};

static const char *const variable_names[VARIABLE_COUNT] = {
    [VARIABLE_OUT] = CONTROL_ENV_OUT,
    [VARIABLE_NFRAME] = CONTROL_ENV_NFRAME,
    [VARIABLE_OFF] = CONTROL_ENV_OFF,
    [VARIABLE_INTERVAL] = CONTROL_ENV_INTERVAL,
    [VARIABLE_GROWTH] = CONTROL_ENV_GROWTH,
    [VARIABLE_PEAK] = CONTROL_ENV_PEAK,
    [VARIABLE_KEEP] = CONTROL_ENV_KEEP,
    [VARIABLE_COUNTERS] = CONTROL_ENV_COUNTERS,
    [VARIABLE_THREADS] = CONTROL_ENV_THREADS,
    [VARIABLE_GRAPH] = CONTROL_ENV_GRAPH,
    [VARIABLE_SIGNALS] = CONTROL_ENV_SIGNALS,
    [VARIABLE_FOLLOW] = CONTROL_ENV_FOLLOW,
    [VARIABLE_EXEC_COUNT] = CONTROL_ENV_EXEC_COUNT,
};

struct settings {
    const char *out; /* the directory as the user named it; NULL: after the program and its PID */
    const char *values[VARIABLE_COUNT]; /* of the variables; NULL: not set */
    char interval[24], growth[24];      /* two of the values */
    bool created;                       /* `out` was not there before */
    enum run_summary_form summary;
    char library[PATH_MAX];
    char program[PROGRAM_LENGTH_MAX + 1]; /* as it is part of file names */
    char absolute[PATH_MAX];              /* of `out`, or of the working directory */
};

/* The last part of PATH, as far as it may be part of a file name. */
static void set_program(struct settings *settings, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = 0;

    for (const char *at = slash ? slash + 1 : path; *at && length < PROGRAM_LENGTH_MAX; at++) {
        bool plain = isascii(*at) && (isalnum(*at) || strchr("._+-", *at));

        settings->program[length++] = plain ? *at : '_';
    }
    settings->program[length] = '\0';
}

/* The directory of the process PID, as the user types it. */
static void name_directory(const struct settings *settings, pid_t pid, char out_name[PATH_MAX])
{
    if (settings->out)
        snprintf(out_name, PATH_MAX, "%s", settings->out);
    else
        snprintf(out_name, PATH_MAX, "./heapdelta.%s.%d", settings->program, (int)pid);
}

/* "NAME=VALUE" in new memory; NULL for lack of it. */
static char *make_variable(const char *name, const char *before, const char *value)
{
    char *text;

    return asprintf(&text, "%s=%s%s", name, before, value) < 0 ? NULL : text;
}

static bool is_variable(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool is_own_variable(const char *entry)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (is_variable(entry, variable_names[i]))
            return true;
    }
    return false;
}

/* The environment of the process PID, see the top. */
static char **make_environment(pid_t pid, const void *context)
{
    const struct settings *settings = context;
    char directory[PATH_MAX + sizeof settings->program + 32];
    bool preloaded = false;
    size_t count = 0, kept = 0;
    char **result;

    while (environ[count])
        count++;
    result = calloc(count + 1 + VARIABLE_COUNT + 1, sizeof *result);
    if (!result)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        char *entry = environ[i];

        if (is_own_variable(entry))
            continue;
        if (!preloaded && is_variable(entry, CONTROL_ENV_PRELOAD)) {
            char library[PATH_MAX + 1];

            snprintf(library, sizeof library, "%s:", settings->library);
            entry = make_variable(CONTROL_ENV_PRELOAD, library,
                                  entry + strlen(CONTROL_ENV_PRELOAD) + 1);
            preloaded = true;
        }
        if (!entry)
            return NULL;
        result[kept++] = entry;
    }

    if (settings->out)
        snprintf(directory, sizeof directory, "%s", settings->absolute);
    else
        snprintf(directory, sizeof directory, "%s/heapdelta.%s.%d", settings->absolute,
                 settings->program, (int)pid);
    if (!preloaded &&
        !(result[kept++] = make_variable(CONTROL_ENV_PRELOAD, "", settings->library)))
        return NULL;
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *value = i == VARIABLE_OUT ? directory : settings->values[i];

        if (value && !(result[kept++] = make_variable(variable_names[i], "", value)))
            return NULL;
    }
    return result;
}

/* Create the directory PATH and those above it; sets OUT_CREATED if PATH itself was not
 * there. Returns 0 if it can be written to afterwards, else -errno. */
static int make_directory(const char *path, bool *out_created)
{
    char part[PATH_MAX];
    struct stat status;

    if (strlen(path) >= sizeof part)
        return -ENAMETOOLONG;
    strcpy(part, path);
    for (char *slash = part + strspn(part, "/"); (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(part, 0777); /* what matters is whether the last one succeeds */
    }
    if (mkdir(path, 0777) == 0)
        *out_created = true;
    else if (errno != EEXIST)
        return -errno;
    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    return access(path, W_OK | X_OK) < 0 ? -errno : 0;
}

/* The library to preload: the one that is asked for, the one of the build that
 * this program belongs to, the installed one. */
static int find_library(char out_library[PATH_MAX])
{
    const char *asked = getenv(CONTROL_ENV_LIBRARY);
    char program[PATH_MAX];
    ssize_t length;

    if (asked && *asked)
        return realpath(asked, out_library) ? 0 : -errno;
    length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) {
        char built[PATH_MAX + 64];
        char *slash;

        program[length] = '\0';
        slash = strrchr(program, '/');
        *slash = '\0';
        snprintf(built, sizeof built, "%s/../preload/libheapdelta.so", program);
        if (realpath(built, out_library))
            return 0;
    }
    return realpath(HEAPDELTA_LIBRARY_PATH, out_library) ? 0 : -errno;
}

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
    settings->values[VARIABLE_INTERVAL] = settings->interval;
    return -1;
}

static int set_growth(struct settings *settings, const char *text)
{
    uint64_t bytes;

    if (quantity_read_bytes(text, &bytes) < 0 || bytes == 0 || bytes > GROWTH_MAX)
        return command_fail(&command_run, COMMAND_USAGE,
                            "--growth must be a number of bytes, as 65536, 64K, 10M or 1G, not "
                            "'%s'",
                            text);
    snprintf(settings->growth, sizeof settings->growth, "%" PRIu64, bytes);
    settings->values[VARIABLE_GROWTH] = settings->growth;
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
        return command_fail(&command_run, COMMAND_USAGE,
                            "--summary must be text, json or none, not '%s'", text);
    return -1;
}

enum {
    OPTION_NFRAME = 256,
    OPTION_OFF,
    OPTION_INTERVAL,
    OPTION_GROWTH,
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
        settings->out = value;
        return -1;
    case OPTION_NFRAME:
        if (!is_number(value, NFRAME_MAX))
            return command_fail(command, COMMAND_USAGE,
                                "--nframe must be a number from 0 (all frames) to %d, not '%s'",
                                NFRAME_MAX, value);
        settings->values[VARIABLE_NFRAME] = value;
        return -1;
    case OPTION_OFF:
        settings->values[VARIABLE_OFF] = "1";
        return -1;
    case OPTION_INTERVAL:
        return set_interval(settings, value);
    case OPTION_GROWTH:
        return set_growth(settings, value);
    case OPTION_PEAK:
        settings->values[VARIABLE_PEAK] = "1";
        return -1;
    case OPTION_KEEP:
        if (!is_number(value, UINT32_MAX) || strcmp(value, "1") == 0)
            return command_fail(command, COMMAND_USAGE,
                                "--keep must be a number of snapshots from 2 (0: all), not '%s'",
                                value);
        settings->values[VARIABLE_KEEP] = value;
        return -1;
    case OPTION_COUNTERS:
        settings->values[VARIABLE_COUNTERS] = "1";
        return -1;
    case OPTION_THREADS:
        settings->values[VARIABLE_THREADS] = "1";
        return -1;
    case OPTION_FOLLOW:
        settings->values[VARIABLE_FOLLOW] = follow_value(value);
        if (!settings->values[VARIABLE_FOLLOW])
            return command_fail(command, COMMAND_USAGE,
                                "--follow must be none, fork, exec or all, not '%s'", value);
        return -1;
    case OPTION_QUIET:
        settings->summary = RUN_SUMMARY_NONE;
        return -1;
    case OPTION_SUMMARY:
        return set_summary(settings, value);
    case OPTION_GRAPH:
        settings->values[VARIABLE_GRAPH] = "2";
        return -1;
    case OPTION_NO_GRAPH:
        settings->values[VARIABLE_GRAPH] = NULL;
        return -1;
    default:
        return command_help(command);
    }
}

/* Read the options before the command into SETTINGS and check all values.
 * Returns -1, or the exit status to end with. */
static int read_options(int argc, char **argv, struct settings *settings)
{
    const struct command *command = &command_run;
    const char **nframe = &settings->values[VARIABLE_NFRAME];
    int option, status;

    settings->values[VARIABLE_KEEP] = KEEP_DEFAULT;
    settings->values[VARIABLE_SIGNALS] = "1";
    settings->values[VARIABLE_GRAPH] = "1"; /* at exit */
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
        return command_fail(command, COMMAND_USAGE, "which program shall be run?");
    if (!*nframe) {
        *nframe = getenv(CONTROL_ENV_NFRAME);
        if (*nframe && **nframe && !is_number(*nframe, NFRAME_MAX))
            return command_fail(command, COMMAND_USAGE,
                                "%s must be a number from 0 (all frames) to %d, not '%s'",
                                CONTROL_ENV_NFRAME, NFRAME_MAX, *nframe);
    }
    return -1;
}

/* What execution of NAME failed with, to the user and as exit status. */
static int fail_exec(const char *name, int code)
{
    fprintf(stderr, "heapdelta run: can't run '%s': %s\n", name,
            code == -ENOENT && !strchr(name, '/') ? "no such command" : strerror(-code));
    return code == -ENOENT ? 127 : 126;
}

/* Say that the library can't be had because of CODE. Returns the exit status. */
static int fail_library(int code)
{
    const char *asked = getenv(CONTROL_ENV_LIBRARY);

    if (asked && *asked)
        return command_fail(&command_run, COMMAND_BAD_INPUT,
                            "the library to preload, '%s', which %s names: %s", asked,
                            CONTROL_ENV_LIBRARY, strerror(-code));
    return command_fail(&command_run, COMMAND_BAD_INPUT,
                        "the library to preload is missing, '%s': %s; set %s to its path",
                        HEAPDELTA_LIBRARY_PATH, strerror(-code), CONTROL_ENV_LIBRARY);
}

/* Find the library and the directory that is known before the PID is. Returns -1,
 * or the exit status to end with. */
static int prepare(struct settings *settings)
{
    int code = find_library(settings->library);

    if (code < 0)
        return fail_library(code);
    /* The dynamic loader separates by both, and expands the third. */
    if (strpbrk(settings->library, " :$"))
        return command_fail(&command_run, COMMAND_BAD_INPUT,
                            "'%s' can't be preloaded: no blank, ':' or '$' may be in its path; "
                            "set %s to a copy elsewhere",
                            settings->library, CONTROL_ENV_LIBRARY);
    if (settings->out) {
        code = make_directory(settings->out, &settings->created);
        if (code == 0 && !realpath(settings->out, settings->absolute))
            code = -errno;
        if (code < 0)
            return command_fail(&command_run, COMMAND_USAGE, "can't write snapshots to '%s': %s",
                                settings->out, strerror(-code));
    } else if (!getcwd(settings->absolute, sizeof settings->absolute)) {
        return command_fail(&command_run, COMMAND_USAGE,
                            "the working directory is gone; name another one with -o");
    }
    return -1;
}

/* Run the file PATH by the command ARGV traced. */
static int run_traced(const struct settings *settings, const char *path, char **argv)
{
    struct launch_program program = {path, argv, make_environment, settings};
    struct run_end end = {.program = settings->program};
    struct run_snapshots before = {0}, written = {0};
    const char *follow = settings->values[VARIABLE_FOLLOW];
    bool follows = follow && strcmp(follow, "0") != 0;
    char directory[PATH_MAX];
    bool created = settings->created;
    struct launch launch;
    int code = launch_fork(&launch, &program);

    if (code < 0)
        return fail_exec(argv[0], code);
    name_directory(settings, launch.pid, directory);
    code = make_directory(directory, &created);
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
        return fail_exec(argv[0], code);
    }
    end.status = launch_wait(&launch);
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
        return fail_exec(argv[0], code);
    if (traceable_check(path, executable, &reason) < 0) {
        fprintf(stderr, "heapdelta run: '%s' runs untraced: %s\n", argv[0], reason.text);
        execvp(path, argv);
        return fail_exec(argv[0], -errno);
    }
    set_program(&settings, executable);
    status = prepare(&settings);
    return status >= 0 ? status : run_traced(&settings, path, argv);
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
            "  --interval T  also a snapshot every T: 500ms, 10s, 5m, 1h\n"
            "  --growth N    also one each time the heap has grown by N bytes: 64K, 10M, 1G\n"
            "  --peak        also one at each new peak\n"
            "  --keep N      keep N of all these, thinning out the middle (default 100; 0: all)\n"
            "  --counters    snapshots say how much each stack holds, not which blocks: smaller\n"
            "  --threads     tell threads apart, by id and name: for --group-by thread\n"
            "  --off         do not trace until 'heapdelta start PID'\n"
            "  --follow WHO  trace children, too: fork (those that fork, until they exec), exec\n"
            "                (the programs that they execute), all, or none, the default\n"
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
            "  heapdelta run --growth 10M --keep 20 -- ./server\n",
    .run = run,
};
