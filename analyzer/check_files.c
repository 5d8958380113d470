#include "check_files.h"

#include "output.h"
#include "views/json.h"
#include "views/junit.h"
#include "views/sarif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* PATTERN with PROGRAM.PID for each %p, to be freed; NULL for lack of memory. */
static char *expand(const char *pattern, const char *program, pid_t pid)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (; *pattern; pattern++) {
        if (strncmp(pattern, "%p", 2) == 0) {
            fprintf(out, "%s.%d", program, (int)pid);
            pattern++;
        } else {
            fputc(*pattern, out);
        }
    }
    return fclose(out) == 0 ? text : NULL;
}

/* What is written. */
enum form {
    FORM_JUNIT,
    FORM_SARIF,
    FORM_JSON,
    FORM_SUPPRESSIONS,
};

/* Why it is not known whether all is well; NULL: it is known. */
static const char *error_of(const struct check_outcome *outcome)
{
    if (*outcome->own)
        return outcome->own;
    return *outcome->verdict.unjudged ? outcome->verdict.unjudged : NULL;
}

static int print_form(FILE *out, enum form form, const struct check_files *files,
                      const struct check_run *run, const struct check_outcome *outcome)
{
    struct report *report = outcome->verdict.report;

    if (form == FORM_JSON)
        return json_print(out, &report, 1);
    if (form == FORM_SUPPRESSIONS)
        return check_verdict_write_suppressions(&outcome->verdict, out);
    if (form == FORM_SARIF)
        return sarif_print(out, report,
                           &(struct sarif_run){
                               .version = HEAPDELTA_VERSION,
                               .command = outcome->command,
                               .status = outcome->status,
                               .error = error_of(outcome),
                           });
    junit_print(out, report,
                &(struct junit_case){
                    .name = files->name ? files->name : outcome->command,
                    .duration = run->duration,
                    .failure = outcome->verdict.failed && !*outcome->verdict.unjudged
                                   ? outcome->verdict.text
                                   : NULL,
                    .error = error_of(outcome),
                    .is_unjudged = *outcome->verdict.unjudged != '\0',
                });
    return 0;
}

/* Make the directory that PATH is to lie in, if only that is missing. If it can't be, nor can the file,
 * which is told. */
static void make_place(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return;
    *slash = '\0';
    mkdir(path, 0777);
    *slash = '/';
}

/* Write the file PATTERN in FORM, if there is one. Returns COMMAND_DONE, or the exit status. */
static int write_file(const struct command *command, const char *pattern, enum form form,
                      const struct check_files *files, const char *program,
                      const struct check_run *run, const struct check_outcome *outcome)
{
    struct output output;
    struct error error = {"out of memory"};
    char *path;
    int result;

    if (!pattern)
        return COMMAND_DONE;
    path = expand(pattern, program, run->pid);
    if (path)
        make_place(path);
    result = path ? output_open(&output, path, &error) : -ENOMEM;
    if (result == 0) {
        result = print_form(output.file, form, files, run, outcome);
        if (result == 0)
            result = output_close(&output, &error);
        else
            output_discard(&output);
    }
    free(path);
    return result < 0 ? command_fail(command, COMMAND_BAD_INPUT, "%s", error.text)
                      : COMMAND_DONE;
}

int check_files_write(const struct command *command, const struct check_files *files,
                      const char *program, const struct check_run *run,
                      const struct check_outcome *outcome)
{
    const char *const patterns[] = {
        [FORM_JUNIT] = files->junit,
        [FORM_SARIF] = files->sarif,
        [FORM_JSON] = files->json,
        [FORM_SUPPRESSIONS] = files->gen_suppressions,
    };
    int status = COMMAND_DONE;

    for (int form = FORM_JUNIT; form <= FORM_SUPPRESSIONS && status == COMMAND_DONE; form++)
        status = write_file(command, patterns[form], (enum form)form, files, program, run, outcome);
    return status;
}
