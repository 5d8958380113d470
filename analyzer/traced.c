#include "traced.h"

#include "format/control.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static const char *const variable_names[TRACED_COUNT] = {
    [TRACED_OUT] = CONTROL_ENV_OUT,
    [TRACED_NFRAME] = CONTROL_ENV_NFRAME,
    [TRACED_OFF] = CONTROL_ENV_OFF,
    [TRACED_INTERVAL] = CONTROL_ENV_INTERVAL,
    [TRACED_GROWTH] = CONTROL_ENV_GROWTH,
    [TRACED_PEAK] = CONTROL_ENV_PEAK,
    [TRACED_KEEP] = CONTROL_ENV_KEEP,
    [TRACED_COUNTERS] = CONTROL_ENV_COUNTERS,
    [TRACED_MARKS] = CONTROL_ENV_MARKS,
    [TRACED_THREADS] = CONTROL_ENV_THREADS,
    [TRACED_GRAPH] = CONTROL_ENV_GRAPH,
    [TRACED_SAMPLE] = CONTROL_ENV_SAMPLE,
    [TRACED_MIN_SIZE] = CONTROL_ENV_MIN_SIZE,
    [TRACED_MAX_SIZE] = CONTROL_ENV_MAX_SIZE,
    [TRACED_SIGNALS] = CONTROL_ENV_SIGNALS,
    [TRACED_FOLLOW] = CONTROL_ENV_FOLLOW,
    [TRACED_EXEC_COUNT] = CONTROL_ENV_EXEC_COUNT,
};

/* The last part of PATH, as far as it may be part of a file name. */
static void set_program(struct traced *traced, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = 0;

    for (const char *at = slash ? slash + 1 : path; *at && length < TRACED_PROGRAM_MAX; at++) {
        bool plain = isascii(*at) && (isalnum(*at) || strchr("._+-", *at));

        traced->program[length++] = plain ? *at : '_';
    }
    traced->program[length] = '\0';
}

void traced_directory(const struct traced *traced, pid_t pid, char out_name[PATH_MAX])
{
    if (traced->out)
        snprintf(out_name, PATH_MAX, "%s", traced->out);
    else
        snprintf(out_name, PATH_MAX, "./heapdelta.%s.%d", traced->program, (int)pid);
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
    for (size_t i = 0; i < TRACED_COUNT; i++) {
        if (is_variable(entry, variable_names[i]))
            return true;
    }
    return false;
}

char **traced_environment(pid_t pid, const void *context)
{
    const struct traced *traced = context;
    char directory[PATH_MAX + sizeof traced->program + 32];
    bool preloaded = false;
    size_t count = 0, kept = 0;
    char **result;

    while (environ[count])
        count++;
    result = calloc(count + 1 + TRACED_COUNT + 1, sizeof *result);
    if (!result)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        char *entry = environ[i];

        if (is_own_variable(entry))
            continue;
        if (!preloaded && is_variable(entry, CONTROL_ENV_PRELOAD)) {
            char library[PATH_MAX + 1];

            snprintf(library, sizeof library, "%s:", traced->library);
            entry = make_variable(CONTROL_ENV_PRELOAD, library,
                                  entry + strlen(CONTROL_ENV_PRELOAD) + 1);
            preloaded = true;
        }
        if (!entry)
            return NULL;
        result[kept++] = entry;
    }

    if (traced->out)
        snprintf(directory, sizeof directory, "%s", traced->absolute);
    else
        snprintf(directory, sizeof directory, "%s/heapdelta.%s.%d", traced->absolute,
                 traced->program, (int)pid);
    if (!preloaded &&
        !(result[kept++] = make_variable(CONTROL_ENV_PRELOAD, "", traced->library)))
        return NULL;
    for (size_t i = 0; i < TRACED_COUNT; i++) {
        const char *value = i == TRACED_OUT ? directory : traced->values[i];

        if (value && !(result[kept++] = make_variable(variable_names[i], "", value)))
            return NULL;
    }
    return result;
}

int traced_make_directory(const char *path, bool *out_created)
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

int traced_fail_exec(const struct command *command, const char *name, int code)
{
    fprintf(stderr, "heapdelta %s: can't run '%s': %s\n", command->name, name,
            code == -ENOENT && !strchr(name, '/') ? "no such command" : strerror(-code));
    return code == -ENOENT ? 127 : 126;
}

/* Say that the library can't be had because of CODE. Returns the exit status. */
static int fail_library(const struct command *command, int code)
{
    const char *asked = getenv(CONTROL_ENV_LIBRARY);

    if (asked && *asked)
        return command_fail(command, COMMAND_BAD_INPUT,
                            "the library to preload, '%s', which %s names: %s", asked,
                            CONTROL_ENV_LIBRARY, strerror(-code));
    return command_fail(command, COMMAND_BAD_INPUT,
                        "the library to preload is missing, '%s': %s; set %s to its path",
                        HEAPDELTA_LIBRARY_PATH, strerror(-code), CONTROL_ENV_LIBRARY);
}

int traced_prepare(struct traced *traced, const struct command *command, const char *executable)
{
    int code = find_library(traced->library);

    set_program(traced, executable);
    if (code < 0)
        return fail_library(command, code);
    /* The dynamic loader separates by both, and expands the third. */
    if (strpbrk(traced->library, " :$"))
        return command_fail(command, COMMAND_BAD_INPUT,
                            "'%s' can't be preloaded: no blank, ':' or '$' may be in its path; "
                            "set %s to a copy elsewhere",
                            traced->library, CONTROL_ENV_LIBRARY);
    if (traced->out) {
        code = traced_make_directory(traced->out, &traced->created);
        if (code == 0 && !realpath(traced->out, traced->absolute))
            code = -errno;
        if (code < 0)
            return command_fail(command, COMMAND_USAGE, "can't write snapshots to '%s': %s",
                                traced->out, strerror(-code));
    } else if (!getcwd(traced->absolute, sizeof traced->absolute)) {
        return command_fail(command, COMMAND_USAGE,
                            "the working directory is gone; name another one with -o");
    }
    return -1;
}

