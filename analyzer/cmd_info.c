/* cmd_info.c - what a snapshot contains, and whether its numbers add up. */
#include "command.h"
#include "format/snapshot.h"
#include "model/heap.h"
#include "model/report.h"
#include "model/symbols.h"
#include "options.h"
#include "views/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NANOSECONDS 1000000000u

/* clang-format off */
static const char help[] =
    "Usage: heapdelta info [OPTIONS] SNAPSHOT…\n"
    "\n"
    "Show what a snapshot contains: the moment, the numbers, where the memory went.\n"
    "\n"
    "  --modules            also what is known of each module: build-id, lines\n"
    OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta info app.1234.0001.exit.hds\n"
    "  heapdelta info --modules app.1234.0001.exit.hds\n"
    "  heapdelta info --format csv app.1234.*.hds\n";
/* clang-format on */

/* Format NANOSECONDS since 1970 in the local zone, or for programs in UTC. */
static void format_time(char *buffer, size_t size, uint64_t nanoseconds, bool utc)
{
    time_t seconds = (time_t)(nanoseconds / NANOSECONDS);
    struct tm tm;
    size_t length;

    if (!(utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm))) {
        *buffer = '\0';
        return;
    }
    length = strftime(buffer, size, utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S %z", &tm);
    if (utc)
        snprintf(buffer + length, size - length, ".%09uZ", (unsigned)(nanoseconds % NANOSECONDS));
}

/* BYTES in hexadecimal as a fact. */
static void format_hex(char *buffer, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sprintf(buffer + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
    buffer[2 * size] = '\0';
}

static const char *trigger_text(uint32_t trigger)
{
    switch (trigger) {
    case SNAPSHOT_BY_API:
        return "asked for by the program";
    case SNAPSHOT_AT_EXIT:
        return "taken when it ended";
    default:
        return "";
    }
}

static void add_moment(struct report *report, const struct heap *heap)
{
    const struct snapshot_process *process = heap->process;
    char text[80], duration[UNITS_SIZE];

    report_add_text(report, "path", NULL, heap->path);
    report_add_text(report, "program", "program", heap->program);
    report_add_text(report, "command", "command", heap->command);
    report_add_number(report, "pid", "process", REPORT_NUMBER, process->pid);
    if (process->exec_count)
        report_add_remark(report, "after %u exec", process->exec_count);
    report_add_number(report, "parent_pid", NULL, REPORT_NUMBER, process->parent_pid);
    report_add_number(report, "sequence", "snapshot", REPORT_NUMBER, process->sequence);
    report_add_remark(report, "%s%s%s", heap->label, *heap->label ? ", " : "",
                      trigger_text(process->trigger));
    report_add_text(report, "label", NULL, heap->label);
    format_time(text, sizeof(text), process->time, true);
    report_add_text(report, "time", NULL, text);
    format_time(text, sizeof(text), process->time, false);
    report_add_text(report, NULL, "time", text);
    report_add_remark(report, "%s after tracing began", units_duration(duration, process->elapsed));
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
    size_t live_stacks = 0;
    char buffer[UNITS_SIZE];

    for (size_t i = 0; i < heap->stack_count; i++)
        live_stacks += heap->stacks[i].live_blocks > 0;

    report_add_heading(report, "Alive");
    report_add_number(report, "blocks", "blocks", REPORT_COUNT, account->live_blocks);
    report_add_number(report, "bytes", "requested", REPORT_BYTES, account->live_bytes);
    report_add_number(report, "peak", "peak", REPORT_BYTES, account->peak_bytes);
    report_add_number(report, "stacks", "stacks", REPORT_COUNT, heap->stack_count);
    report_add_remark(report, "%zu of them hold blocks", live_stacks);
    report_add_number(report, "truncated_stacks", NULL, REPORT_COUNT, account->truncated_stacks);
    if (account->truncated_stacks)
        report_add_remark(report, "%llu could not be walked to their end",
                          (unsigned long long)account->truncated_stacks);
    if (heap->process->frame_limit)
        report_add_number(report, NULL, "frames per stack, at most", REPORT_COUNT,
                          heap->process->frame_limit);

    report_add_heading(report, "Since tracing began");
    report_add_number(report, "allocations", "allocations", REPORT_COUNT, account->allocations);
    report_add_number(report, "frees", "frees", REPORT_COUNT, account->frees);
    report_add_number(report, "missed_frees", account->missed_frees ? "missed frees" : NULL,
                      REPORT_COUNT, account->missed_frees);
    report_add_remark(report, "by code that heapdelta does not see");
    report_add_number(report, "lost_blocks", account->lost_blocks ? "blocks not recorded" : NULL,
                      REPORT_COUNT, account->lost_blocks);
    report_add_remark(report, "for lack of memory");
    report_add_number(report, "threads_seen", "threads", REPORT_COUNT, account->threads_seen);
    report_add_number(report, "pause", NULL, REPORT_DURATION, account->pause);
    report_add_remark(report, "%s", units_duration(buffer, account->pause));
}

/* Where the resident memory went, as far as it is known. */
static void add_account(struct report *report, const struct heap *heap)
{
    const struct snapshot_account *account = heap->account;
    bool has_usable = heap->process->flags & SNAPSHOT_HAS_USABLE;
    uint64_t heap_bytes = has_usable ? account->usable_bytes : account->live_bytes;
    uint64_t known = heap_bytes + account->tracer_bytes;
    char buffer[4][UNITS_SIZE];

    report_add_heading(report, "Memory of the process");
    report_add_number(report, "rss", "resident", REPORT_BYTES, account->rss);
    report_add_number(report, NULL, "blocks", REPORT_BYTES, account->live_bytes);
    report_add_remark(report, "as requested");
    if (has_usable) {
        report_add_number(report, "usable", NULL, REPORT_BYTES, account->usable_bytes);
        if (account->usable_bytes >= account->live_bytes)
            report_add_number(report, NULL, "rounding", REPORT_BYTES,
                              account->usable_bytes - account->live_bytes);
    } else {
        report_add_unknown(report, "usable", NULL, REPORT_BYTES);
    }
    report_add_number(report, "tracer_bytes", "heapdelta itself", REPORT_BYTES,
                      account->tracer_bytes);
    report_add_remark(report, "blocks %s, stacks %s, counters %s, other %s",
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
    if (account->rss > known) {
        report_add_number(report, NULL, "everything else", REPORT_BYTES, account->rss - known);
        report_add_remark(report, "code, data, thread stacks, what the allocator keeps");
    }
}

static void add_timeline(struct report *report, const struct heap *heap)
{
    report_begin_table(report, "timeline", "timeline", REPORT_CHART, 0);
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

/* The report on HEAP; NULL for lack of memory. */
static struct report *describe(const struct options *options, const struct heap *heap)
{
    struct symbols *symbols = options->modules ? symbols_create(heap) : NULL;
    struct report *report = report_create();

    if (!report || (options->modules && !symbols)) {
        report_destroy(report);
        symbols_destroy(symbols);
        return NULL;
    }
    report_title(report, "%s", heap->path);
    add_moment(report, heap);
    add_numbers(report, heap);
    add_account(report, heap);
    add_timeline(report, heap);
    add_epochs(report, heap);
    add_threads(report, heap);
    add_modules(report, heap, symbols);
    symbols_destroy(symbols);
    return report;
}

static int info(const struct options *options, struct report **reports)
{
    struct error error;

    for (size_t i = 0; i < options->path_count; i++) {
        struct heap *heap;

        if (heap_load(options->paths[i], &heap, &error) < 0)
            return command_fail(&command_info, COMMAND_BAD_INPUT, "%s", error.text);
        reports[i] = describe(options, heap);
        heap_destroy(heap);
        if (!reports[i])
            return command_fail(&command_info, COMMAND_NEGATIVE, "out of memory");
    }
    return options_print(options, &command_info, reports, options->path_count);
}

static int run(int argc, char **argv)
{
    struct options options;
    struct report **reports = NULL;
    int status = options_parse(&options, &command_info,
                               OPTIONS_FORMAT | OPTIONS_OUTPUT | OPTIONS_MODULES, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count == 0) {
        status = command_fail(&command_info, COMMAND_USAGE, "needs a snapshot");
        goto out;
    }
    reports = calloc(options.path_count, sizeof(*reports));
    status = reports ? info(&options, reports)
                     : command_fail(&command_info, COMMAND_NEGATIVE, "out of memory");
out:
    for (size_t i = 0; reports && i < options.path_count; i++)
        report_destroy(reports[i]);
    free(reports);
    options_finish(&options);
    return status;
}

const struct command command_info = {
    .name = "info",
    .summary = "what a snapshot contains, and where the memory went",
    .help = help,
    .run = run,
};
