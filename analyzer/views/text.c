#include "views/text.h"

#include "views/chart.h"
#include "views/columns.h"
#include "views/fields.h"
#include "views/held_by.h"
#include "views/paths.h"
#include "views/statistics.h"
#include "views/tree.h"
#include "views/utf8.h"
#include "views/value.h"
#include "views/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void print_facts(FILE *out, const struct report *report)
{
    size_t width = 0;

    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (fact->title && !fact->is_heading && utf8_width(fact->title) > width)
            width = utf8_width(fact->title);
    }
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (!fact->title)
            continue;
        if (fact->is_heading) {
            fprintf(out, "\n%s\n", fact->title);
            continue;
        }
        fprintf(out, "  %s", fact->title);
        fields_print_spaces(out, width - utf8_width(fact->title) + 2);
        if (fact->value.known)
            value_print(out, &fact->value, fact->kind, 0, 0);
        else
            fputs("not known", out);
        if (fact->remark) {
            fputs("  ", out);
            utf8_print(out, fact->remark);
        }
        fputc('\n', out);
    }
}

/* Add all paths of TABLE to PATHS. */
static int add_paths(struct paths *paths, const struct report_table *table)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];

        for (size_t j = 0; j < table->column_count; j++) {
            const struct report_cell *cell = &row->cells[j];

            if (table->columns[j].kind == REPORT_FILE && cell->known && !cell->is_place &&
                paths_add(paths, cell->text) < 0)
                return -ENOMEM;
        }
        for (size_t j = 0; j < row->frame_count; j++) {
            if (row->frames[j].file && paths_add(paths, row->frames[j].file) < 0)
                return -ENOMEM;
        }
        for (size_t j = 0; j < row->path_length + row->retain_count; j++) {
            const struct report_link *link =
                j < row->path_length ? &row->path[j] : &row->retains[j - row->path_length];

            if (link->file && paths_add(paths, link->file) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

int text_print(FILE *out, const struct report *report, size_t width)
{
    struct paths *paths = paths_create();
    int result = paths ? 0 : -ENOMEM;

    for (size_t i = 0; i < report->table_count && !result; i++)
        result = add_paths(paths, &report->tables[i]);
    if (result)
        goto out;
    paths_shorten(paths);

    if (report->title) {
        utf8_print(out, report->title);
        fputc('\n', out);
    }
    print_facts(out, report);
    for (size_t i = 0; i < report->table_count && !result; i++) {
        const struct report_table *table = &report->tables[i];

        if (!table->title)
            continue;
        if (table->style == REPORT_STATISTICS) {
            result = statistics_print(out, table, paths, width, report->whole_names);
        } else if (table->style == REPORT_TREE) {
            result = tree_print(out, table, paths, width, report->whole_names);
        } else if (table->style == REPORT_PATHS) {
            held_by_print(out, table, paths, width);
        } else if (table->style == REPORT_VERDICTS) {
            verdicts_print(out, table, paths, width, report->whole_names, text_has_colours(out));
        } else if (table->style == REPORT_CHART) {
            chart_print(out, table);
        } else {
            fprintf(out, "%s%s\n", i > 0 || report->title || report->fact_count > 0 ? "\n" : "",
                    table->title);
            result = columns_print(out, table);
        }
    }
    for (size_t i = 0; i < report->note_count && !result; i++) {
        utf8_print(out, report->notes[i]);
        fputc('\n', out);
    }
out:
    paths_destroy(paths);
    return result;
}

void text_print_lines(FILE *out, const struct report *report)
{
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        for (size_t j = 0; j < table->row_count; j++) {
            fputs(table->key, out);
            for (size_t k = 0; k < table->column_count; k++) {
                const struct report_column *column = &table->columns[k];

                if (!table->rows[j].cells[k].known)
                    continue;
                fprintf(out, " %s=", column->key);
                value_print(out, &table->rows[j].cells[k], column->kind, column->flags,
                            table->series_length);
            }
            fputc('\n', out);
        }
    }
}

bool text_has_colours(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(fileno(out)) && !(no && *no) && !(terminal && strcmp(terminal, "dumb") == 0);
}

size_t text_terminal_width(FILE *out)
{
    struct winsize size;

    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}
