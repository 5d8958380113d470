#include "model/diff_report.h"

#include "model/group_report.h"
#include "model/line_notes.h"

static void add_columns(const struct diff *diff, struct report *report)
{
    bool compares = diff->list_count > 1;
    /* Of more than two snapshots people see all values, not only the last. */
    bool series = diff->list_count > 2;
    unsigned last_flags = series ? REPORT_DATA_ONLY : 0;

    report_add_column(report, "size", "size", REPORT_BYTES, last_flags);
    if (series)
        report_add_column(report, "sizes", "size", REPORT_BYTES, REPORT_SERIES);
    if (compares)
        report_add_column(report, "size_diff", "change", REPORT_BYTES, REPORT_SIGNED);
    report_add_column(report, "count", "count", REPORT_COUNT, last_flags);
    if (series)
        report_add_column(report, "counts", "count", REPORT_COUNT, REPORT_SERIES);
    if (compares)
        report_add_column(report, "count_diff", "change", REPORT_COUNT, REPORT_SIGNED);
    report_add_column(report, "average", "average", REPORT_AVERAGE, REPORT_TEXT_ONLY);

    group_report_columns(diff->key, report);
}

/* Put the sums of ROW. */
static void put_sums(const struct diff *diff, const struct diff_row *row, struct report *report)
{
    bool compares = diff->list_count > 1, series = diff->list_count > 2;

    report_put_number(report, row->size);
    if (series)
        report_put_series(report, row->sizes);
    if (compares)
        report_put_number(report, (uint64_t)row->size_diff);
    report_put_number(report, row->count);
    if (series)
        report_put_series(report, row->counts);
    if (compares)
        report_put_number(report, (uint64_t)row->count_diff);
    if (row->count)
        report_put_real(report, (double)row->size / (double)row->count);
    else
        report_put_unknown(report);
}

void diff_report(const struct diff *diff, struct symbols *const *symbols,
                 const struct diff_report_options *options, struct report *report)
{
    size_t limit = options->limit;
    size_t count = limit && limit < diff->row_count ? limit : diff->row_count;

    report_add_text(report, "group_by", NULL, group_key_name(diff->key));
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, diff->list_count);
    add_columns(diff, report);
    report_begin_total(report);
    put_sums(diff, &diff->total, report);
    for (size_t i = 0; i < count; i++) {
        const struct diff_row *row = &diff->rows[i];

        report_begin_row(report);
        put_sums(diff, row, report);
        group_report_key(diff->key, row->group, report);
        if (diff->key == GROUP_TRACEBACK)
            group_report_traceback(row->group, symbols[row->list], options->sources, report);
    }
    report_set_omitted(report, diff->row_count - count);
    line_notes_add(diff, symbols, count, report);
}
