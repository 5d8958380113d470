/* cmd_dump.c - the records of a snapshot file as they lie. */
#include "command.h"
#include "model/progress.h"
#include "model/records.h"
#include "model/report.h"
#include "options.h"
#include "output.h"
#include "views/json.h"
#include "views/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS_AT_ONCE 1024 /* in memory, of a section that may have millions */

/* clang-format off */
static const char help[] =
    "Usage: heapdelta dump [OPTIONS] SNAPSHOT\n"
    "\n"
    "Show the records of a snapshot file as they lie, one a line: to debug the format, or\n"
    "to see how far a damaged file is good. Records have the numbers by which others\n"
    "name them. With --format json each line is an object.\n"
    "\n"
    "  --section NAME       only this section: strings, process, modules, segments, frames,\n"
    "                       stacks, counters, blocks, epochs, threads, timeline, account, series,\n"
    "                       parts, origins, graph, roots, root_frames, root_edges, edges,\n"
    "                       module_words, owners, tracked, names, memory,\n"
    "                       more_counters, end\n"
    "  --format FORMAT      text (default) or json\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta dump app.1234.0001.exit.hds | less\n"
    "  heapdelta dump --section blocks --format json app.1234.0001.exit.hds\n";
/* clang-format on */

/* One line of the output, or many. */
static int print(const struct options *options, FILE *out, const struct report *report)
{
    if (report_failed(report))
        return -ENOMEM;
    if (options->format == OPTIONS_JSON)
        return json_print_lines(out, report);
    text_print_lines(out, report);
    return 0;
}

static int print_header(const struct options *options, FILE *out,
                        const struct snapshot_header *header)
{
    struct report *report = report_create();
    int result;

    if (!report)
        return -ENOMEM;
    report_begin_table(report, "header", NULL, REPORT_TABLE, 0);
    report_add_column(report, "version", "version", REPORT_NUMBER, 0);
    report_add_column(report, "header_size", "header_size", REPORT_NUMBER, 0);
    report_begin_row(report);
    report_put_number(report, header->version);
    report_put_number(report, header->header_size);
    result = print(options, out, report);
    report_destroy(report);
    return result;
}

static int print_head(const struct options *options, FILE *out,
                      const struct records_section *section)
{
    struct report *report = report_create();
    int result;

    if (!report)
        return -ENOMEM;
    report_begin_table(report, "section", NULL, REPORT_TABLE, 0);
    report_add_column(report, "name", "name", REPORT_TEXT, 0);
    report_add_column(report, "kind", "kind", REPORT_NUMBER, 0);
    report_add_column(report, "offset", "offset", REPORT_NUMBER, 0);
    report_add_column(report, "encoding", "encoding", REPORT_ADDRESS, 0);
    report_add_column(report, "count", "count", REPORT_NUMBER, 0);
    report_add_column(report, "length", "length", REPORT_NUMBER, 0);
    report_add_column(report, "raw_length", "raw_length", REPORT_NUMBER, 0);
    report_add_column(report, "checksum", "checksum", REPORT_TEXT, 0);
    report_begin_row(report);
    report_put_text(report, section->name);
    report_put_number(report, section->head.kind);
    report_put_number(report, section->offset);
    report_put_number(report, section->head.encoding);
    report_put_number(report, section->head.count);
    report_put_number(report, section->head.length);
    report_put_number(report, section->head.raw_length);
    report_put_text(report, section->checksum_ok ? "good" : "wrong");
    result = print(options, out, report);
    report_destroy(report);
    return result;
}

static void begin_records(struct report *report, const struct records_section *section)
{
    static const enum report_kind kinds[] = {
        [RECORDS_NUMBER] = REPORT_NUMBER,
        [RECORDS_SIGNED] = REPORT_NUMBER,
        [RECORDS_ADDRESS] = REPORT_ADDRESS,
        [RECORDS_TEXT] = REPORT_TEXT,
    };

    report_begin_table(report, section->name, NULL, REPORT_TABLE, 0);
    for (size_t i = 0; i < section->field_count; i++)
        report_add_column(report, section->fields[i].name, section->fields[i].name,
                          kinds[section->fields[i].show],
                          section->fields[i].show == RECORDS_SIGNED ? REPORT_SIGNED : 0);
}

/* Print up to ROWS_AT_ONCE records. Returns as records_next(), with ERROR empty for
 * lack of memory. */
static int print_some(const struct options *options, FILE *out, struct records *records,
                      const struct records_section *section, struct error *error)
{
    struct records_value values[RECORDS_FIELDS_MAX];
    struct report *report = report_create();
    int result = 1;

    if (!report)
        return error_set(error, -ENOMEM, "out of memory");
    begin_records(report, section);
    for (size_t row = 0; row < ROWS_AT_ONCE && result == 1; row++) {
        result = records_next(records, values, error);
        if (result != 1)
            break;
        report_begin_row(report);
        for (size_t i = 0; i < section->field_count; i++) {
            if (values[i].missing)
                report_put_unknown(report);
            else if (section->fields[i].show == RECORDS_TEXT)
                report_put_text(report, values[i].text);
            else
                report_put_number(report, values[i].number);
        }
    }
    if (print(options, out, report) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    report_destroy(report);
    return result;
}

/* Print what OPTIONS ask for. Returns 0, or -errno and ERROR. */
static int dump(const struct options *options, FILE *out, struct records *records,
                struct error *error)
{
    struct records_section section;
    struct error wrong = {""};
    int result;

    if (!options->section && print_header(options, out, records_header(records)) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    while ((result = records_next_section(records, &section, error)) == 1) {
        if (!section.checksum_ok && !wrong.text[0])
            error_set(&wrong, -EBADMSG,
                      "%s: damaged snapshot: section %s at byte %" PRIu64 ": wrong checksum",
                      options->paths[0], section.name, section.offset);
        if (options->section && strcmp(options->section, section.name) != 0)
            continue;
        if (!options->section && print_head(options, out, &section) < 0)
            return error_set(error, -ENOMEM, "out of memory");
        do {
            result = print_some(options, out, records, &section, error);
        } while (result == 1 && !ferror(out));
        if (result < 0)
            return result;
        if (ferror(out))
            return 0; /* output_close() says so */
    }
    if (result == 0 && wrong.text[0]) {
        *error = wrong;
        return -EBADMSG;
    }
    return result;
}

/* May the records be read on the terminal as they are written, as through a pager? Then there is
 * no room for a line about them. */
static bool is_seen(const struct output *output)
{
    struct stat status;

    return !output->path && (fstat(STDOUT_FILENO, &status) < 0 || !S_ISREG(status.st_mode));
}

static int run(int argc, char **argv)
{
    struct options options;
    struct records *records = NULL;
    struct progress *progress;
    struct output output;
    struct error error, output_error;
    int result, closed;
    int status = options_parse(&options, &command_dump,
                               OPTIONS_SECTION | OPTIONS_FORMAT | OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count != 1)
        status = command_fail(&command_dump, COMMAND_USAGE, "needs one snapshot");
    else if (options.format == OPTIONS_CSV)
        status = command_fail(&command_dump, COMMAND_USAGE,
                              "--format csv: records of several kinds make no table; "
                              "use text or json");
    else if (options.section && !records_knows(options.section))
        status = command_fail(&command_dump, COMMAND_USAGE,
                              "--section '%s': there is no such section", options.section);
    if (status >= 0)
        goto out;
    if (records_open(options.paths[0], &records, &error) < 0) {
        status = command_fail(&command_dump, COMMAND_BAD_INPUT, "%s", error.text);
        goto out;
    }
    if (output_open(&output, options.output, &error) < 0) {
        status = command_fail(&command_dump, COMMAND_NEGATIVE, "%s", error.text);
        goto out;
    }
    progress = is_seen(&output) ? NULL : progress_begin(0, "writing the records");
    result = dump(&options, output.file, records, &error);
    if (progress)
        progress_end(progress);
    status = COMMAND_DONE;
    /* What could be read of a damaged file is worth keeping. */
    closed = output_close(&output, &output_error);
    if (closed < 0)
        status = output_error.text[0]
                     ? command_fail(&command_dump, COMMAND_NEGATIVE, "%s", output_error.text)
                     : COMMAND_NEGATIVE;
    if (result < 0)
        status =
            command_fail(&command_dump, result == -ENOMEM ? COMMAND_NEGATIVE : COMMAND_BAD_INPUT,
                         "%s", error.text);
out:
    records_close(records);
    options_finish(&options);
    return status;
}

const struct command command_dump = {
    .name = "dump",
    .summary = "the records of a snapshot file as they lie",
    .help = help,
    .run = run,
};
