#include "page.h"

#include "format/snapshot.h"
#include "graph_input.h"
#include "model/account.h"
#include "model/diff.h"
#include "model/estimate.h"
#include "model/filter.h"
#include "model/graph.h"
#include "model/held_profile.h"
#include "model/holder_path.h"
#include "model/leaks_report.h"
#include "model/load.h"
#include "model/profile.h"
#include "model/progress.h"
#include "model/report.h"
#include "model/site.h"
#include "model/source_lines.h"
#include "model/why_report.h"
#include "model/verdict.h"
#include "moment.h"
#include "views/html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 5  /* lines that the page begins with */
#define PATHS_MAX    3  /* ways by which each is held */
#define HOLDERS_MAX  30 /* ways by which anything is held */
#define LEAKS_MAX    50
#define AROUND       2  /* lines of source before and after a finding */

/* The parts; each report is the page's until the end. */
enum part {
    PART_SNAPSHOTS,
    PART_TIMELINE,
    PART_ACCOUNT,
    PART_EXCERPTS,
    PART_HOLDERS,
    PART_LEAKS,
    PART_FINDINGS,
    PART_COUNT = PART_FINDINGS + FINDINGS_MAX
};

static const char *const part_keys[PART_COUNT] = {
    "snapshots", "timeline", "account",   "excerpts",  "holders",   "leaks",
    "finding_1", "finding_2", "finding_3", "finding_4", "finding_5",
};

struct page {
    struct heap *const *heaps;
    size_t count;
    const struct heap *last;
    struct symbols *symbols[2]; /* of the first and the last */
    struct filter *filter;
    struct graph *graph; /* of the last; NULL: it has none */
    struct holder_paths *paths;
    struct source_lines *sources;
    struct html_part parts[PART_COUNT];
    size_t part_count;
};

/* Begin a part. NULL for lack of memory. */
static struct report *begin_part(struct page *page, enum part part)
{
    struct report *report = report_create();

    if (report)
        page->parts[page->part_count++] = (struct html_part){part_keys[part], report};
    return report;
}

static int add_snapshots(struct page *page)
{
    struct report *report = begin_part(page, PART_SNAPSHOTS);
    char time[MOMENT_SIZE], name[256];

    if (!report)
        return -ENOMEM;
    load_describe(page->last, name, sizeof(name));
    estimate_append(page->last, name, sizeof(name));
    report_add_text(report, "name", NULL, name);
    report_add_text(report, "program", NULL, page->last->program);
    report_add_text(report, "command", NULL, page->last->command);
    report_add_number(report, "pid", NULL, REPORT_NUMBER, page->last->process->pid);
    report_begin_table(report, "rows", NULL, REPORT_TABLE, 0);
    report_add_column(report, "snapshot", "", REPORT_TEXT, 0);
    report_add_column(report, "label", "", REPORT_TEXT, 0);
    report_add_column(report, "sequence", "", REPORT_NUMBER, 0);
    report_add_column(report, "time", "", REPORT_TEXT, 0);
    report_add_column(report, "elapsed", "", REPORT_DURATION, 0);
    report_add_column(report, "same_run", "", REPORT_FLAG, 0);
    report_add_column(report, "bytes", "", REPORT_BYTES, 0);
    report_add_column(report, "blocks", "", REPORT_COUNT, 0);
    report_add_column(report, "peak", "", REPORT_BYTES, 0);
    report_add_column(report, "rss", "", REPORT_BYTES, 0);
    report_add_column(report, "allocations", "", REPORT_COUNT, 0);
    report_add_column(report, "frees", "", REPORT_COUNT, 0);
    for (size_t i = 0; i < page->count; i++) {
        const struct heap *heap = page->heaps[i];

        moment_format(time, heap->process->time, true);
        report_begin_row(report);
        report_put_text(report, heap->path);
        report_put_text(report, heap->label);
        report_put_number(report, heap->process->sequence);
        report_put_text(report, time);
        report_put_number(report, heap->process->elapsed);
        report_put_number(report, heap_same_run(heap, page->last));
        report_put_number(report, heap->account->live_bytes);
        report_put_number(report, heap->account->live_blocks);
        report_put_number(report, heap->account->peak_bytes);
        report_put_number(report, heap->account->rss);
        report_put_number(report, heap->account->allocations);
        report_put_number(report, heap->account->frees);
    }
    return 0;
}

static int add_timeline(struct page *page)
{
    struct report *report = begin_part(page, PART_TIMELINE);

    if (!report)
        return -ENOMEM;
    report_begin_table(report, "rows", NULL, REPORT_CHART, 0);
    report_add_column(report, "time", "", REPORT_DURATION, 0);
    report_add_column(report, "bytes", "", REPORT_BYTES, 0);
    report_add_column(report, "blocks", "", REPORT_COUNT, 0);
    report_add_column(report, "rss", "", REPORT_BYTES, 0);
    for (size_t i = 0; i < page->last->sample_count; i++) {
        const struct heap_sample *sample = &page->last->timeline[i];

        report_begin_row(report);
        report_put_number(report, sample->time);
        report_put_number(report, sample->bytes);
        report_put_number(report, sample->blocks);
        report_put_number(report, sample->rss);
    }
    return 0;
}

static void add_memory(struct report *report, const char *name, uint64_t bytes, const char *remark)
{
    if (bytes == 0)
        return;
    report_begin_row(report);
    report_put_text(report, name);
    report_put_number(report, bytes);
    report_put_text(report, remark);
}

/* Where the resident memory is, as far as it is known; as `info` says it. */
static int add_account(struct page *page)
{
    const struct snapshot_account *numbers = page->last->account;
    const struct account account = account_find(page->last);
    uint64_t known = account.requested + account.rounding + account.headers + account.tracer;
    struct report *report = begin_part(page, PART_ACCOUNT);

    if (!report)
        return -ENOMEM;
    report_add_number(report, "resident", NULL, REPORT_BYTES, account.resident);
    report_add_number(report, "surplus", NULL, REPORT_BYTES, account.surplus);
    report_add_number(report, "swapped", NULL, REPORT_BYTES, account.swapped);
    report_add_number(report, "truncated_stacks", NULL, REPORT_COUNT, numbers->truncated_stacks);
    report_add_number(report, "missed_frees", NULL, REPORT_COUNT, numbers->missed_frees);
    report_add_number(report, "lost_blocks", NULL, REPORT_COUNT, numbers->lost_blocks);
    report_begin_table(report, "rows", NULL, REPORT_TABLE, 0);
    report_add_column(report, "name", "", REPORT_TEXT, 0);
    report_add_column(report, "bytes", "", REPORT_BYTES, 0);
    report_add_column(report, "remark", "", REPORT_TEXT, 0);
    add_memory(report, "blocks", account.requested, "as the program requested them");
    add_memory(report, "rounding", account.rounding, "what blocks have beyond that");
    add_memory(report, "headers", account.headers, "the allocator's own, 8 bytes a block");
    add_memory(report, "kept", account.kept,
               "by the allocator: freed and not given back, or not handed out yet");
    add_memory(report, "heapdelta itself", account.tracer, "its tables; not there without it");
    add_memory(report, "modules", account.module, "code and data of executable and libraries");
    add_memory(report, "thread stacks", account.stack, "");
    add_memory(report, "files", account.file, "others that are mapped");
    add_memory(report, "shared memory", account.shared, "");
    add_memory(report, "other", account.other, "mapped by the program itself");
    if (!account.has_memory && account.resident > known)
        add_memory(report, "everything else", account.resident - known,
                   "code, data, thread stacks, what the allocator keeps");
    add_memory(report, "unexplained", account.unexplained, "");
    return 0;
}

/* Whether the blocks of STACK belong to GROUP, by line. */
static bool is_of_group(const struct page *page, const struct group *group, uint32_t stack)
{
    uint32_t frame;
    const struct symbol *symbol =
        site_newest(page->last, page->symbols[1], page->filter, stack, true, &frame);
    const char *file = symbol->file ? symbol->file : symbol->place;

    return (symbol->file ? symbol->line : 0) == group->line && strcmp(file, group->file) == 0;
}

/* Mark in MEMBERS the blocks that belong to GROUP. Returns 0 or -ENOMEM. */
static int mark_group(const struct page *page, const struct group *group, uint8_t *members)
{
    const struct heap *heap = page->last;
    bool *belongs = calloc(heap->stack_count + 1, sizeof(*belongs));

    if (!belongs)
        return -ENOMEM;
    for (uint32_t i = 0; i < heap->stack_count; i++)
        belongs[i] = is_of_group(page, group, i);
    for (size_t i = 0; i < heap->block_count; i++)
        members[i] = belongs[heap->blocks[i].stack];
    free(belongs);
    return 0;
}

/* The lines around FILE:NUMBER, for the page to show. */
static void add_excerpt(const struct page *page, struct report *excerpts, const char *file,
                        uint32_t number)
{
    uint32_t first = number > AROUND ? number - AROUND : 1, last = number + AROUND;

    if (!source_lines_get(page->sources, file, number))
        return;
    while (!source_lines_get(page->sources, file, last)) /* behind the end of the file, or empty */
        last--;
    for (uint32_t line = first; line <= last; line++) {
        const char *text = source_lines_get(page->sources, file, line);

        report_begin_row(excerpts);
        report_put_text(excerpts, file);
        report_put_number(excerpts, line);
        report_put_number(excerpts, source_lines_indent(page->sources, file, line));
        report_put_text(excerpts, text ? text : "");
    }
}

/* A line that the page begins with, and who holds its blocks. */
static int add_finding(struct page *page, size_t number, const struct diff_row *row,
                       struct report *excerpts)
{
    struct report *report = begin_part(page, (enum part)(PART_FINDINGS + number));
    const struct group *group = row->group;
    uint8_t *members;
    int result = 0;

    if (!report)
        return -ENOMEM;
    report_add_text(report, "file", NULL, group->file);
    report_add_number(report, "line", NULL, REPORT_LINE, group->line);
    report_add_text(report, "function", NULL, group->several_functions ? NULL : group->function);
    report_add_number(report, "size", NULL, REPORT_BYTES, row->size);
    report_add_number(report, "count", NULL, REPORT_COUNT, row->count);
    report_add_number(report, "size_diff", NULL, REPORT_BYTES, (uint64_t)row->size_diff);
    report_add_number(report, "count_diff", NULL, REPORT_COUNT, (uint64_t)row->count_diff);
    add_excerpt(page, excerpts, group->file, group->line);
    if (!page->graph)
        return 0;
    members = calloc(page->last->block_count + 1, 1);
    if (!members)
        return -ENOMEM;
    result = mark_group(page, group, members);
    if (result == 0)
        result = why_report(page->graph, page->paths, members,
                            &(struct why_options){.limit = PATHS_MAX}, report);
    free(members);
    return result;
}

/* The lines that grew most; or, if none did or there is one snapshot, that hold most. */
static int add_findings(struct page *page, struct report *excerpts)
{
    struct group_options options = {.key = GROUP_LINENO, .filter = page->filter};
    struct group_list *lists[2] = {NULL, NULL};
    size_t list_count = page->count > 1 ? 2 : 1;
    struct diff *diff = NULL;
    int result = -ENOMEM;

    lists[list_count - 1] = group_create(page->last, page->symbols[1], &options);
    if (list_count > 1)
        lists[0] = group_create(page->heaps[0], page->symbols[0], &options);
    if (lists[0] && lists[list_count - 1])
        diff = diff_create((const struct group_list *const *)lists, list_count);
    if (diff) {
        size_t shown = 0;

        result = 0;
        diff_sort(diff, DIFF_BY_SIZE_DIFF);
        if (diff->row_count > 0 && diff->rows[0].size_diff <= 0)
            diff_sort(diff, DIFF_BY_SIZE);
        for (size_t i = 0; i < diff->row_count && shown < FINDINGS_MAX && result == 0; i++) {
            if (diff->rows[i].size == 0 || (diff->rows[0].size_diff > 0 &&
                                            diff->rows[i].size_diff <= 0))
                continue;
            result = add_finding(page, shown++, &diff->rows[i], excerpts);
        }
    }
    diff_destroy(diff);
    group_destroy(lists[0]);
    group_destroy(lists[1]);
    return result;
}

/* What is wrong with the last snapshot. */
static int add_leaks(struct page *page, struct report *report)
{
    const struct heap *heap = page->last;
    struct verdict_input input = {
        .heaps = &heap, .heap_count = 1, .graph = page->graph, .paths = page->paths};
    struct verdicts *verdicts = NULL;
    int result = verdicts_create(&input, &verdicts);

    if (result == 0)
        result = leaks_report(verdicts, &input, page->paths, page->symbols[1],
                              &(struct leaks_options){.limit = LEAKS_MAX}, report);
    verdicts_destroy(verdicts);
    return result;
}

/* What the graph of the last snapshot tells. */
static int add_graph(struct page *page)
{
    struct report *holders, *leaks;
    uint8_t *members;
    int result;

    if (!page->graph)
        return 0;
    holders = begin_part(page, PART_HOLDERS);
    leaks = begin_part(page, PART_LEAKS);
    members = calloc(page->last->block_count + 1, 1);
    if (!holders || !leaks || !members) {
        free(members);
        return -ENOMEM;
    }
    memset(members, 1, page->last->block_count);
    result = why_report(page->graph, page->paths, members,
                        &(struct why_options){.limit = HOLDERS_MAX}, holders);
    graph_input_add_notes(page->last, holders);
    free(members);
    return result == 0 ? add_leaks(page, leaks) : result;
}

/* The profile of the first snapshot and the last. */
static struct profile *make_stacks(struct page *page)
{
    struct profile *profile = profile_create(page->count > 1 ? 2 : 1);
    int result = profile ? 0 : -ENOMEM;

    if (result == 0 && page->count > 1)
        result = profile_add(profile, 0, page->heaps[0], page->symbols[0], page->filter, NULL);
    if (result == 0)
        result = profile_add(profile, profile->heap_count - 1, page->last, page->symbols[1],
                             page->filter, page->graph);
    if (result == 0)
        return profile;
    profile_destroy(profile);
    return NULL;
}

/* The line of source of each frame of STACKS. NULL for lack of memory. */
static const char **find_sources(struct page *page, const struct profile *stacks)
{
    const char **lines = calloc(stacks->frame_count + 1, sizeof(*lines));

    for (size_t i = 0; lines && i < stacks->frame_count; i++) {
        if (stacks->frames[i].file)
            lines[i] = source_lines_get(page->sources, stacks->frames[i].file,
                                        stacks->frames[i].line);
    }
    return lines;
}

static int print(FILE *out, struct page *page)
{
    struct profile *stacks = make_stacks(page), *held = NULL;
    const char **lines = stacks ? find_sources(page, stacks) : NULL;
    struct progress *progress;
    char title[256];
    int result = lines ? 0 : -ENOMEM;

    if (result == 0 && page->graph)
        result = held_profile_create(page->graph, page->symbols[1], &held);
    load_describe(page->last, title, sizeof(title));
    progress = progress_begin(0, "writing the page");
    if (result == 0)
        result = html_print(out, &(struct html_page){
                                     .title = title,
                                     .parts = page->parts,
                                     .part_count = page->part_count,
                                     .stacks = stacks,
                                     .stack_sources = lines,
                                     .held = held,
                                 });
    progress_end(progress);
    free(lines);
    profile_destroy(stacks);
    profile_destroy(held);
    return result;
}

static int gather(struct page *page)
{
    struct report *excerpts = begin_part(page, PART_EXCERPTS);
    int result = excerpts && page->filter && page->sources ? 0 : -ENOMEM;

    if (result == 0 && page->last->has_edges)
        result = graph_create(page->last, 0, &page->graph);
    if (result == 0 && page->graph)
        result = holder_paths_create(page->graph, page->symbols[1], &page->paths);
    if (result != 0)
        return result;
    report_begin_table(excerpts, "rows", NULL, REPORT_TABLE, 0);
    report_add_column(excerpts, "file", "", REPORT_FILE, 0);
    report_add_column(excerpts, "line", "", REPORT_LINE, 0);
    report_add_column(excerpts, "indent", "", REPORT_COUNT, 0);
    report_add_column(excerpts, "text", "", REPORT_TEXT, 0);
    result = add_snapshots(page);
    if (result == 0)
        result = add_timeline(page);
    if (result == 0)
        result = add_account(page);
    if (result == 0)
        result = add_findings(page, excerpts);
    return result == 0 ? add_graph(page) : result;
}

int page_print(FILE *out, struct heap *const *heaps, size_t count, struct symbols *first,
               struct symbols *last)
{
    struct page page = {
        .heaps = heaps,
        .count = count,
        .last = heaps[count - 1],
        .symbols = {first, last},
        .filter = filter_create(),
        .sources = source_lines_create(),
    };
    int result = gather(&page);

    for (size_t i = 0; i < page.part_count && result == 0; i++) {
        if (report_failed(page.parts[i].report))
            result = -ENOMEM;
    }
    if (result == 0)
        result = print(out, &page);
    for (size_t i = 0; i < page.part_count; i++)
        report_destroy(page.parts[i].report);
    holder_paths_destroy(page.paths);
    graph_destroy(page.graph);
    source_lines_destroy(page.sources);
    filter_destroy(page.filter);
    return result;
}
