/* export_table.c - the forms that are a table with a row for each stack. */
#include "export.h"
#include "format/snapshot.h"
#include "model/diff_report.h"
#include "model/estimate.h"
#include "model/load.h"
#include "views/csv.h"
#include "views/json.h"

#include <errno.h>

/* Every stack that holds blocks, with all that is counted of it. NULL for lack of memory. */
static struct report *make_report(const struct heap *heap, struct symbols *symbols)
{
    struct group_options by_stack = {.key = GROUP_TRACEBACK};
    struct diff_report_options options = {.sampled = estimate_is(heap)};
    unsigned counters = heap->has_more_counters ? SNAPSHOT_ALL_COUNTERS : SNAPSHOT_COUNTERS_PER_STACK;
    struct group_list *list = group_create(heap, symbols, &by_stack);
    struct diff *diff = list ? diff_create((const struct group_list *const *)&list, 1) : NULL;
    struct report *report = report_create();

    if (diff && report) {
        diff_sort(diff, DIFF_BY_SIZE);
        for (unsigned i = 0; i < counters; i++)
            diff_columns_add(&options.columns, i);
        diff_report(diff, &symbols, &options, report);
    }
    diff_destroy(diff);
    group_destroy(list);
    if (diff && report && !report_failed(report))
        return report;
    report_destroy(report);
    return NULL;
}

static int write_json(FILE *out, const struct heap *heap, struct symbols *symbols,
                      const struct export_options *options, struct error *error)
{
    struct report *report = make_report(heap, symbols);
    int result = report ? json_print(out, &report, 1) : -ENOMEM;

    (void)options;
    report_destroy(report);
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

static int write_csv(FILE *out, const struct heap *heap, struct symbols *symbols,
                     const struct export_options *options, struct error *error)
{
    struct report *report = make_report(heap, symbols);

    (void)options;
    if (!report)
        return error_set(error, -ENOMEM, "out of memory");
    csv_print(out, &report, 1);
    report_destroy(report);
    return 0;
}

const struct export_form export_json = {
    .name = "json",
    .write = write_json,
};

const struct export_form export_csv = {
    .name = "csv",
    .write = write_csv,
};
