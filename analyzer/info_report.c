#include "info_report.h"

#include "format/snapshot.h"
#include "model/account.h"
#include "model/estimate.h"
#include "model/symbols.h"
#include "moment.h"
#include "views/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* BYTES in hexadecimal as a fact. */
static void format_hex(char *buffer, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sprintf(buffer + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
    buffer[2 * size] = '\0';
}

/* Why a snapshot was taken. */
static const struct trigger {
    const char *name; /* for programs */
    const char *text;
} triggers[] = {
    [SNAPSHOT_BY_API] = {"api", "asked for by the program"},
    [SNAPSHOT_AT_EXIT] = {"exit", "taken when it ended"},
    [SNAPSHOT_BY_REQUEST] = {"request", "asked for by heapdelta snapshot"},
    [SNAPSHOT_BY_INTERVAL] = {"interval", "taken as time passed"},
    [SNAPSHOT_BY_GROWTH] = {"growth", "taken as the heap had grown"},
    [SNAPSHOT_AT_PEAK] = {"peak", "taken after a new peak"},
    [SNAPSHOT_BY_SIGNAL] = {"signal", "taken when a signal was about to end it"},
    [SNAPSHOT_BY_MERGE] = {"merge", "made of several snapshots"},
    [SNAPSHOT_BEFORE_SECCOMP] = {"seccomp", "taken when it was about to put itself under seccomp"},
    [SNAPSHOT_AT_MARK] = {"mark", "taken where it called heapdelta_mark()"},
};

/* A later heapdelta may know more of them. */
static struct trigger find_trigger(uint32_t trigger)
{
    if (trigger < sizeof(triggers) / sizeof(*triggers) && triggers[trigger].name)
        return triggers[trigger];
    return (struct trigger){NULL, ""};
}

static void add_moment(struct report *report, const struct heap *heap)
{
    const struct snapshot_process *process = heap->process;
    struct trigger trigger = find_trigger(process->trigger);
    char text[80], duration[UNITS_SIZE];

    report_add_text(report, "path", NULL, heap->path);
    report_add_text(report, "program", "program", heap->program);
    report_add_text(report, "called", NULL, heap->called);
    report_add_text(report, "command", "command", heap->command);
    report_add_number(report, "pid", "process", REPORT_NUMBER, process->pid);
    if (process->exec_count)
        report_add_remark(report, "after %u exec", process->exec_count);
    report_add_number(report, "parent_pid", NULL, REPORT_NUMBER, process->parent_pid);
    report_add_number(report, "sequence", "snapshot", REPORT_NUMBER, process->sequence);
    report_add_remark(report, "%s%s%s", heap->label, *heap->label ? ", " : "",
                      trigger.text);
    report_add_text(report, "label", NULL, heap->label);
    report_add_text(report, "trigger", NULL, trigger.name);
    moment_format(text, process->time, true);
    report_add_text(report, "time", NULL, text);
    moment_format(text, process->time, false);
    report_add_text(report, NULL, "time", text);
    report_add_remark(report, "%s after tracing began",
                      units_duration(duration, heap_traced_for(heap)));
    report_add_number(report, "elapsed", NULL, REPORT_DURATION, process->elapsed);
    format_hex(text, process->run, sizeof(process->run));
    report_add_text(report, "run", "run", text);
    format_hex(text, process->parent_run, sizeof(process->parent_run));
    if (process->parent_run[0] || process->parent_run[1])
        report_add_text(report, "parent_run", "forked from run", text);
    report_add_number(report, "exec_count", NULL, REPORT_COUNT, process->exec_count);
    report_add_number(report, "epoch", NULL, REPORT_NUMBER, process->epoch);
    report_add_number(report, "frame_limit", NULL, REPORT_COUNT, process->frame_limit);
}

static void add_numbers(struct report *report, const struct heap *heap)
{
    const struct snapshot_account *account = heap->account;
    size_t live_stacks = 0, limited_stacks = 0;
    char buffer[UNITS_SIZE], sampled[160];

    for (size_t i = 0; i < heap->stack_count; i++) {
        live_stacks += heap->stacks[i].live_blocks > 0;
        limited_stacks += (heap->stacks[i].flags & SNAPSHOT_STACK_LIMITED) != 0;
    }

    report_add_heading(report, "Alive");
    report_add_number(report, "blocks", "blocks", REPORT_COUNT, account->live_blocks);
    if (!heap->has_blocks)
        report_add_remark(report, "counted only, not listed one by one");
    report_add_number(report, "has_blocks", NULL, REPORT_FLAG, heap->has_blocks);
    report_add_number(report, "bytes", "requested", REPORT_BYTES, account->live_bytes);
    if (estimate_is(heap))
        report_add_remark(report, "± %s: 95 times out of 100 it is in between",
                          units_bytes(buffer, (double)estimate_total_error(heap), false));
    if (heap->sampling) {
        estimate_describe(heap, sampled, sizeof(sampled));
        report_add_text(report, "recorded", "recorded", sampled);
    }
    if (estimate_is(heap)) {
        report_add_number(report, "bytes_error", NULL, REPORT_BYTES, estimate_total_error(heap));
        report_add_number(report, "sample_mean", NULL, REPORT_BYTES, heap->sampling->mean);
        report_add_number(report, "sampled_blocks", heap->has_blocks ? "sampled blocks" : NULL,
                          REPORT_COUNT, heap->block_count + heap->tracked_count);
    }
    report_add_number(report, "peak", "peak", REPORT_BYTES, account->peak_bytes);
    if (heap->part_count > 1)
        report_add_remark(report, "the sum of %zu peaks, at different times", heap->part_count);
    report_add_number(report, "stacks", "stacks", REPORT_COUNT, heap->stack_count);
    report_add_remark(report, "%zu of them %s blocks", live_stacks,
                      live_stacks == 1 ? "holds" : "hold");
    report_add_number(report, "truncated_stacks",
                      account->truncated_stacks ? "truncated stacks" : NULL, REPORT_COUNT,
                      account->truncated_stacks);
    report_add_remark(report, "could not be walked to their outer end");
    report_add_number(report, "limited_stacks", limited_stacks ? "limited stacks" : NULL,
                      REPORT_COUNT, limited_stacks);
    report_add_remark(report, "cut where they had as many frames as asked for");
    if (heap->process->frame_limit)
        report_add_number(report, NULL, "frame limit", REPORT_COUNT,
                          heap->process->frame_limit);

    report_add_heading(report, "Since tracing began");
    if (heap->point_count > 0) {
        report_add_number(report, NULL, "series", REPORT_COUNT, heap->point_count);
        report_add_remark(report, "points: what each stack held then, over %s",
                          units_duration(buffer, heap->points[heap->point_count - 1].time));
    }
    report_add_number(report, "allocations", "allocations", REPORT_COUNT, account->allocations);
    report_add_number(report, "frees", "frees", REPORT_COUNT, account->frees);
    report_add_number(report, "missed_frees", account->missed_frees ? "missed frees" : NULL,
                      REPORT_COUNT, account->missed_frees);
    report_add_remark(report, "by code that heapdelta does not see");
    report_add_number(report, "lost_blocks", account->lost_blocks ? "blocks not recorded" : NULL,
                      REPORT_COUNT, account->lost_blocks);
    report_add_remark(report, "for lack of memory");
    report_add_number(report, "threads_seen", "threads", REPORT_COUNT, account->threads_seen);
    report_add_number(report, "pause", account->pause ? "pause" : NULL, REPORT_DURATION,
                      account->pause);
    report_add_remark(report, "its threads stood still for this snapshot");
}

/* What is known of who points at whom, and what it has cost. */
static void add_graph(struct report *report, const struct heap *heap)
{
    const struct snapshot_graph *graph = heap->graph;
    char buffer[2][UNITS_SIZE];

    report_add_number(report, "has_graph", NULL, REPORT_FLAG, graph != NULL);
    if (!graph) {
        /* All snapshots have the same keys, so that CSV has the same columns. */
        report_add_unknown(report, "roots", NULL, REPORT_COUNT);
        report_add_unknown(report, "graph_pause", NULL, REPORT_DURATION);
        report_add_unknown(report, "graph_time", NULL, REPORT_DURATION);
        report_add_unknown(report, "graph_memory", NULL, REPORT_BYTES);
        report_add_unknown(report, "graph_threads", NULL, REPORT_COUNT);
        report_add_unknown(report, "graph_scanned_blocks", NULL, REPORT_COUNT);
        return;
    }
    report_add_heading(report, "Heap graph");
    report_add_number(report, "roots", "roots", REPORT_COUNT, heap->root_count);
    report_add_remark(report, "%s of them looked at, and %s of blocks",
                      units_bytes(buffer[0], (double)graph->root_bytes, false),
                      units_bytes(buffer[1], (double)graph->block_bytes, false));
    report_add_number(report, "graph_pause", "pause", REPORT_DURATION, graph->pause);
    report_add_number(report, "graph_time", "found in", REPORT_DURATION, graph->time);
    report_add_number(report, "graph_memory", "memory for that", REPORT_BYTES, graph->memory);
    report_add_number(report, "graph_threads", "threads stopped", REPORT_COUNT,
                      graph->threads_stopped);
    report_add_remark(report, "of %" PRIu32 ", registers %s", graph->threads,
                      graph->flags & SNAPSHOT_GRAPH_REGISTERS ? "seen" : "not seen");
    report_add_number(report, "graph_scanned_blocks",
                      graph->scanned_blocks < heap->block_count ? "incomplete" : NULL, REPORT_COUNT,
                      graph->scanned_blocks);
    report_add_remark(report, "blocks were looked at, for %s",
                      graph->flags & SNAPSHOT_GRAPH_NO_MEMORY ? "memory ran out"
                                                              : "it took too long");
}

/* A number of the account under KEY, and for people as NAME, with a remark unless that is NULL,
 * where it is KNOWN. */
static void add_part(struct report *report, bool known, const char *key, const char *name,
                     uint64_t bytes, const char *remark)
{
    if (!known) {
        report_add_unknown(report, key, NULL, REPORT_BYTES);
        return;
    }
    report_add_number(report, key, bytes ? name : NULL, REPORT_BYTES, bytes);
    if (remark && bytes)
        report_add_remark(report, "%s", remark);
}

/* BYTES of it are resident, if KNOWN; its parts are those of what is mapped. */
static void add_tracer(struct report *report, const struct snapshot_account *account, bool known,
                       uint64_t bytes)
{
    char buffer[4][UNITS_SIZE], mapped[UNITS_SIZE];

    report_add_number(report, "tracer_bytes", NULL, REPORT_BYTES, account->tracer_bytes);
    add_part(report, known, "tracer_resident", NULL, bytes, NULL);
    report_add_number(report, NULL, "heapdelta itself", REPORT_BYTES,
                      known ? bytes : account->tracer_bytes);
    report_add_remark(report, "%s%s%sblocks %s, stacks %s, counters %s, other %s",
                      known ? "of " : "",
                      known ? units_bytes(mapped, (double)account->tracer_bytes, false) : "",
                      known ? " mapped: " : "",
                      units_bytes(buffer[0], (double)account->tracer_blocks_bytes, false),
                      units_bytes(buffer[1], (double)account->tracer_stacks_bytes, false),
                      units_bytes(buffer[2], (double)account->tracer_counters_bytes, false),
                      units_bytes(buffer[3], (double)account->tracer_other_bytes, false));
    report_add_number(report, "tracer_blocks_bytes", NULL, REPORT_BYTES,
                      account->tracer_blocks_bytes);
    report_add_number(report, "tracer_stacks_bytes", NULL, REPORT_BYTES,
                      account->tracer_stacks_bytes);
    report_add_number(report, "tracer_counters_bytes", NULL, REPORT_BYTES,
                      account->tracer_counters_bytes);
    report_add_number(report, "tracer_other_bytes", NULL, REPORT_BYTES,
                      account->tracer_other_bytes);
}

/* Where the resident memory went: parts that add up. */
static void add_account(struct report *report, const struct heap *heap)
{
    const struct account account = account_find(heap);
    const bool known = account.has_memory;
    uint64_t rest = account.requested + account.rounding + account.headers + account.tracer;
    char buffer[UNITS_SIZE];

    report_add_heading(report, "Memory of the process");
    report_add_number(report, "rss", "resident", REPORT_BYTES, heap->account->rss);
    if (account.proportional)
        report_add_remark(report, "%s if what it shares with others counts in parts",
                          units_bytes(buffer, (double)account.proportional, false));
    add_part(report, account.proportional > 0, "pss", NULL, account.proportional, NULL);
    report_add_number(report, NULL, "blocks", REPORT_BYTES, account.requested);
    report_add_remark(report, "as requested");
    add_part(report, account.has_usable, "usable", NULL, heap->account->usable_bytes, NULL);
    add_part(report, account.has_usable, "rounding", "rounding", account.rounding,
             "what blocks have beyond that");
    add_part(report, account.has_usable, "headers", "headers", account.headers,
             "the allocator's own, 8 bytes a block");
    add_part(report, known, "kept", "kept", account.kept,
             "by the allocator: freed and not given back, or not handed out yet");
    add_part(report, known, "heap_resident", NULL, account.heap, NULL);
    add_tracer(report, heap->account, known, account.tracer);
    add_part(report, known, "module_bytes", "modules", account.module,
             "code and data of executable and libraries");
    add_part(report, known, "stack_bytes", "thread stacks", account.stack, NULL);
    add_part(report, known, "file_bytes", "files", account.file, "others that are mapped");
    add_part(report, known, "shared_bytes", "shared memory", account.shared, NULL);
    add_part(report, known, "other_bytes", "other", account.other, "mapped by the program itself");
    add_part(report, known, "swapped", "swapped out", account.swapped, "not in the above");
    if (!known && account.resident > rest) {
        report_add_number(report, NULL, "everything else", REPORT_BYTES, account.resident - rest);
        report_add_remark(report, "code, data, thread stacks, what the allocator keeps");
    }
    add_part(report, known, "unexplained", "unexplained", account.unexplained, NULL);
    add_part(report, known, "surplus", "surplus", account.surplus,
             "pages that were only read, and what changed while it was counted");
}

static void add_timeline(struct report *report, const struct heap *heap)
{
    report_begin_table(report, "timeline", "Alive over time", REPORT_CHART, 0);
    report_add_column(report, "time", "time", REPORT_DURATION, 0);
    report_add_column(report, "bytes", "alive", REPORT_BYTES, 0);
    report_add_column(report, "blocks", "blocks", REPORT_COUNT, 0);
    report_add_column(report, "rss", "resident", REPORT_BYTES, 0);
    for (size_t i = 0; i < heap->sample_count; i++) {
        const struct heap_sample *sample = &heap->timeline[i];

        report_begin_row(report);
        report_put_number(report, sample->time);
        report_put_number(report, sample->bytes);
        report_put_number(report, sample->blocks);
        if (sample->rss)
            report_put_number(report, sample->rss);
        else
            report_put_unknown(report);
    }
}

/* What was alive at each point of the series; its course is that of the timeline. */
static void add_series(struct report *report, const struct heap *heap)
{
    report_begin_table(report, "series", NULL, REPORT_CHART, 0);
    report_add_column(report, "time", "time", REPORT_DURATION, 0);
    report_add_column(report, "bytes", "alive", REPORT_BYTES, 0);
    report_add_column(report, "blocks", "blocks", REPORT_COUNT, 0);
    for (size_t i = 0; i < heap->point_count; i++) {
        report_begin_row(report);
        report_put_number(report, heap->points[i].time);
        report_put_number(report, heap->points[i].bytes);
        report_put_number(report, heap->points[i].blocks);
    }
}

/* The snapshots that this one was merged from. */
static void add_parts(struct report *report, const struct heap *heap)
{
    uint64_t *bytes, *blocks;
    char text[MOMENT_SIZE];

    if (!heap->is_merged)
        return;
    bytes = calloc(heap->part_count, sizeof(*bytes));
    blocks = calloc(heap->part_count, sizeof(*blocks));
    if (!bytes || !blocks)
        report->failed = true;
    for (size_t i = 0; i < heap->stack_count && !report->failed; i++) {
        bytes[heap->stacks[i].part] += heap->stacks[i].live_bytes;
        blocks[heap->stacks[i].part] += heap->stacks[i].live_blocks;
    }
    report_begin_table(report, "parts", "Merged from", REPORT_TABLE, 0);
    report_add_column(report, "program", "program", REPORT_TEXT, 0);
    report_add_column(report, "pid", "process", REPORT_NUMBER, 0);
    report_add_column(report, "sequence", "snapshot", REPORT_NUMBER, 0);
    report_add_column(report, "label", "", REPORT_TEXT, 0);
    report_add_column(report, "time", "time", REPORT_TEXT, 0);
    report_add_column(report, "blocks", "blocks", REPORT_COUNT, 0);
    report_add_column(report, "bytes", "alive", REPORT_BYTES, 0);
    for (size_t i = 0; i < heap->part_count && !report->failed; i++) {
        const struct heap_part *part = &heap->parts[i];

        moment_format(text, part->process->time, true);
        report_begin_row(report);
        report_put_text(report, part->program);
        report_put_number(report, part->process->pid);
        report_put_number(report, part->process->sequence);
        report_put_text(report, part->label);
        report_put_text(report, text);
        report_put_number(report, blocks[i]);
        report_put_number(report, bytes[i]);
    }
    free(bytes);
    free(blocks);
}

static void add_epochs(struct report *report, const struct heap *heap)
{
    report_begin_table(report, "epochs", heap->epoch_count > 1 ? "Epochs" : NULL, REPORT_TABLE, 0);
    report_add_column(report, "number", "number", REPORT_NUMBER, 0);
    report_add_column(report, "time", "began after", REPORT_DURATION, 0);
    report_add_column(report, "label", "with", REPORT_TEXT, 0);
    for (size_t i = 0; i < heap->epoch_count; i++) {
        report_begin_row(report);
        report_put_number(report, heap->epochs[i].number);
        report_put_number(report, heap->epochs[i].time);
        report_put_text(report, heap->epochs[i].label);
    }
}

static void add_threads(struct report *report, const struct heap *heap)
{
    report_begin_table(report, "threads", heap->thread_count > 1 ? "Threads" : NULL, REPORT_TABLE,
                       0);
    report_add_column(report, "tid", "number", REPORT_NUMBER, 0);
    report_add_column(report, "name", "name", REPORT_TEXT, 0);
    for (size_t i = 0; i < heap->thread_count; i++) {
        report_begin_row(report);
        report_put_number(report, heap->threads[i].tid);
        report_put_text(report, heap->threads[i].name);
    }
}

static const char *source_text(enum symbols_source source)
{
    switch (source) {
    case SYMBOLS_LINES:
        return "lines";
    case SYMBOLS_FUNCTIONS:
        return "functions only";
    case SYMBOLS_NONE:
        return "stripped";
    case SYMBOLS_MISSING:
        return "file is gone";
    case SYMBOLS_OTHER_BUILD:
        return "file is of another build";
    case SYMBOLS_UNREAD:
        break;
    }
    return NULL;
}

/* SYMBOLS are NULL unless they are asked for: they open each module's file. */
static void add_modules(struct report *report, const struct heap *heap, struct symbols *symbols)
{
    report_begin_table(report, "modules", symbols ? "Modules" : NULL, REPORT_TABLE, 0);
    report_add_column(report, "path", "path", REPORT_TEXT, 0);
    report_add_column(report, "build_id", "build-id", REPORT_TEXT, 0);
    report_add_column(report, "start", "start", REPORT_ADDRESS, 0);
    report_add_column(report, "end", "end", REPORT_ADDRESS, REPORT_DATA_ONLY);
    report_add_column(report, "bias", "bias", REPORT_ADDRESS, REPORT_DATA_ONLY);
    report_add_column(report, "unloaded", "unloaded", REPORT_FLAG, 0);
    report_add_column(report, "deleted", "deleted", REPORT_FLAG, REPORT_DATA_ONLY);
    if (symbols) {
        report_add_column(report, "symbols", "symbols", REPORT_TEXT, 0);
        report_add_column(report, "debug_package", "lines in package", REPORT_TEXT, 0);
    }
    for (size_t i = 0; i < heap->module_count; i++) {
        const struct heap_module *module = &heap->modules[i];
        char build_id[2 * 32 + 1];

        format_hex(build_id, module->build_id, module->build_id_size);
        report_begin_row(report);
        report_put_text(report, module->path);
        report_put_text(report, module->build_id_size ? build_id : NULL);
        report_put_number(report, module->start);
        report_put_number(report, module->end);
        report_put_number(report, module->bias);
        report_put_number(report, (module->flags & SNAPSHOT_MODULE_UNLOADED) != 0);
        report_put_number(report, (module->flags & SNAPSHOT_MODULE_DELETED) != 0);
        if (symbols) {
            struct symbols_status status = symbols_module(symbols, i);

            report_put_text(report, source_text(status.source));
            report_put_text(report, status.debug_package);
        }
    }
}

struct report *info_report(const struct heap *heap, bool modules)
{
    struct symbols *symbols = modules ? symbols_create(heap) : NULL;
    struct report *report = report_create();

    if (!report || (modules && !symbols)) {
        report_destroy(report);
        symbols_destroy(symbols);
        return NULL;
    }
    report_title(report, "%s", heap->path);
    add_moment(report, heap);
    add_numbers(report, heap);
    add_account(report, heap);
    add_graph(report, heap);
    add_timeline(report, heap);
    add_series(report, heap);
    add_parts(report, heap);
    add_epochs(report, heap);
    add_threads(report, heap);
    add_modules(report, heap, symbols);
    symbols_destroy(symbols);
    return report;
}

/* The name of the program of PROCESS, as deep below its parents as it is. */
static void put_indented(struct report *report, const struct snapshot_tree_process *process)
{
    const char *name = process->last->called;
    char *text;

    if (asprintf(&text, "%*s%s", 2 * (int)process->depth, "", name) < 0) {
        report->failed = true;
        return;
    }
    report_put_text(report, text);
    free(text);
}

static void add_process(struct report *report, const struct snapshot_tree *tree,
                        const struct snapshot_tree_process *process)
{
    const struct heap *last = process->last;
    char run[2 * sizeof(last->process->run) + 1];

    format_hex(run, last->process->run, sizeof(last->process->run));
    report_begin_row(report);
    put_indented(report, process);
    report_put_text(report, last->program);
    report_put_number(report, last->process->pid);
    if (process->parent != SNAPSHOT_TREE_NONE)
        report_put_number(report, tree->processes[process->parent].last->process->pid);
    else
        report_put_unknown(report);
    report_put_text(report, run);
    report_put_number(report, process->snapshot_count);
    report_put_text(report, last->path);
    report_put_text(report, find_trigger(last->process->trigger).name);
    report_put_number(report, last->account->live_blocks);
    report_put_number(report, last->account->live_bytes);
    report_put_number(report, process->peak_bytes);
}

struct report *info_report_of_tree(const struct snapshot_tree *tree, const char *directory)
{
    struct report *report = report_create();
    uint64_t blocks = 0, bytes = 0;

    if (!report)
        return NULL;
    for (size_t i = 0; i < tree->process_count; i++) {
        blocks += tree->processes[i].last->account->live_blocks;
        bytes += tree->processes[i].last->account->live_bytes;
    }
    report_title(report, "%s", directory);
    report_add_text(report, "path", NULL, directory);
    report_add_number(report, "process_count", "processes", REPORT_COUNT, tree->process_count);
    report_add_number(report, "snapshots", "snapshots", REPORT_COUNT, tree->snapshot_count);
    report_add_number(report, "blocks", "blocks", REPORT_COUNT, blocks);
    report_add_remark(report, "in the last snapshots of all");
    report_add_number(report, "bytes", "alive", REPORT_BYTES, bytes);
    report_begin_table(report, "processes", "Processes", REPORT_TABLE, 0);
    report_set_matter(report);
    report_add_column(report, "tree", "program", REPORT_TEXT, REPORT_TEXT_ONLY);
    report_add_column(report, "program", "program", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "pid", "process", REPORT_NUMBER, 0);
    report_add_column(report, "parent_pid", "parent", REPORT_NUMBER, REPORT_DATA_ONLY);
    report_add_column(report, "run", "run", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "snapshots", "snapshots", REPORT_COUNT, 0);
    report_add_column(report, "last", "last", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "trigger", "trigger", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "blocks", "blocks", REPORT_COUNT, 0);
    report_add_column(report, "bytes", "alive", REPORT_BYTES, 0);
    report_add_column(report, "peak", "peak", REPORT_BYTES, 0);
    for (size_t i = 0; i < tree->process_count; i++)
        add_process(report, tree, &tree->processes[i]);
    if (tree->merged_count)
        report_add_note(report, "%zu merged %s in it: passed over, for its parts would count twice.",
                        tree->merged_count, tree->merged_count == 1 ? "snapshot is" : "snapshots are");
    return report;
}
