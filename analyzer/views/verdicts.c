#include "views/verdicts.h"

#include "views/held_by.h"
#include "views/names.h"
#include "views/statistics.h"
#include "views/units.h"
#include "views/utf8.h"

#include <inttypes.h>
#include <string.h>

#define INDENT 4

static const struct {
    const char *verdict, *title;
    bool is_bad;
} titles[] = {
    {"lost", "lost", true},
    {"held_growing", "held and growing", true},
    {"not_returned", "not returned", false},
    {"held_steady", "held, steady", false},
    {"grew_once", "grew once", false},
    {"churn", "comes and goes", false},
};

static void print_title(FILE *out, const struct report_cell *cells, bool colours)
{
    const char *verdict = cells[CELL_VERDICT].text, *class = cells[CELL_CLASS].text;
    const char *title = verdict;
    bool is_bad = false;

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (strcmp(titles[i].verdict, verdict) == 0) {
            title = titles[i].title;
            is_bad = titles[i].is_bad;
        }
    }
    if (colours)
        fputs(is_bad ? "\033[1;31m" : "\033[1m", out);
    if (class && strcmp(class, "still_reachable") != 0) {
        for (; *class; class++)
            fputc(*class == '_' ? ' ' : *class, out);
        if (strcmp(verdict, "lost") != 0)
            fprintf(out, ", %s", title);
    } else {
        fputs(title, out);
    }
    fputs(colours ? "\033[0m" : "", out);
}

static void print_place(FILE *out, const struct report_cell *cells, const struct paths *paths,
                        bool whole_names)
{
    if (cells[CELL_FILE].is_place) {
        utf8_print(out, cells[CELL_FILE].text);
        return;
    }
    if (cells[CELL_FUNCTION].known) {
        names_print(out, cells[CELL_FUNCTION].text, whole_names);
        fputs(" (", out);
    }
    utf8_print(out, paths_short(paths, cells[CELL_FILE].text));
    fprintf(out, ":%" PRIu64 "%s", cells[CELL_LINE].number, cells[CELL_FUNCTION].known ? ")" : "");
}

static void print_amount(FILE *out, uint64_t size, uint64_t count)
{
    char buffer[UNITS_SIZE];

    fprintf(out, "%s in %" PRIu64 " %s", units_bytes(buffer, (double)size, false), count,
            count == 1 ? "block" : "blocks");
}

void verdicts_print(FILE *out, const struct report_table *table, const struct paths *paths,
                    size_t width, bool whole_names, bool colours)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];

        print_title(out, row->cells, colours);
        fputs("  ", out);
        print_place(out, row->cells, paths, whole_names);
        fprintf(out, "\n%*s", INDENT, "");
        print_amount(out, row->cells[CELL_SIZE].number, row->cells[CELL_COUNT].number);
        if (row->cells[CELL_WITH_COUNT].number > row->cells[CELL_COUNT].number) {
            fputs("; with all that goes with it ", out);
            print_amount(out, row->cells[CELL_WITH_SIZE].number, row->cells[CELL_WITH_COUNT].number);
        }
        fprintf(out, "\n%*s", INDENT, "");
        utf8_print(out, row->cells[CELL_TEXT].text);
        fputc('\n', out);
        if (row->path_length > 0)
            held_by_print_path(out, row, row->cells[CELL_COUNT].number, INDENT, paths, width);
        if (row->retain_count > 0)
            held_by_print_parts(out, row, INDENT, paths);
        if (row->cells[CELL_EVIDENCE].known) {
            fprintf(out, "%*sevidence  ", INDENT, "");
            utf8_print(out, row->cells[CELL_EVIDENCE].text);
            fputc('\n', out);
        }
        if (row->has_traceback)
            statistics_print_traceback(out, row, paths, whole_names);
    }
    if (table->omitted)
        fprintf(out, "… %zu more, --limit 0 shows all\n", table->omitted);
}
