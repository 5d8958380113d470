#include "model/diff_report.h"

#include "format/snapshot.h"
#include "model/group_report.h"
#include "model/line_notes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key, *title, *each_key, *diff_key;
    enum report_kind kind;
} counters[SNAPSHOT_ALL_COUNTERS] = {
#define NAMES(key, title) key, title, key "_each", key "_diff"
    [SNAPSHOT_ALLOCATIONS] = {NAMES("allocations", "allocations"), REPORT_COUNT},
    [SNAPSHOT_ALLOCATED_BYTES] = {NAMES("allocated_bytes", "allocated"), REPORT_BYTES},
    [SNAPSHOT_FREES] = {NAMES("frees", "frees"), REPORT_COUNT},
    [SNAPSHOT_FREED_BYTES] = {NAMES("freed_bytes", "freed"), REPORT_BYTES},
    [SNAPSHOT_REALLOCATIONS] = {NAMES("reallocations", "reallocations"), REPORT_COUNT},
    [SNAPSHOT_TEMPORARY] = {NAMES("temporary", "temporary"), REPORT_COUNT},
    [SNAPSHOT_PEAK_BYTES] = {NAMES("peak_bytes", "at peak"), REPORT_BYTES},
    [SNAPSHOT_PEAK_BLOCKS] = {NAMES("peak_blocks", "blocks at peak"), REPORT_COUNT},
#undef NAMES
};

void diff_columns_add(struct diff_columns *columns, unsigned column)
{
    for (size_t i = 0; i < columns->count; i++)
        if (columns->list[i] == column)
            return;
    columns->list[columns->count++] = (uint8_t)column;
}

/* Add the columns of COUNTER. */
static void add_counter(unsigned counter, bool compares, bool series, struct report *report)
{
    report_add_column(report, counters[counter].key, counters[counter].title,
                      counters[counter].kind, series ? REPORT_DATA_ONLY : 0);
    if (series)
        report_add_column(report, counters[counter].each_key, counters[counter].title,
                          counters[counter].kind, REPORT_SERIES);
    if (compares)
        report_add_column(report, counters[counter].diff_key, "change", counters[counter].kind,
                          REPORT_SIGNED);
}

static void add_columns(const struct diff *diff, const struct diff_report_options *options,
                        struct report *report)
{
    bool compares = diff->list_count > 1;
    /* Of more than two snapshots people see all values, not only the last. */
    bool series = diff->list_count > 2;
    unsigned last_flags = series ? REPORT_DATA_ONLY : 0;

    report_add_column(report, "size", "size", REPORT_BYTES, last_flags);
    if (options->sampled)
        report_add_column(report, "size_error", "±", REPORT_BYTES, REPORT_ERROR | last_flags);
    if (series)
        report_add_column(report, "sizes", "size", REPORT_BYTES, REPORT_SERIES);
    if (compares)
        report_add_column(report, "size_diff", "change", REPORT_BYTES, REPORT_SIGNED);
    if (compares && options->sampled)
        report_add_column(report, "size_diff_error", "±", REPORT_BYTES, REPORT_ERROR);
    report_add_column(report, "count", "count", REPORT_COUNT, last_flags);
    if (series)
        report_add_column(report, "counts", "count", REPORT_COUNT, REPORT_SERIES);
    if (compares)
        report_add_column(report, "count_diff", "change", REPORT_COUNT, REPORT_SIGNED);
    for (size_t i = 0; i < options->columns.count; i++) {
        unsigned column = options->columns.list[i];

        if (column == DIFF_COLUMN_RETAINED)
            report_add_column(report, "retained", "retained", REPORT_BYTES, 0);
        else
            add_counter(column, compares, series, report);
    }
    report_add_column(report, "average", "average", REPORT_AVERAGE, REPORT_TEXT_ONLY);

    group_report_columns(diff->key, report);
}

/* Put COUNTER of ROW. */
static void put_counter(const struct diff *diff, const struct diff_row *row,
                        enum snapshot_counter counter, struct report *report)
{
    report_put_number(report, diff_counter(diff, row, diff->list_count - 1, counter));
    if (diff->list_count > 2) {
        uint64_t *values = calloc(diff->list_count, sizeof(*values));

        for (size_t i = 0; values && i < diff->list_count; i++)
            values[i] = diff_counter(diff, row, i, counter);
        report->failed |= !values;
        report_put_series(report, values);
        free(values);
    }
    if (diff->list_count > 1)
        report_put_number(report, (uint64_t)diff_counter_change(diff, row, counter));
}

/* Put the sums of ROW, with the columns that OPTIONS want. */
static void put_sums(const struct diff *diff, const struct diff_row *row,
                     const struct diff_report_options *options, struct report *report)
{
    bool compares = diff->list_count > 1, series = diff->list_count > 2;

    report_put_number(report, row->size);
    if (options->sampled)
        report_put_number(report, diff_size_error(diff, row, diff->list_count - 1));
    if (series)
        report_put_series(report, row->sizes);
    if (compares)
        report_put_number(report, (uint64_t)row->size_diff);
    if (compares && options->sampled)
        report_put_number(report, diff_size_diff_error(diff, row));
    report_put_number(report, row->count);
    if (series)
        report_put_series(report, row->counts);
    if (compares)
        report_put_number(report, (uint64_t)row->count_diff);
    for (size_t i = 0; i < options->columns.count; i++) {
        unsigned column = options->columns.list[i];

        if (column == DIFF_COLUMN_RETAINED)
            report_put_number(report, row->group ? row->group->retained : diff->lists[0]->retained);
        else
            put_counter(diff, row, (enum snapshot_counter)column, report);
    }
    if (row->count)
        report_put_real(report, (double)row->size / (double)row->count);
    else
        report_put_unknown(report);
}

int diff_report_find_counter(const char *name, enum snapshot_counter *out_counter)
{
    for (size_t i = 0; i < SNAPSHOT_ALL_COUNTERS; i++) {
        if (strcmp(name, counters[i].key) == 0) {
            *out_counter = (enum snapshot_counter)i;
            return 0;
        }
    }
    return -EINVAL;
}

void diff_report(const struct diff *diff, struct symbols *const *symbols,
                 const struct diff_report_options *options, struct report *report)
{
    size_t limit = options->limit;
    size_t count = limit && limit < diff->row_count ? limit : diff->row_count;

    report_add_text(report, "group_by", NULL, group_key_name(diff->key));
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, diff->list_count);
    add_columns(diff, options, report);
    report_begin_total(report);
    put_sums(diff, &diff->total, options, report);
    for (size_t i = 0; i < count; i++) {
        const struct diff_row *row = &diff->rows[i];

        report_begin_row(report);
        put_sums(diff, row, options, report);
        group_report_key(diff->key, row->group, report);
        if (diff->key == GROUP_TRACEBACK)
            group_report_traceback(row->group, symbols[row->list], options->sources, report);
    }
    report_set_omitted(report, diff->row_count - count);
    line_notes_add(diff, symbols, count, report);
}
