#include "views/columns.h"

#include "views/fields.h"
#include "views/utf8.h"
#include "views/value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool is_number(enum report_kind kind)
{
    return kind == REPORT_BYTES || kind == REPORT_COUNT || kind == REPORT_NUMBER ||
           kind == REPORT_ADDRESS || kind == REPORT_DURATION || kind == REPORT_LINE ||
           kind == REPORT_AVERAGE;
}

/* The cells on LINE, below the headings; the total comes last. */
static const struct report_cell *cells_of(const struct report_table *table, size_t line)
{
    return line <= table->row_count ? table->rows[line - 1].cells : table->total;
}

int columns_print(FILE *out, const struct report_table *table)
{
    size_t per_row = 0, lines = table->row_count + 1 + (table->total != NULL);
    size_t *widths = NULL;
    struct fields fields;
    int result = -ENOMEM;

    if (fields_init(&fields) < 0)
        return -ENOMEM;
    for (size_t row = 0; row < lines; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            const struct report_column *column = &table->columns[i];

            if (column->flags & REPORT_DATA_ONLY)
                continue;
            per_row += row == 0;
            fields_begin(&fields);
            if (row == 0)
                fputs(column->title, fields.stream);
            else
                value_print(fields.stream, &cells_of(table, row)[i], column->kind,
                            column->flags, table->series_length);
        }
    }
    if (fields_end(&fields) < 0 || per_row == 0)
        goto out;
    widths = fields_measure(&fields, per_row);
    if (!widths)
        goto out;
    for (size_t row = 0; row < lines; row++) {
        size_t field = row * per_row, pending = 2;

        for (size_t i = 0; i < table->column_count; i++) {
            const struct report_column *column = &table->columns[i];
            const char *text;
            size_t gap;

            if (column->flags & REPORT_DATA_ONLY)
                continue;
            text = fields_get(&fields, field);
            gap = widths[field % per_row] - utf8_width(text);
            field++;
            if (is_number(column->kind)) {
                fields_print_spaces(out, pending + gap);
                fputs(text, out);
                pending = 2;
            } else {
                if (*text)
                    fields_print_spaces(out, pending);
                else
                    gap += pending;
                fputs(text, out);
                pending = gap + 2;
            }
        }
        fputc('\n', out);
    }
    if (table->omitted)
        fprintf(out, "  … %zu more, --limit 0 shows all\n", table->omitted);
    result = 0;
out:
    free(widths);
    fields_finish(&fields);
    return result;
}
