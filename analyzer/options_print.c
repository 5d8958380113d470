/* options_print(): the reports of a command, as its options have them. */
#include "options.h"

#include "output.h"
#include "views/csv.h"
#include "views/json.h"
#include "views/text.h"
#include "views/tracemalloc.h"

#include <stdio.h>

int options_print(const struct options *options, const struct command *command,
                  struct report *const *reports, size_t count)
{
    struct output output;
    struct error error;
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        reports[i]->whole_names = options->wide;
        if (report_failed(reports[i]))
            return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    }
    if (output_open(&output, options->output, &error) < 0)
        return command_fail(command, COMMAND_NEGATIVE, "%s", error.text);
    if (options->format == OPTIONS_JSON && options->batch) {
        for (size_t i = 0; i < count && !result; i++)
            result = json_print_line(output.file, reports[i]);
    } else if (options->format == OPTIONS_JSON) {
        result = json_print(output.file, reports, count);
    } else if (options->format == OPTIONS_CSV) {
        csv_print(output.file, reports, count);
    } else if (options->format == OPTIONS_TRACEMALLOC) {
        for (size_t i = 0; i < count; i++)
            tracemalloc_print(output.file, reports[i], options->most_recent_first);
    } else {
        for (size_t i = 0; i < count && !result; i++) {
            fputs(i ? "\n" : "", output.file);
            result = text_print(output.file, reports[i], text_terminal_width(output.file));
        }
    }
    if (result < 0) {
        output_discard(&output);
        return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    }
    if ((options->batch ? output_flush : output_close)(&output, &error) < 0)
        return error.text[0] ? command_fail(command, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}
