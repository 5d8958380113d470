#include "views/tree.h"

#include "views/fields.h"
#include "views/names.h"
#include "views/utf8.h"
#include "views/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What the rows around a row tell of it. */
struct place {
    bool is_last;      /* of its siblings */
    bool is_only;      /* it has none */
    bool goes_on;      /* as much as the row above, which has only this below it */
    size_t branches;   /* between the outermost and it */
};

struct branch {
    bool has_more; /* siblings below */
};

static bool is_shown(const struct report_column *column)
{
    return !(column->flags & REPORT_DATA_ONLY);
}

/* Does B hold what A does, by all numbers that are shown? */
static bool same_numbers(const struct report_table *table, const struct report_row *a,
                         const struct report_row *b)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (is_shown(&table->columns[i]) && a->cells[i].number != b->cells[i].number)
            return false;
    }
    return true;
}

/* Find out what there is to know, row by row. NULL for lack of memory. */
static struct place *find_places(const struct report_table *table)
{
    struct place *places = calloc(table->row_count + 1, sizeof(*places));
    size_t *last = NULL, deepest = 0;

    for (size_t i = 0; i < table->row_count; i++) {
        if (table->rows[i].depth > deepest)
            deepest = table->rows[i].depth;
    }
    last = calloc(deepest + 2, sizeof(*last)); /* per depth, the row seen last plus 1 */
    if (!places || !last) {
        free(places);
        free(last);
        return NULL;
    }
    for (size_t i = 0; i < table->row_count; i++) {
        size_t depth = table->rows[i].depth;

        places[i].is_last = places[i].is_only = true;
        if (last[depth]) {
            places[last[depth] - 1].is_last = places[last[depth] - 1].is_only = false;
            places[i].is_only = false;
        }
        last[depth] = i + 1;
        last[depth + 1] = 0; /* what is below begins anew */
    }
    for (size_t i = 1; i < table->row_count; i++)
        places[i].goes_on = table->rows[i].depth == table->rows[i - 1].depth + 1 &&
                            places[i].is_only && !table->rows[i].stands_for &&
                            same_numbers(table, &table->rows[i - 1], &table->rows[i]);
    free(last);
    return places;
}

static void print_frame(FILE *out, const struct report_row *row, const struct paths *paths,
                        bool whole_names)
{
    const struct report_frame *frame = &row->frames[0];

    if (row->stands_for) {
        fprintf(out, "… %zu more", row->stands_for);
        return;
    }
    if (!frame->function) {
        names_print_place(out, frame->place ? frame->place : "<unknown>", whole_names);
        return;
    }
    names_print(out, frame->function, whole_names);
    if (frame->file) {
        fputs(" (", out);
        utf8_print(out, paths_short(paths, frame->file));
        fprintf(out, frame->line ? ":%" PRIu32 ")" : ")", frame->line);
    } else if (frame->module) {
        fputs(" [", out);
        utf8_print(out, frame->module);
        fputc(']', out);
    }
}

/* Make the fields of a row of CELLS: its numbers, behind the first its share of the total. */
static void make_numbers(struct fields *fields, const struct report_table *table,
                         const struct report_cell *cells, bool blank)
{
    size_t order = table->column_count;

    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_shown(&table->columns[i]))
            continue;
        order = i; /* the tree is ordered by the last, if there are more than size and count */
        fields_begin(fields);
        if (!blank)
            value_print(fields->stream, &cells[i], table->columns[i].kind, 0, 0);
    }
    if (table->column_count <= 4)
        order = 0;
    fields_begin(fields);
    if (!blank && table->total[order].number)
        fprintf(fields->stream, "%.1f %%",
                100.0 * (double)cells[order].number / (double)table->total[order].number);
}

/* Write the branches before the frame of ROW to OUT; *BRANCHES of the rows above it are
 * brought up to date. */
static void print_branches(FILE *out, struct branch *branches, size_t *count,
                           const struct place *place, bool is_outermost)
{
    size_t shown = *count;

    if (!place->goes_on && !is_outermost)
        shown--;
    for (size_t i = 0; i < shown; i++)
        fputs(branches[i].has_more ? "│  " : "   ", out);
    if (!place->goes_on && !is_outermost)
        fputs(place->is_last ? "└─ " : "├─ ", out);
}

/* Make the fields of all rows: numbers, share, tree. Returns 0 or -ENOMEM. */
static int make_rows(struct fields *fields, const struct report_table *table,
                     const struct paths *paths, bool whole_names)
{
    struct place *places = find_places(table);
    struct branch *branches = calloc(table->row_count + 1, sizeof(*branches));
    size_t *branch_count = calloc(table->row_count + 1, sizeof(*branch_count)); /* per depth */

    for (size_t i = 0; places && branches && branch_count && i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];
        size_t count = row->depth ? branch_count[row->depth - 1] : 0;

        if (row->depth && !places[i].goes_on)
            branches[count++].has_more = !places[i].is_last;
        branch_count[row->depth] = count;
        make_numbers(fields, table, row->cells, places[i].goes_on);
        fields_begin(fields);
        print_branches(fields->stream, branches, &count, &places[i], row->depth == 0);
        print_frame(fields->stream, row, paths, whole_names);
    }
    free(places);
    free(branches);
    free(branch_count);
    return places && branches && branch_count ? 0 : -ENOMEM;
}

/* Make the fields of the headings. Returns how many fields a row has. */
static size_t make_headings(struct fields *fields, const struct report_table *table)
{
    size_t count = 2;

    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_shown(&table->columns[i]))
            continue;
        fields_begin(fields);
        fputs(table->columns[i].title, fields->stream);
        count++;
    }
    fields_begin(fields);
    fputs("share", fields->stream);
    fields_begin(fields);
    return count;
}

int tree_print(FILE *out, const struct report_table *table, const struct paths *paths, size_t width,
               bool whole_names)
{
    struct fields fields;
    size_t *widths = NULL, per_row, before = 0;
    int result = -ENOMEM;

    if (fields_init(&fields) < 0)
        return -ENOMEM;
    per_row = make_headings(&fields, table);
    if (make_rows(&fields, table, paths, whole_names) < 0)
        goto out;
    make_numbers(&fields, table, table->total, false);
    fields_begin(&fields);
    fputs("total", fields.stream);
    if (fields_end(&fields) < 0)
        goto out;
    widths = fields_measure(&fields, per_row);
    if (!widths)
        goto out;
    for (size_t i = 0; i + 1 < per_row; i++)
        before += widths[i] + 2;
    for (size_t first = 0; first < fields.count; first += per_row) {
        size_t spaces = 0; /* not before the end of the line */

        for (size_t i = 0; i + 1 < per_row; i++) {
            const char *field = fields_get(&fields, first + i);

            spaces += widths[i] - utf8_width(field);
            if (*field) {
                fields_print_spaces(out, spaces);
                fputs(field, out);
                spaces = 0;
            }
            spaces += 2;
        }
        if (*fields_get(&fields, first + per_row - 1)) {
            fields_print_spaces(out, spaces);
            utf8_print_start(out, fields_get(&fields, first + per_row - 1),
                             !width ? 0 : width > before + 1 ? width - before : 1);
        }
        fputc('\n', out);
    }
    result = 0;
out:
    free(widths);
    fields_finish(&fields);
    return result;
}

int tree_print_json(FILE *out, const struct report_table *table, tree_members *members)
{
    size_t open = 0; /* nodes whose children are being written */
    int result = 0;

    fputc('[', out);
    for (size_t i = 0; i < table->row_count && result == 0; i++) {
        const struct report_row *row = &table->rows[i];

        for (; open > row->depth; open--)
            fputs("]}", out);
        if (row->stands_for) { /* the last of its siblings: said of the node above, after them */
            fputs(open ? "], \"omitted\": {" : "\n ],\n \"omitted\": {", out);
            result = members(out, table, row);
            fputs(open ? "}}" : "}", out);
            if (open-- == 0)
                return result;
            continue;
        }
        if (i > 0 && table->rows[i - 1].depth >= row->depth)
            fputc(',', out);
        fprintf(out, "\n%*s{", 2 + (int)(row->depth < 100 ? row->depth : 100), "");
        result = members(out, table, row);
        fputs(", \"children\": [", out);
        open++;
    }
    for (; open > 0; open--)
        fputs("]}", out);
    fputs(table->row_count ? "\n ]" : "]", out);
    return result;
}
