#include "views/chart.h"

#include "views/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHART_COLUMNS 60

/* The first column of bytes; the table has one. */
static size_t bytes_column(const struct report_table *table)
{
    size_t i = 0;

    while (i + 1 < table->column_count && table->columns[i].kind != REPORT_BYTES)
        i++;
    return i;
}

/* A line of blocks, in each column the highest value of its stretch of time, and one that
 * gives the measures. */
void chart_print(FILE *out, const struct report_table *table)
{
    static const char *const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint64_t columns[CHART_COLUMNS] = {0};
    size_t value = bytes_column(table), count = table->row_count;
    uint64_t start, length, highest = 0;
    char bytes[UNITS_SIZE], time[UNITS_SIZE];
    size_t next = 0;

    if (count < 2)
        return;
    start = table->rows[0].cells[0].number;
    length = table->rows[count - 1].cells[0].number - start;
    if (length == 0 || length > UINT64_MAX / CHART_COLUMNS)
        return;
    for (size_t i = 0; i < CHART_COLUMNS; i++) {
        /* A stretch without a sample stays as high as the last one before it. */
        uint64_t level = next ? table->rows[next - 1].cells[value].number : 0;

        for (bool first = true; next < count; next++, first = false) {
            const struct report_cell *cells = table->rows[next].cells;

            if ((cells[0].number - start) * CHART_COLUMNS / length > i && i + 1 < CHART_COLUMNS)
                break;
            if (first || cells[value].number > level)
                level = cells[value].number;
        }
        columns[i] = level;
        if (level > highest)
            highest = level;
    }
    fprintf(out, "\n%s\n  ", table->title);
    for (size_t i = 0; i < CHART_COLUMNS; i++)
        fputs(levels[highest ? (size_t)((double)columns[i] / (double)highest * 7 + 0.5) : 0], out);
    fprintf(out, "\n  over %s, up to %s\n", units_duration(time, length),
            units_bytes(bytes, (double)highest, false));
}
