#include "model/leaks_report.h"

#include "format/snapshot.h"
#include "model/site.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *key, *title;
} classes[GRAPH_CLASS_COUNT] = {
    [GRAPH_DEFINITELY_LOST] = {"definitely_lost", "definitely lost"},
    [GRAPH_INDIRECTLY_LOST] = {"indirectly_lost", "indirectly lost"},
    [GRAPH_POSSIBLY_LOST] = {"possibly_lost", "possibly lost"},
    [GRAPH_STILL_REACHABLE] = {"still_reachable", "still reachable"},
};

/* The blocks of one stack and class. */
struct leak {
    uint64_t size, count;
    uint32_t stack;
    enum graph_class class;
};

/* The worst class first, the largest first in each. */
static int compare_leaks(const void *left, const void *right)
{
    const struct leak *a = left, *b = right;

    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

static void add_totals(const struct leak *leaks, size_t count, struct report *report)
{
    struct leak totals[GRAPH_CLASS_COUNT] = {{0}};

    for (size_t i = 0; i < count; i++) {
        totals[leaks[i].class].size += leaks[i].size;
        totals[leaks[i].class].count += leaks[i].count;
    }
    for (size_t i = 0; i < GRAPH_CLASS_COUNT; i++) {
        report_add_number(report, NULL, classes[i].title, REPORT_BYTES, totals[i].size);
        report_add_remark(report, "in %" PRIu64 " %s", totals[i].count,
                          totals[i].count == 1 ? "block" : "blocks");
    }
    report_begin_table(report, "total", NULL, REPORT_KEYED, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    for (size_t i = 0; i < GRAPH_CLASS_COUNT; i++) {
        report_begin_row(report);
        report_put_text(report, classes[i].key);
        report_put_number(report, totals[i].size);
        report_put_number(report, totals[i].count);
    }
}

static void add_traceback(const struct heap *heap, struct symbols *symbols, uint32_t stack,
                          struct report *report)
{
    const struct heap_stack *from = &heap->stacks[stack];

    report_begin_traceback(report);
    for (uint32_t frame = from->frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            report_add_frame(report, &(struct report_frame){
                                         .function = symbol->function,
                                         .file = symbol->file,
                                         .line = symbol->line,
                                         .module = symbol->module,
                                         .offset = symbol->offset,
                                         .inlined = symbol->inlined,
                                     });
        }
    }
    if (from->flags & SNAPSHOT_STACK_TRUNCATED)
        report_set_truncated(report, 0);
    else if (from->flags & SNAPSHOT_STACK_LIMITED)
        report_set_truncated(report, heap->parts[from->part].process->frame_limit);
}

static void add_row(const struct heap *heap, struct symbols *symbols, const struct filter *filter,
                    const struct leak *leak, struct report *report)
{
    uint32_t frame;
    const struct symbol *symbol = site_newest(heap, symbols, filter, leak->stack, true, &frame);

    report_begin_row(report);
    report_put_text(report, classes[leak->class].key);
    report_put_text(report, classes[leak->class].title);
    report_put_number(report, leak->size);
    report_put_number(report, leak->count);
    if (symbol->file)
        report_put_text(report, symbol->file);
    else
        report_put_place(report, symbol->place);
    report_put_number(report, symbol->file ? symbol->line : 0);
    report_put_text(report, symbol->function);
    report_put_number(report, leak->stack);
    add_traceback(heap, symbols, leak->stack, report);
}

/* The blocks by stack and class into OUT_LEAKS, to be freed. */
static int collect(const struct graph *graph, struct leak **out_leaks, size_t *out_count)
{
    const struct heap *heap = graph->heap;
    size_t room = heap->stack_count * GRAPH_CLASS_COUNT, count = 0;
    struct leak *leaks = calloc(room + 1, sizeof(*leaks));

    if (!leaks)
        return -ENOMEM;
    for (size_t i = 0; i < heap->block_count; i++) {
        struct leak *leak =
            &leaks[(size_t)heap->blocks[i].stack * GRAPH_CLASS_COUNT + graph->classes[i]];

        leak->size += heap->blocks[i].size;
        leak->count++;
        leak->stack = heap->blocks[i].stack;
        leak->class = graph->classes[i];
    }
    for (size_t i = 0; i < room; i++) {
        if (leaks[i].count > 0)
            leaks[count++] = leaks[i];
    }
    qsort(leaks, count, sizeof(*leaks), compare_leaks);
    *out_leaks = leaks;
    *out_count = count;
    return 0;
}

int leaks_report(const struct graph *graph, struct symbols *symbols, bool all, size_t limit,
                 struct report *report, uint64_t *out_lost)
{
    struct filter *filter = filter_create();
    struct leak *leaks = NULL;
    size_t count, rows = 0, shown;
    int result = filter ? collect(graph, &leaks, &count) : -ENOMEM;

    if (result != 0)
        goto out;
    add_totals(leaks, count, report);
    *out_lost = 0;
    for (size_t i = 0; i < count; i++) {
        rows += all || leaks[i].class != GRAPH_STILL_REACHABLE;
        *out_lost += leaks[i].class <= GRAPH_INDIRECTLY_LOST ? leaks[i].size : 0;
    }
    shown = limit && limit < rows ? limit : rows;
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "class_title", "", REPORT_FUNCTION, REPORT_TEXT_ONLY);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "file", "file", REPORT_FILE, REPORT_DATA_ONLY);
    report_add_column(report, "line", "line", REPORT_LINE, REPORT_DATA_ONLY);
    report_add_column(report, "function", "function", REPORT_FUNCTION, REPORT_DATA_ONLY);
    report_add_column(report, "stack", "stack", REPORT_NUMBER, REPORT_DATA_ONLY);
    for (size_t i = 0; i < shown; i++)
        add_row(graph->heap, symbols, filter, &leaks[i], report);
    report_set_omitted(report, rows - shown);
out:
    free(leaks);
    filter_destroy(filter);
    return result;
}
