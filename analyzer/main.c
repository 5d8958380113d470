/* main.c - finds the command and runs it. */
#include "command.h"
#include "progress_line.h"
#include "suggest.h"
#include "topics.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_run,    &command_check,  &command_snapshot, &command_mark,  &command_start,
    &command_stop,   &command_status, &command_top,      &command_info,  &command_stats,
    &command_diff,   &command_tree,   &command_leaks,    &command_why,   &command_report,
    &command_export, &command_merge,  &command_dump,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int command_fail(const struct command *command, enum command_status status, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "heapdelta %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (status == COMMAND_USAGE)
        fprintf(stderr, "; see 'heapdelta help %s'", command->name);
    fputc('\n', stderr);
    return (int)status;
}

/* End a command that only wrote to stdout. Returns the exit status. */
static int finish_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return COMMAND_DONE;
    perror("heapdelta: can't write to stdout");
    return COMMAND_NEGATIVE;
}

int command_help(const struct command *command)
{
    fputs(command->help, stdout);
    return finish_stdout();
}

static void print_help(FILE *out)
{
    fputs("heapdelta tells what is alive on the heap of a program, what changed since, and who\n"
          "allocated it.\n"
          "\n"
          "Usage: heapdelta COMMAND [OPTIONS] …\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "  heapdelta help COMMAND   what a command does, its options, examples\n"
          "  heapdelta help TOPIC     " TOPIC_NAMES "\n"
          "  heapdelta --version      the version\n"
          "\n"
          "Begin with:\n"
          "  heapdelta run -- ./program\n"
          "\n"
          "Exit status: 0 done, 1 the result can't be had or written, 2 misuse, 3 bad input.\n"
          "`run` returns the program's own.\n",
          out);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    }
    return NULL;
}

/* Say that there is no command NAME, or if OR_TOPIC no topic either, and which one may have been
 * meant. */
static int fail_unknown(const char *name, bool or_topic)
{
    struct suggestion suggestion = {.typed = name};
    const char *what = or_topic ? "command or topic" : "command";

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        suggestion_try(&suggestion, commands[i]->name);
    for (const struct topic *topic = topics; or_topic && topic->name; topic++)
        suggestion_try(&suggestion, topic->name);
    if (suggestion.nearest)
        fprintf(stderr, "heapdelta: there is no %s '%s'; did you mean '%s'?\n", what, name,
                suggestion.nearest);
    else
        fprintf(stderr, "heapdelta: there is no %s '%s'; 'heapdelta --help' lists them\n", what,
                name);
    return COMMAND_USAGE;
}

static int help(const char *name)
{
    const struct command *command;

    if (!name) {
        print_help(stdout);
        return finish_stdout();
    }
    for (const struct topic *topic = topics; topic->name; topic++) {
        if (strcmp(name, topic->name) == 0) {
            fputs(topic->text, stdout);
            return finish_stdout();
        }
    }
    command = find_command(name);
    return command ? command_help(command) : fail_unknown(name, true);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct command *command;

    if (!name) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(NULL);
    if (strcmp(name, "help") == 0 && argc > 3) {
        fprintf(stderr, "heapdelta help: takes one command, not %d; see 'heapdelta --help'\n",
                argc - 2);
        return COMMAND_USAGE;
    }
    if (strcmp(name, "help") == 0)
        return help(argv[2]);
    if (strcmp(name, "--version") == 0) {
        puts("heapdelta " HEAPDELTA_VERSION);
        return finish_stdout();
    }
    if (name[0] == '-') {
        fprintf(stderr, "heapdelta: unknown option '%s'; see 'heapdelta --help'\n", name);
        return COMMAND_USAGE;
    }
    command = find_command(name);
    if (!command)
        return fail_unknown(name, false);
    if (command != &command_top) /* whose screen has no room for it */
        progress_line_enable(command->name);
    return command->run(argc - 1, argv + 1);
}
