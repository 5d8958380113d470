#include "top.h"

#include "ending.h"
#include "format/snapshot.h"
#include "model/clock.h"
#include "model/group_report.h"
#include "model/request.h"
#include "moment.h"
#include "views/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARK_LABEL "top"

int top_init(struct top *top, pid_t pid, const struct options *options, struct error *error)
{
    *top = (struct top){
        .options = options,
        .sampler = {.given_up = &ending_signal},
        .key = options->group.key,
        .order = options->watch_order,
    };
    return sampler_init(&top->sampler, pid, error);
}

/* Forget what is known of the program so far. */
static void forget(struct top *top)
{
    for (int key = 0; key < GROUP_KEYS; key++) {
        watch_names_destroy(top->names[key]);
        top->names[key] = NULL;
    }
    watch_destroy(top->watch);
    symbols_destroy(top->symbols);
    heap_destroy(top->heap);
    top->watch = NULL;
    top->symbols = NULL;
    top->heap = NULL;
    top->marked = 0;
}

void top_finish(struct top *top)
{
    sampler_finish(&top->sampler);
    forget(top);
}

/* Go over to HEAP, the new one, which is ours from now on. */
static int take_heap(struct top *top, struct heap *heap, bool replaced)
{
    int result = -EINVAL;

    if (top->symbols && !replaced)
        result = symbols_follow(top->symbols, heap);
    if (result == 0) {
        heap_destroy(top->heap);
        top->heap = heap;
        return 0;
    }
    forget(top);
    top->heap = heap;
    top->watch = watch_create();
    top->symbols = symbols_create(heap);
    return top->watch && top->symbols ? 0 : -ENOMEM;
}

/* How long the process has been traced by now: its clock runs as ours does. */
static uint64_t elapsed(const struct top *top)
{
    return top->heap->process->elapsed + (clock_now() - top->looked);
}

/* Tell the watch what the heap says. */
static int take_values(struct top *top)
{
    const struct heap *heap = top->heap;
    struct watch_value *values = calloc(heap->stack_count + 1, sizeof(*values));
    int result;

    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < heap->stack_count; i++)
        values[i] = (struct watch_value){
            .bytes = heap->stacks[i].live_bytes,
            .blocks = heap->stacks[i].live_blocks,
            .allocated = heap->stacks[i].allocated_bytes,
            .allocations = heap->stacks[i].allocations,
        };
    top->looked = clock_now();
    result = watch_take(top->watch, heap->process->elapsed, values, heap->stack_count);
    free(values);
    return result;
}

/* ns since 1970. */
static uint64_t wall_clock(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int top_look(struct top *top, uint64_t timeout)
{
    struct heap *heap = NULL;
    enum sampler_result looked = sampler_take(&top->sampler, timeout, &heap, &top->trouble);
    int result;

    top->is_idle = looked == SAMPLER_UNCHANGED;
    top->ended = looked == SAMPLER_ENDED;
    if (looked == SAMPLER_ENDED || looked == SAMPLER_BUSY)
        return 0;
    top->trouble.text[0] = '\0';
    top->time = wall_clock();
    if (looked == SAMPLER_UNCHANGED) {
        top->elapsed = elapsed(top);
        watch_repeat(top->watch, top->elapsed);
        return 0;
    }
    top->elapsed = heap->process->elapsed;
    result = take_heap(top, heap, looked == SAMPLER_REPLACED);
    return result < 0 ? result : take_values(top);
}

long top_name(struct top *top, size_t limit)
{
    struct watch_names **names = &top->names[top->key];

    if (!top->heap)
        return 0;
    if (!*names)
        *names = watch_names_create(top->key, top->options->filter);
    return *names ? watch_names_update(*names, top->heap, top->symbols, limit) : -ENOMEM;
}

/* What rows of KEY are about, for people. */
static const char *key_title(enum group_key key)
{
    switch (key) {
    case GROUP_LINENO:
        return "line";
    case GROUP_FILENAME:
        return "file";
    default:
        return group_key_name(key);
    }
}

/* Add a column of numbers, which rows in ORDER are ordered by. */
static void add_number(const struct top *top, struct report *report, const char *key,
                       const char *title, enum report_kind kind, enum watch_order order)
{
    unsigned flags = order == WATCH_BY_GROWTH ? REPORT_SIGNED : 0;

    report_add_column(report, key, title, kind, flags | (top->order == order ? REPORT_ORDER : 0));
}

/* As lines for a table of numbers: each says when and of which process, and none what was before. */
static bool is_csv(const struct top *top)
{
    return top->options->format == OPTIONS_CSV;
}

static void add_columns(const struct top *top, struct report *report)
{
    report_begin_table(report, "rows", "rows", REPORT_TABLE, WATCH_COURSE);
    report_set_matter(report);
    if (is_csv(top)) {
        report_add_column(report, "time", "time", REPORT_TEXT, REPORT_DATA_ONLY);
        report_add_column(report, "pid", "pid", REPORT_NUMBER, REPORT_DATA_ONLY);
    }
    add_number(top, report, "size", "live", REPORT_BYTES, WATCH_BY_LIVE);
    add_number(top, report, "size_diff", "growth", REPORT_BYTES, WATCH_BY_GROWTH);
    add_number(top, report, "rate", "bytes/s", REPORT_BYTES, WATCH_BY_RATE);
    add_number(top, report, "count", "blocks", REPORT_COUNT, WATCH_BY_BLOCKS);
    report_add_column(report, "count_diff", "growth", REPORT_COUNT, REPORT_SIGNED);
    add_number(top, report, "allocation_rate", "calls/s", REPORT_COUNT, WATCH_BY_ALLOCATIONS);
    report_add_column(report, "name", key_title(top->key),
                      top->key == GROUP_LINENO || top->key == GROUP_FUNCTION || top->key == GROUP_TYPE
                          ? REPORT_FUNCTION
                          : REPORT_TEXT,
                      REPORT_TEXT_ONLY);
    if (!is_csv(top))
        report_add_column(report, "course", "course", REPORT_BYTES,
                          REPORT_SERIES | REPORT_DATA_ONLY);
    switch (top->key) {
    case GROUP_LINENO:
        report_add_column(report, "file", "file", REPORT_FILE, REPORT_DATA_ONLY);
        report_add_column(report, "line", "line", REPORT_LINE, REPORT_DATA_ONLY);
        report_add_column(report, "function", "function", REPORT_FUNCTION, REPORT_DATA_ONLY);
        break;
    case GROUP_FUNCTION:
        report_add_column(report, "function", "function", REPORT_FUNCTION, REPORT_DATA_ONLY);
        report_add_column(report, "module", "module", REPORT_MODULE, REPORT_DATA_ONLY);
        break;
    default:
        report_add_column(report, group_key_name(top->key), key_title(top->key), REPORT_TEXT,
                          REPORT_DATA_ONLY);
        break;
    }
}

static void put_rate(const struct top *top, double rate, struct report *report)
{
    if (watch_has_rates(top->watch))
        report_put_number(report, (uint64_t)(rate + 0.5));
    else
        report_put_unknown(report);
}

static void put_numbers(const struct top *top, const struct watch_row *row, const char *name,
                        struct report *report)
{
    char moment[MOMENT_SIZE];

    if (is_csv(top)) {
        moment_format(moment, top->time, true);
        report_put_text(report, moment);
        report_put_number(report, (uint64_t)top->sampler.target.pid);
    }
    report_put_number(report, row->now.bytes);
    report_put_number(report, (uint64_t)row->growth);
    put_rate(top, row->rate, report);
    report_put_number(report, row->now.blocks);
    report_put_number(report, (uint64_t)row->block_growth);
    put_rate(top, row->allocation_rate, report);
    report_put_text(report, name);
    if (!is_csv(top))
        report_put_series(report, row->course);
}

static void put_row(const struct top *top, const struct watch_row *row, struct report *report)
{
    const struct watch_names *names = top->names[top->key];
    const struct group *group = &names->groups[row->name];
    const char *text = names->texts[row->name];
    bool is_known = row->name >= WATCH_NAMES_FIRST;

    report_begin_row(report);
    put_numbers(top, row, text, report);
    if (!is_known)
        return;
    switch (names->key) {
    case GROUP_LINENO:
        report_put_text(report, group->file);
        report_put_number(report, group->line);
        report_put_text(report, group->function);
        break;
    case GROUP_FUNCTION:
        report_put_text(report, group->function);
        report_put_text(report, group->module);
        break;
    case GROUP_TYPE:
        report_put_text(report, group->type);
        break;
    default:
        report_put_text(report, text);
        break;
    }
}

/* The title, and what is known of the process as a whole. */
static void add_facts(const struct top *top, long left, struct report *report)
{
    const struct heap_part *part = &top->heap->parts[0];
    char moment[MOMENT_SIZE];

    report_title(report, "%s, process %d: by %s, %s first", part->called,
                 (int)top->sampler.target.pid, key_title(top->key),
                 top->order == WATCH_BY_NAME ? "by name" : watch_order_name(top->order));
    report_add_number(report, "pid", NULL, REPORT_NUMBER, (uint64_t)top->sampler.target.pid);
    report_add_text(report, "program", NULL, part->program);
    moment_format(moment, top->time, true);
    report_add_text(report, "time", NULL, moment);
    report_add_number(report, "elapsed", "traced for", REPORT_DURATION, top->elapsed);
    report_add_number(report, "tracer_bytes", "tracer", REPORT_BYTES,
                      top->heap->account->tracer_bytes);
    if (top->is_idle)
        report_add_note(report, "it is idle");
    if (top->marked) {
        moment_format(moment, top->marked, false);
        report_add_note(report, "growth since %s", moment);
    }
    if (filter_has_patterns(top->options->filter))
        report_add_note(report, "filtered by options");
    if (*top->filter)
        report_add_note(report, "only names with '%s'", top->filter);
    if (left > 0)
        report_add_note(report, "names of %ld stacks are being looked up", left);
}

struct report *top_report(const struct top *top, size_t limit, long left, uint32_t **out_names)
{
    const struct watch_names *names = top->names[top->key];
    struct report *report = report_create();
    struct watch_row *rows = NULL, total;
    uint32_t *numbers = NULL;
    size_t count = 0, shown = 0;
    long result = 0;

    if (!report)
        return NULL;
    add_facts(top, left, report);
    add_columns(top, report);
    result = watch_rows(top->watch, names->of_stack, names->texts, names->count,
                        *top->filter ? top->filter : NULL, top->order, &rows, &total);
    if (result >= 0) {
        count = (size_t)result;
        shown = limit && limit < count ? limit : count;
        numbers = calloc(shown + 1, sizeof(*numbers));
    }
    if (!numbers || report_failed(report)) {
        free(rows);
        free(numbers);
        report_destroy(report);
        return NULL;
    }
    for (size_t i = 0; i < shown; i++) {
        put_row(top, &rows[i], report);
        numbers[i] = rows[i].name;
    }
    report_set_omitted(report, count - shown);
    report_begin_total(report);
    put_numbers(top, &total, "all", report);
    free(rows);
    if (out_names)
        *out_names = numbers;
    else
        free(numbers);
    return report;
}

struct report *top_stack(const struct top *top, uint32_t name, size_t index, size_t *out_count)
{
    const struct watch_names *names = top->names[top->key];
    uint32_t *stacks = NULL;
    long count = watch_stacks(top->watch, names->of_stack, name, &stacks);
    struct report *report = NULL;

    if (count > 0 && index < (size_t)count)
        report = report_create();
    if (report) {
        struct watch_value value = watch_stack(top->watch, stacks[index]);
        struct group group = {.heap = top->heap, .stack = stacks[index]};
        char units[UNITS_SIZE];

        report_title(report, "%s: stack %zu of %ld holds %s in %llu blocks", names->texts[name],
                     index + 1, count, units_bytes(units, (double)value.bytes, false),
                     (unsigned long long)value.blocks);
        report_begin_table(report, "stacks", "stacks", REPORT_TABLE, 0);
        report_add_column(report, "stack", "stack", REPORT_NUMBER, 0);
        report_begin_row(report);
        report_put_number(report, stacks[index]);
        group.truncated = top->heap->stacks[stacks[index]].flags & SNAPSHOT_STACK_TRUNCATED;
        group.limited = top->heap->stacks[stacks[index]].flags & SNAPSHOT_STACK_LIMITED;
        group_report_traceback(&group, top->symbols, NULL, report);
        *out_count = (size_t)count;
    }
    free(stacks);
    if (report && report_failed(report)) {
        report_destroy(report);
        return NULL;
    }
    return report;
}

/* Make a request for VERB that says it is ours. */
static int request(struct top *top, enum control_verb verb, char out_path[CONTROL_PATH_SIZE],
                   struct error *error)
{
    struct request request = {
        .verb = verb,
        .label = MARK_LABEL,
        .timeout = top->options->timeout,
        .given_up = &ending_signal,
    };

    return request_make(&top->sampler.target, &request, out_path, error);
}

int top_mark(struct top *top, struct error *error)
{
    char path[CONTROL_PATH_SIZE];
    int result = request(top, CONTROL_MARK, path, error);

    if (result < 0)
        return result;
    sampler_expect_change(&top->sampler);
    result = top_look(top, top->options->timeout);
    if (result < 0)
        return error_set(error, result, "out of memory");
    if (!top->watch) /* growth will be counted from the first look on, which is yet to come */
        return error_set(error, -EAGAIN, "%s", top->trouble.text);
    top->marked = top->time;
    watch_mark(top->watch);
    return 0;
}

void top_unmark(struct top *top)
{
    top->marked = 0;
    if (top->watch)
        watch_unmark(top->watch);
}

int top_snapshot(struct top *top, char out_path[PATH_MAX], struct error *error)
{
    char path[CONTROL_PATH_SIZE];
    int result = request(top, CONTROL_SNAPSHOT, path, error);

    if (result == 0)
        target_find_file(&top->sampler.target, path, out_path);
    return result;
}
