/* cmd_export.c - a snapshot in a form that other programs take. */
#include "command.h"
#include "export.h"
#include "model/load.h"
#include "options.h"
#include "output.h"

#include <string.h>
#include <unistd.h>

static const struct export_form *const forms[] = {
    &export_tracemalloc,
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

/* clang-format off */
static const char help[] =
    "Usage: heapdelta export --to FORM [OPTIONS] SNAPSHOT|DIRECTORY\n"
    "\n"
    "Write what is alive in a snapshot in a form that another program takes; of a directory,\n"
    "what is alive in all its processes together.\n"
    "\n"
    "  --to FORM            tracemalloc: a pickle for tracemalloc.Snapshot.load() of Python\n"
    "                       3.9 or later, a trace for each block\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta export --to tracemalloc -o app.pickle app.1234.0001.exit.hds\n"
    "  python3 -c 'import tracemalloc\n"
    "  for stat in tracemalloc.Snapshot.load(\"app.pickle\").statistics(\"lineno\")[:10]:\n"
    "      print(stat)'\n";
/* clang-format on */

/* The form named NAME; NULL: there is none. */
static const struct export_form *find_form(const char *name)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    }
    return NULL;
}

static int write_form(const struct options *options, const struct export_form *form,
                      const struct heap *heap, struct symbols *symbols)
{
    struct output output;
    struct error error;

    if (output_open(&output, options->output, &error) < 0)
        return command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text);
    if (form->write(output.file, heap, symbols, &error) < 0) {
        output_discard(&output);
        return command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text);
    }
    if (output_close(&output, &error) < 0)
        return error.text[0] ? command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}

/* Is it to go to the terminal? */
static bool goes_to_terminal(const struct options *options)
{
    return (!options->output || strcmp(options->output, "-") == 0) && isatty(STDOUT_FILENO);
}

static int run(int argc, char **argv)
{
    struct options options;
    const struct export_form *form;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    struct error error;
    int status = options_parse(&options, &command_export, OPTIONS_EXPORT | OPTIONS_OUTPUT, argc,
                               argv);

    if (status >= 0)
        goto out;
    form = options.form ? find_form(options.form) : NULL;
    if (!options.form)
        status = command_fail(&command_export, COMMAND_USAGE, "needs --to and the form");
    else if (!form)
        status = command_fail(&command_export, COMMAND_USAGE, "--to '%s': none of tracemalloc",
                              options.form);
    else if (options.path_count != 1)
        status = command_fail(&command_export, COMMAND_USAGE,
                              options.path_count ? "takes one snapshot, not %zu"
                                                 : "needs a snapshot",
                              options.path_count);
    else if (form->is_binary && goes_to_terminal(&options))
        status = command_fail(&command_export, COMMAND_USAGE,
                              "%s is not for a terminal: name a file with -o", form->name);
    else if (load_heap(options.paths[0], &heap, &error) < 0)
        status = command_fail(&command_export, COMMAND_BAD_INPUT, "%s", error.text);
    else if (!(symbols = symbols_create(heap)))
        status = command_fail(&command_export, COMMAND_NEGATIVE, "out of memory");
    else
        status = write_form(&options, form, heap, symbols);
out:
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_export = {
    .name = "export",
    .summary = "a snapshot in a form that other programs take",
    .help = help,
    .run = run,
};
