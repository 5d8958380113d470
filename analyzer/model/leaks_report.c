#include "model/leaks_report.h"

#include "format/snapshot.h"
#include "model/amount.h"
#include "model/known_block.h"
#include "model/progress.h"
#include "model/site.h"
#include "model/verdict_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_SHOWN    3  /* of a leak, by name */
#define MOMENTS_SHOWN 12  /* as evidence */
#define LONG_RUN      1e9 /* ns */

static const char *const class_titles[] = {
    [GRAPH_DEFINITELY_LOST] = "definitely lost",
    [GRAPH_INDIRECTLY_LOST] = "indirectly lost",
    [GRAPH_POSSIBLY_LOST] = "possibly lost",
    [GRAPH_STILL_REACHABLE] = "still reachable",
};

struct leaks {
    const struct verdicts *verdicts;
    const struct verdict_input *input;
    const struct heap *heap;
    struct holder_paths *paths;
    struct symbols *symbols;
    struct filter *filter;
    const struct leaks_options *options;
    struct report *report;
    uint8_t *members; /* per block: of the row */
};

static void add_totals(const struct verdicts *verdicts, bool for_people, struct report *report)
{
    for (int i = 0; for_people && verdicts->knows_lost && i < GRAPH_CLASS_COUNT; i++) {
        report_add_number(report, NULL, class_titles[i], REPORT_BYTES, verdicts->totals[i].size);
        report_add_remark(report, "in %" PRIu64 " %s", verdicts->totals[i].count,
                          verdicts->totals[i].count == 1 ? "block" : "blocks");
    }
    report_begin_table(report, "total", NULL, REPORT_KEYED, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    for (int i = 0; i < GRAPH_CLASS_COUNT; i++) {
        report_begin_row(report);
        report_put_text(report, verdict_class_name((enum graph_class)i));
        if (!verdicts->knows_lost)
            continue; /* 0 would say that somebody has looked */
        report_put_number(report, verdicts->totals[i].size);
        report_put_number(report, verdicts->totals[i].count);
    }
}

static void add_traceback(const struct leaks *leaks, uint32_t stack)
{
    const struct heap_stack *from = &leaks->heap->stacks[stack];

    report_begin_traceback(leaks->report);
    for (uint32_t frame = from->frame; frame; frame = leaks->heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(leaks->symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            report_add_frame(leaks->report, &(struct report_frame){
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
        report_set_truncated(leaks->report, 0);
    else if (from->flags & SNAPSHOT_STACK_LIMITED)
        report_set_truncated(leaks->report, leaks->heap->parts[from->part].process->frame_limit);
}

static const struct symbol *newest(const struct leaks *leaks, const struct verdict *verdict)
{
    uint32_t frame;

    return site_newest(leaks->heap, leaks->symbols, leaks->filter, verdict->stack, true, &frame);
}

static void put_site(const struct leaks *leaks, const struct verdict *verdict)
{
    const struct symbol *symbol = newest(leaks, verdict);

    if (symbol->file)
        report_put_text(leaks->report, symbol->file);
    else
        report_put_place(leaks->report, symbol->place);
    report_put_number(leaks->report, symbol->file ? symbol->line : 0);
    report_put_text(leaks->report, symbol->function);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether people read the same of A and of B: two calls in one line are one site. */
static bool is_same_site(const struct report_link *a, const struct report_link *b)
{
    return a->line == b->line && is_same_text(a->function, b->function) &&
           is_same_text(a->file, b->file) && (a->file || is_same_text(a->place, b->place));
}

/* Largest first. */
static int compare_sites(const void *left, const void *right)
{
    const struct report_link *a = left, *b = right;

    return (a->size < b->size) - (a->size > b->size);
}

/* The parts of the leak NUMBER, as what it retains: those of a site are one. */
static int add_parts(const struct leaks *leaks, size_t number)
{
    const struct verdict *list = leaks->verdicts->list;
    size_t end = number + 1, count = 0;
    struct report_link *sites;

    while (end < leaks->verdicts->leak_count && list[end].part_of == number)
        end++;
    sites = calloc(end - number, sizeof(*sites));
    if (!sites)
        return -ENOMEM;
    for (size_t i = number + 1; i < end; i++) {
        struct report_link link = {.size = list[i].size, .count = list[i].count};
        size_t at = 0;

        holder_paths_set_site(&link, newest(leaks, &list[i]));
        while (at < count && !is_same_site(&sites[at], &link))
            at++;
        if (at == count) {
            sites[count++] = link;
        } else {
            sites[at].size += link.size;
            sites[at].count += link.count;
        }
    }
    qsort(sites, count, sizeof(*sites), compare_sites);
    for (size_t i = 0; i < count && i < PARTS_SHOWN; i++)
        report_add_retained(leaks->report, &sites[i]);
    if (count > PARTS_SHOWN)
        report_set_retains_omitted(leaks->report, count - PARTS_SHOWN);
    free(sites);
    return 0;
}

static int add_path(const struct leaks *leaks, const struct verdict *verdict)
{
    const struct heap *heap = leaks->heap;

    memset(leaks->members, 0, heap->block_count);
    for (size_t i = 0; i < heap->block_count; i++)
        leaks->members[i] = heap->blocks[i].stack == verdict->stack &&
                            leaks->input->graph->classes[i] == verdict->class;
    return holder_paths_add(leaks->paths, leaks->members, verdict->step, leaks->report);
}

/* Whether the run was long enough for what it does in an hour to be told from it. */
static bool is_long(const struct verdicts *verdicts)
{
    return verdicts->moments.time[verdicts->moments.count - 1] >= LONG_RUN;
}

static void put_evidence(const struct leaks *leaks, const struct verdict *verdict)
{
    static const char *const confidence[] = {"low", "medium", "high"};
    const struct heap_stack *stack = &leaks->heap->stacks[verdict->stack];
    const struct growth *growth = &verdict->growth;
    uint64_t lowest = growth->lowest == UINT64_MAX ? 0 : growth->lowest;
    char text[512], bytes[2][AMOUNT_SIZE];
    int length;

    length = snprintf(text, sizeof(text),
                      "%s confidence; %" PRIu64 " allocated here and %" PRIu64 " freed; between "
                      "%s and %s in the second half",
                      confidence[growth->confidence], stack->allocations, stack->frees,
                      amount_bytes(bytes[0], (double)lowest),
                      amount_bytes(bytes[1], (double)growth->highest));
    if (growth->course == GROWTH_GROWING)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "; %s for 1000 allocations of the program",
                           amount_bytes(bytes[0], growth->bytes_per_work * 1000));
    if (growth->course == GROWTH_GROWING && is_long(leaks->verdicts))
        length += snprintf(text + length, sizeof(text) - (size_t)length, ", %s an hour",
                           amount_bytes(bytes[0], growth->bytes_per_hour));
    if (leaks->heap->process->epoch >= 4 && verdict->count > 0)
        snprintf(text + length, sizeof(text) - (size_t)length,
                 "; %" PRIu64 " of %" PRIu64 " blocks are older than half of the %" PRIu32
                 " epochs",
                 verdict->old, verdict->count, leaks->heap->process->epoch);
    report_put_text(leaks->report, text);
}

/* The cells of the verdict NUMBER that only programs see. */
static void put_data(const struct leaks *leaks, size_t number)
{
    static const char *const confidence[] = {"low", "medium", "high"};
    const struct verdict *verdict = &leaks->verdicts->list[number];
    const struct growth *growth = &verdict->growth;
    const struct heap_stack *stack = &leaks->heap->stacks[verdict->stack];
    struct report *report = leaks->report;
    bool grows = growth->course == GROWTH_GROWING;

    report_put_number(report, verdict->stack);
    report_put_text(report, confidence[growth->confidence]);
    report_put_number(report, grows);
    report_put_number(report, verdict->is_once);
    if (verdict->part_of == VERDICT_NONE)
        report_put_unknown(report);
    else
        report_put_number(report, leaks->verdicts->list[verdict->part_of].stack);
    report_put_number(report, growth->grew);
    report_put_number(report, growth->parts);
    report_put_number(report, grows ? growth->bytes : 0);
    report_put_number(report, grows ? growth->blocks : 0);
    report_put_number(report, growth->since_time);
    if (is_long(leaks->verdicts))
        report_put_real(report, grows ? growth->bytes_per_hour : 0);
    else
        report_put_unknown(report);
    report_put_real(report, grows ? growth->bytes_per_work : 0);
    report_put_number(report, stack->allocations);
    report_put_number(report, stack->frees);
    report_put_number(report, verdict->old);
    report_put_number(report, verdict->unreturned);
    if (leaks->options->of_several) {
        report_put_number(report, leaks->heap->process->pid);
        report_put_text(report, leaks->heap->program);
    }
}

static int add_row(const struct leaks *leaks, size_t number)
{
    const struct verdict *verdict = &leaks->verdicts->list[number];
    bool has_path = leaks->paths && verdict->step != HOLDERS_NONE &&
                    verdict->kind != VERDICT_LOST && verdict->count > 0;
    const char *known = verdict->is_leak ? NULL : known_block(leaks->heap, verdict->stack);
    char text[512], holder[256];
    int result = 0;

    if (has_path)
        holder_paths_name(leaks->paths, verdict->step, holder, sizeof(holder));
    verdict_say(leaks->verdicts, verdict, has_path && !leaks->options->fold ? holder : NULL, text,
                sizeof(text));
    report_begin_row(leaks->report);
    report_put_text(leaks->report, verdict_name(verdict->kind));
    report_put_text(leaks->report,
                    leaks->verdicts->knows_lost ? verdict_class_name(verdict->class) : NULL);
    report_put_number(leaks->report, verdict->size);
    report_put_number(leaks->report, verdict->count);
    report_put_number(leaks->report, verdict->with_size ? verdict->with_size : verdict->size);
    report_put_number(leaks->report, verdict->with_count ? verdict->with_count : verdict->count);
    report_put_text(leaks->report, known ? known : text);
    put_site(leaks, verdict);
    report_put_text(leaks->report, has_path ? holder : NULL);
    if (leaks->options->explain)
        put_evidence(leaks, verdict);
    else
        report_put_unknown(leaks->report);
    put_data(leaks, number);
    if (!leaks->options->brief)
        add_traceback(leaks, verdict->stack);
    if (has_path && (verdict->kind == VERDICT_HELD_GROWING || leaks->options->explain))
        result = add_path(leaks, verdict);
    if (result == 0 && verdict->is_leak && verdict->part_of == VERDICT_NONE)
        result = add_parts(leaks, number);
    return result;
}

static bool is_wanted(const struct leaks *leaks, const struct verdict *verdict)
{
    if (leaks->options->fold && verdict->is_leak && verdict->part_of != VERDICT_NONE)
        return false;
    if (leaks->options->leaks_only)
        return verdict->is_leak && !verdict->is_once;
    return leaks->options->all || verdict->is_leak || verdict->kind == VERDICT_NOT_RETURNED ||
           verdict->class == GRAPH_POSSIBLY_LOST;
}

static void begin_table(const struct leaks_options *options, struct report *report)
{
    report_begin_table(report, "rows", "rows", REPORT_VERDICTS, 0);
    report_add_column(report, "verdict", "verdict", REPORT_TEXT, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "with_size", "size with parts", REPORT_BYTES, 0);
    report_add_column(report, "with_count", "count with parts", REPORT_COUNT, 0);
    report_add_column(report, "text", "text", REPORT_TEXT, 0);
    report_add_column(report, "file", "file", REPORT_FILE, 0);
    report_add_column(report, "line", "line", REPORT_LINE, 0);
    report_add_column(report, "function", "function", REPORT_FUNCTION, 0);
    report_add_column(report, "held_by", "held by", REPORT_TEXT, 0);
    report_add_column(report, "evidence", "evidence", REPORT_TEXT, 0);
    report_add_column(report, "stack", "stack", REPORT_NUMBER, REPORT_DATA_ONLY);
    report_add_column(report, "confidence", "confidence", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "grows", "grows", REPORT_FLAG, REPORT_DATA_ONLY);
    report_add_column(report, "once", "once", REPORT_FLAG, REPORT_DATA_ONLY);
    report_add_column(report, "part_of", "part of stack", REPORT_NUMBER, REPORT_DATA_ONLY);
    report_add_column(report, "grew", "parts it grew in", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "parts", "parts", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "growth_size", "growth", REPORT_BYTES, REPORT_DATA_ONLY);
    report_add_column(report, "growth_count", "growth", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "since", "since", REPORT_DURATION, REPORT_DATA_ONLY);
    report_add_column(report, "bytes_per_hour", "an hour", REPORT_AVERAGE, REPORT_DATA_ONLY);
    report_add_column(report, "bytes_per_allocation", "per allocation", REPORT_AVERAGE,
                      REPORT_DATA_ONLY);
    report_add_column(report, "allocations", "allocations", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "frees", "frees", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "old", "old blocks", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "unreturned", "not returned", REPORT_BYTES, REPORT_DATA_ONLY);
    if (options->of_several) {
        report_add_column(report, "pid", "process", REPORT_NUMBER, REPORT_DATA_ONLY);
        report_add_column(report, "program", "program", REPORT_TEXT, REPORT_DATA_ONLY);
    }
}

/* Whether what VERDICT's stack held at some moments is to be shown. */
static bool has_evidence(const struct leaks *leaks, const struct verdict *verdict)
{
    return is_wanted(leaks, verdict) && verdict->kind != VERDICT_NOT_RETURNED;
}

static bool is_any_evident(const struct leaks *leaks)
{
    for (size_t i = 0; i < leaks->verdicts->count; i++) {
        if (has_evidence(leaks, &leaks->verdicts->list[i]))
            return true;
    }
    return false;
}

/* What the worst leaks held at some of the moments, evenly spread. */
static void add_evidence(const struct leaks *leaks)
{
    const struct growth_moments *moments = &leaks->verdicts->moments;
    size_t step = (moments->count + MOMENTS_SHOWN - 1) / MOMENTS_SHOWN, rows = 0;

    report_begin_table(leaks->report, "evidence",
                       is_any_evident(leaks) ? "What they held, while the program worked:" : NULL,
                       REPORT_TABLE, 0);
    report_add_column(leaks->report, "stack", "stack", REPORT_NUMBER, 0);
    report_add_column(leaks->report, "function", "function", REPORT_FUNCTION, REPORT_TEXT_ONLY);
    report_add_column(leaks->report, "time", "time", REPORT_DURATION, 0);
    report_add_column(leaks->report, "work",
                      moments->are_rounds ? "rounds" : "allocations", REPORT_COUNT, 0);
    report_add_column(leaks->report, "size", "size", REPORT_BYTES, 0);
    report_add_column(leaks->report, "count", "count", REPORT_COUNT, 0);
    for (size_t i = 0; i < leaks->verdicts->count; i++) {
        const struct verdict *verdict = &leaks->verdicts->list[i];
        struct growth_levels levels;

        if (!has_evidence(leaks, verdict) ||
            (leaks->options->limit && rows++ == leaks->options->limit))
            continue;
        verdict_levels(leaks->verdicts, leaks->input, verdict->stack, &levels);
        for (size_t j = (moments->count - 1) % step; j < moments->count; j += step) {
            report_begin_row(leaks->report);
            report_put_number(leaks->report, verdict->stack);
            report_put_text(leaks->report, newest(leaks, verdict)->function);
            report_put_number(leaks->report, (uint64_t)moments->time[j]);
            report_put_number(leaks->report, (uint64_t)moments->work[j]);
            report_put_number(leaks->report, levels.bytes[j]);
            report_put_number(leaks->report, levels.blocks[j]);
        }
    }
}

int leaks_report(const struct verdicts *verdicts, const struct verdict_input *input,
                 struct holder_paths *paths, struct symbols *symbols,
                 const struct leaks_options *options, struct report *report)
{
    struct leaks leaks = {
        .verdicts = verdicts,
        .input = input,
        .heap = verdicts->heap,
        .paths = paths,
        .symbols = symbols,
        .filter = filter_create(),
        .options = options,
        .report = report,
        .members = calloc(verdicts->heap->block_count + 1, 1),
    };
    struct progress *progress = progress_begin(verdicts->count, "describing leaks");
    int result = leaks.filter && leaks.members ? 0 : -ENOMEM;
    size_t shown = 0, omitted = 0;

    if (!options->brief && !options->no_sums) {
        /* Of several processes each is an object. */
        report_add_text(report, "program", NULL, verdicts->heap->program);
        report_add_number(report, "pid", NULL, REPORT_NUMBER, verdicts->heap->process->pid);
    }
    if (!options->brief)
        add_totals(verdicts, !options->no_sums, report);
    begin_table(options, report);
    for (size_t i = 0; i < verdicts->count && result == 0; i++) {
        progress_to(progress, i);
        if (!is_wanted(&leaks, &verdicts->list[i]))
            continue;
        if (options->limit && shown == options->limit) {
            omitted++;
            continue;
        }
        result = add_row(&leaks, i);
        shown++;
    }
    report_set_omitted(report, omitted);
    if (options->explain && result == 0)
        add_evidence(&leaks);
    free(leaks.members);
    filter_destroy(leaks.filter);
    progress_end(progress);
    return result;
}

void leaks_summary(const struct verdicts *verdicts, char *buffer, size_t size)
{
    if (verdicts->head_count == 0 && !verdicts->knows_lost)
        snprintf(buffer, size, "what is lost is not known");
    else if (verdicts->head_count == 0 && verdicts->lost_once.count == 0)
        snprintf(buffer, size, verdicts->taken_out > 0 ? "no other leak" : "no leak");
    else if (verdicts->head_count == 0)
        snprintf(buffer, size, "%" PRIu64 " %s lost once", verdicts->lost_once.count,
                 verdicts->lost_once.count == 1 ? "block was" : "blocks were");
    else
        snprintf(buffer, size, "%zu %s of %" PRIu64 " %s", verdicts->head_count,
                 verdicts->head_count == 1 ? "leak" : "leaks", verdicts->leaked.count,
                 verdicts->leaked.count == 1 ? "block" : "blocks");
}

/* Is something lost that became more and more while the program ran? */
static bool growing_is_lost(const struct verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++)
        if (verdicts->list[i].is_leak && verdicts->list[i].kind == VERDICT_LOST &&
            verdicts->list[i].growth.course == GROWTH_GROWING)
            return true;
    return false;
}

void leaks_add_notes(const struct verdicts *verdicts, struct report *report)
{
    bool is_short = verdicts->moments.count < GROWTH_MOMENTS_MIN;
    bool is_lost = verdicts->lost_once.count > 0;
    char lost[64] = "", bytes[AMOUNT_SIZE];

    if (is_lost && verdicts->head_count > 0)
        report_add_note(report, "Besides, %s in %" PRIu64 " %s were lost once.",
                        amount_bytes(bytes, (double)verdicts->lost_once.size),
                        verdicts->lost_once.count,
                        verdicts->lost_once.count == 1 ? "block" : "blocks");
    if (known_destructors_ran(verdicts->heap) && growing_is_lost(verdicts))
        report_add_note(report, "Judged at exit, after the destructors of global objects: what one of them held "
                                "until then counts as lost. A snapshot while it runs, by 'heapdelta run --graph "
                                "--interval 1s', tells who held it.");
    if (!verdicts->knows_lost)
        report_add_note(report, "What is lost is not known without the heap graph%s",
                        verdicts->head_count > 0 ? "."
                        : is_short ? "; the run was too short to tell whether anything grows."
                                   : "; nothing grows.");
    if (verdicts->head_count > 0 || !verdicts->knows_lost)
        return;
    if (!is_lost)
        snprintf(lost, sizeof(lost), "Nothing%s is lost%s",
                 verdicts->taken_out > 0 ? " else" : "",
                 verdicts->totals[GRAPH_POSSIBLY_LOST].count > 0 ? " for certain" : "");
    if (is_short)
        report_add_note(report, "%s%she run was too short to tell whether anything grows.", lost,
                        is_lost ? "T" : "; t");
    else
        report_add_note(report, "%s%sothing%s grows.", lost, is_lost ? "N" : ", and n",
                        verdicts->taken_out > 0 ? " else" : "");
}
