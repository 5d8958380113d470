#include "run_summary.h"

#include "format/snapshot.h"
#include "graph_input.h"
#include "model/estimate.h"
#include "model/graph.h"
#include "model/group.h"
#include "model/heap.h"
#include "model/holder_path.h"
#include "model/known_block.h"
#include "model/leaks_report.h"
#include "model/report.h"
#include "model/snapshot_tree.h"
#include "model/symbols.h"
#include "model/verdict.h"
#include "views/json.h"
#include "views/text.h"
#include "views/units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LEAKS_SHOWN   3
#define OTHERS_BYTES  (64u << 20) /* of the snapshots of other processes that are judged, too */
#define MODULES_SHOWN 3 /* of those that lack lines */

/* The module of GROUP, whose `file` is the name of a place in it: an index in
 * heap->modules, or heap->module_count if it lies in none. */
static size_t group_module(const struct heap *heap, struct symbols *symbols,
                           const struct group *group)
{
    uint32_t frame = heap->stacks[group->stack].frame;

    for (; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            if (strcmp(list.symbols[i].place, group->file) == 0 && heap->frames[frame].module)
                return heap->frames[frame].module - 1;
        }
    }
    return heap->module_count;
}

struct lineless {
    size_t module;
    uint64_t size;
};

static int compare_lineless(const void *a, const void *b)
{
    const struct lineless *one = a, *other = b;

    return one->size < other->size ? 1 : one->size > other->size ? -1 : 0;
}

/* Note which share of the bytes in LIST has no line, and what would give it. */
static void add_lineless(const struct heap *heap, struct symbols *symbols,
                         const struct group_list *list, struct report *report)
{
    struct lineless *modules = calloc(heap->module_count + 1, sizeof *modules);
    char text[512] = "";
    uint64_t size = 0;
    double share;

    if (!modules)
        return;
    for (size_t i = 0; i <= heap->module_count; i++)
        modules[i].module = i;
    for (size_t i = 0; i < list->count; i++) {
        const struct group *group = &list->groups[i];

        if (!group->is_place || (group->count == 1 && known_block(heap, group->stack)))
            continue;
        size += group->size;
        modules[group_module(heap, symbols, group)].size += group->size;
    }
    qsort(modules, heap->module_count + 1, sizeof *modules, compare_lineless);
    for (size_t i = 0; i < MODULES_SHOWN && i <= heap->module_count && modules[i].size; i++) {
        size_t module = modules[i].module, length = strlen(text);
        const char *name = "code outside of any file", *package = NULL;

        if (module < heap->module_count) {
            const char *slash = strrchr(heap->modules[module].path, '/');

            name = slash ? slash + 1 : heap->modules[module].path;
            package = symbols_module(symbols, module).debug_package;
        }
        snprintf(text + length, sizeof text - length, "%s%s%s%s%s", i ? ", " : "", name,
                 package ? " (install " : "", package ? package : "", package ? ")" : "");
    }
    if (size > 0) {
        share = 100.0 * (double)size / (double)list->size;
        /* Not 100 % where some have one. */
        if (size < list->size && share > 99)
            report_add_note(report, "over 99 %% of the bytes have no line: %s", text);
        else
            report_add_note(report, "%.*f %% of the bytes have no line: %s", share < 10 ? 1 : 0,
                            share, text);
    }
    free(modules);
}

/* How many leaks the snapshot PATH has; -1: that is not known. */
static int count_leaks(const char *path)
{
    struct holder_paths *paths = NULL;
    struct verdicts *verdicts = NULL;
    struct symbols *symbols = NULL;
    struct graph *graph = NULL;
    struct heap *heap = NULL;
    struct error error;
    int found = -1;

    if (heap_load_with_edges(path, &heap, &error) == 0 && heap->has_edges && !heap->sampling &&
        (symbols = symbols_create(heap)) && graph_create(heap, 0, &graph) == 0 &&
        holder_paths_create(graph, symbols, &paths) == 0 &&
        verdicts_create(&(struct verdict_input){.heaps = (const struct heap *const *)&heap,
                                                .heap_count = 1,
                                                .graph = graph,
                                                .paths = paths},
                        &verdicts) == 0)
        found = (int)verdicts->head_count;
    verdicts_destroy(verdicts);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    symbols_destroy(symbols);
    heap_destroy(heap);
    return found;
}

/* Add what HEAP tells, whose blocks SYMBOLS name: its leaks, as a program reads them or (BRIEF)
 * a person. Puts in OUT_FOUND, of SIZE bytes, how many there are, in OUT_LEAKS whether there is
 * any. Returns 0 or -ENOMEM. */
static int add_leaks(const struct heap *heap, struct symbols *symbols, bool brief,
                     struct report *report, char *out_found, size_t size, bool *out_leaks)
{
    struct verdict_input input = {.heaps = &heap, .heap_count = 1};
    const struct leaks_options options = {
        .leaks_only = brief, .fold = brief, .brief = brief, .limit = brief ? LEAKS_SHOWN : 0};
    struct verdicts *verdicts = NULL;
    struct holder_paths *paths = NULL;
    struct graph *graph = NULL;
    int result = 0;

    if (heap->has_edges && !heap->sampling) {
        result = graph_create(heap, 0, &graph);
        if (result == 0)
            result = holder_paths_create(graph, symbols, &paths);
        input.graph = graph;
        input.paths = paths;
    }
    if (result == 0)
        result = verdicts_create(&input, &verdicts);
    if (result == 0) {
        leaks_summary(verdicts, out_found, size);
        *out_leaks = verdicts->head_count > 0;
        result = leaks_report(verdicts, &input, paths, symbols, &options, report);
        leaks_add_notes(verdicts, report);
    }
    verdicts_destroy(verdicts);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    return result;
}

/* Note which share of HEAP's bytes has no line. */
static void add_names(const struct heap *heap, struct symbols *symbols, struct report *report)
{
    const struct group_options options = {.key = GROUP_LINENO};
    struct group_list *list = group_create(heap, symbols, &options);

    if (!list)
        return;
    add_lineless(heap, symbols, list, report);
    group_destroy(list);
}

/* Whether SIGNAL_NUMBER is one of those before whose end the shim takes a snapshot. */
static bool has_snapshot(int signal_number)
{
    return signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP;
}

/* Note why a program that ended as END says has left no snapshot at its exit. */
static void add_why_none(const struct run_end *end, struct report *report)
{
    int number = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;

    if (number && (end->cut_off || !has_snapshot(number)))
        report_add_note(report, "no snapshot at exit: signal %d (%s) ended the program", number,
                        strsignal(number));
    else if (end->cut_off)
        report_add_note(report, "no snapshot at exit: the program left by a bare system call, past "
                                "its exit functions; take some while it runs: --interval, --growth, "
                                "or 'heapdelta snapshot'");
    else
        report_add_note(report, "no snapshot at exit. Unless a line above says why, the program "
                                "was not tracing then, had become another that can't be traced, "
                                "or could not write it");
}

/* Add what HEAP tells, which was loaded from SNAPSHOT, the one at exit of the first of
 * PROCESSES. Returns whether it leaks. */
static bool add_heap(const struct run_snapshot *snapshot, const struct heap *heap, size_t processes,
                     struct symbols *symbols, bool brief, struct report *report)
{
    const struct snapshot_account *account = heap->account;
    char bytes[UNITS_SIZE], peak[UNITS_SIZE], found[128] = "", error[UNITS_SIZE + 8] = "";
    char which[80] = "";
    bool leaks = false;

    if (heap->sampling)
        estimate_mention(report, &heap, 1);
    if (add_leaks(heap, symbols, brief, report, found, sizeof found, &leaks) < 0)
        report_add_note(report, "not enough memory to say more");
    if (heap->has_edges && !heap->sampling)
        graph_input_add_notes(heap, report);

    if (estimate_is(heap))
        snprintf(error, sizeof error, " ± %s",
                 units_bytes(bytes, (double)estimate_total_error(heap), false));
    if (processes > 1)
        snprintf(which, sizeof which, " (process %" PRIu32 ", the first of %zu)",
                 heap->process->pid, processes);
    report_title(report, "heapdelta: %.*s%s left %" PRIu64 " %s, %s%s alive at exit; peak %s%s%s",
                 snapshot->program_length, snapshot->name, which, account->live_blocks,
                 account->live_blocks == 1 ? "block" : "blocks",
                 units_bytes(bytes, (double)account->live_bytes, false), error,
                 units_bytes(peak, (double)account->peak_bytes, false),
                 *found ? "; " : "", found);
    add_names(heap, symbols, report);
    if (account->truncated_stacks > 0)
        report_add_note(report, "%" PRIu64 " %s could not be walked to %s end",
                        account->truncated_stacks,
                        account->truncated_stacks == 1 ? "stack" : "stacks",
                        account->truncated_stacks == 1 ? "its" : "their");
    if (account->lost_blocks > 0)
        report_add_note(report, "%" PRIu64 " %s not known, for lack of memory",
                        account->lost_blocks, account->lost_blocks == 1 ? "block is" : "blocks are");
    return leaks;
}

/* Write DIRECTORY, or DIRECTORY/NAME, to OUT so that it can be typed at a shell. */
static void write_quoted(FILE *out, const char *directory, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._+-,:@%=";
    bool quote = strspn(directory, plain) != strlen(directory);

    fputs(quote ? " '" : " ", out);
    for (const char *at = directory; *at; at++) {
        if (*at == '\'')
            fputs("'\\''", out);
        else
            fputc(*at, out);
    }
    /* Nothing in a snapshot's own name needs it. */
    fprintf(out, "%s%s%s", name ? "/" : "", name ? name : "", quote ? "'" : "");
}

/* Is what SNAPSHOT of DIRECTORY knows still known to LAST? */
static bool is_remembered(const char *directory, const struct run_snapshot *snapshot,
                          const struct run_snapshot *last)
{
    const char *names[] = {snapshot->name, last->name};
    struct heap *heaps[2] = {NULL};
    bool remembered = true;

    for (size_t i = 0; i < 2 && remembered; i++) {
        struct error error;
        char *path;

        if (asprintf(&path, "%s/%s", directory, names[i]) < 0)
            return false;
        remembered = heap_peek(path, &heaps[i], &error) == 0;
        free(path);
    }
    remembered = remembered && heap_same_tracing(heaps[0], heaps[1]);
    heap_destroy(heaps[0]);
    heap_destroy(heaps[1]);
    return remembered;
}

/* Note what to type next: of several processes what leaks in each, or, if nobody knows that,
 * what they hold together; else the growth between the first and the last snapshot that the
 * program took; or what LEAKING, the snapshot at its exit (NULL: it does not leak), rests on; or
 * what the newest one holds. */
static void add_next(const char *directory, const struct run_snapshots *list, bool has_children,
                     bool has_graph, const struct run_snapshot *leaking, struct report *report)
{
    const struct run_snapshot *first = NULL, *last = NULL;
    char *text = NULL;
    size_t size;
    FILE *out;

    for (size_t i = 0; i < list->count; i++) {
        if (list->snapshots[i].at_exit)
            continue;
        if (!first)
            first = &list->snapshots[i];
        last = &list->snapshots[i];
    }
    while (first != last && !is_remembered(directory, first, last)) {
        do
            first++;
        while (first->at_exit);
    }
    if (first == last)
        last = &list->snapshots[list->count - 1];
    out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "%s ", program_invocation_name);
    if (has_children) {
        fputs(has_graph ? "leaks" : "stats", out);
        write_quoted(out, directory, NULL);
    } else if (first && first != last) {
        fputs("diff", out);
        write_quoted(out, directory, first->name);
        write_quoted(out, directory, last->name);
    } else if (leaking) {
        fputs("leaks --explain", out);
        write_quoted(out, directory, leaking->name);
    } else {
        fputs("stats", out);
        write_quoted(out, directory, last->name);
    }
    if (fclose(out) == 0)
        report_add_note(report, "next: %s", text);
    free(text);
}

/* The processes of the snapshots LIST in DIRECTORY; NULL if there is no saying. */
static struct snapshot_tree *find_processes(const char *directory, const struct run_snapshots *list)
{
    const char **names = calloc(list->count + 1, sizeof(*names));
    struct snapshot_tree *tree = NULL;
    struct error error;

    for (size_t i = 0; names && i < list->count; i++)
        names[i] = list->snapshots[i].name;
    if (list->count > 0 && names &&
        snapshot_tree_load_files(directory, names, list->count, &tree, &error) != 0)
        tree = NULL;
    free(names);
    return tree;
}

/* Note how many of the processes in TREE leak besides that of the snapshot MAIN, unless there is
 * much to look at. */
static void add_others(const struct snapshot_tree *tree, const char *main, struct report *report)
{
    size_t others = 0, known = 0, leaking = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < tree->process_count; i++) {
        const char *path = tree->processes[i].last->path, *slash = strrchr(path, '/');
        struct stat status;
        int leaks;

        if (strcmp(slash ? slash + 1 : path, main) == 0)
            continue;
        others++;
        if (stat(path, &status) < 0 || bytes + (uint64_t)status.st_size > OTHERS_BYTES)
            continue;
        bytes += (uint64_t)status.st_size;
        leaks = count_leaks(path);
        known += leaks >= 0;
        leaking += leaks > 0;
    }
    if (known < others)
        report_add_note(report, "%zu of the %zu other %s %s; of %zu that is not known", leaking,
                        others, others == 1 ? "process" : "processes",
                        leaking == 1 ? "leaks" : "leak", others - known);
    else
        report_add_note(report, "%zu of the %zu other %s %s", leaking, others,
                        others == 1 ? "process" : "processes", leaking == 1 ? "leaks" : "leak");
}

/* Note what all processes of TREE hold. */
static void add_processes(const struct snapshot_tree *tree, struct report *report)
{
    uint64_t blocks = 0, bytes = 0;
    char text[UNITS_SIZE];

    for (size_t i = 0; i < tree->process_count; i++) {
        blocks += tree->processes[i].last->account->live_blocks;
        bytes += tree->processes[i].last->account->live_bytes;
    }
    report_add_note(report,
                    "all %zu processes together: %" PRIu64 " %s, %s alive in their last snapshots",
                    tree->process_count, blocks, blocks == 1 ? "block" : "blocks",
                    units_bytes(text, (double)bytes, false));
}

static const struct run_snapshot *exit_snapshot(const struct run_snapshots *list)
{
    const struct run_snapshot *found = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (list->snapshots[i].at_exit && list->snapshots[i].is_main)
            found = &list->snapshots[i];
    }
    return found;
}

void run_summary_print(const struct run_end *end, const char *directory,
                       const struct run_snapshots *list, enum run_summary_form form)
{
    struct report *report = report_create();
    const struct run_snapshot *last = exit_snapshot(list);
    struct error error = {"out of memory"};
    struct symbols *symbols = NULL;
    struct snapshot_tree *tree;
    struct heap *heap = NULL;
    char *path = NULL;
    bool leaks = false;
    size_t processes;

    if (!report)
        return;
    tree = find_processes(directory, list);
    processes = tree ? tree->process_count : 0;
    report_title(report, "heapdelta: %s has ended", end->program);
    if (!last) {
        add_why_none(end, report);
    } else if (asprintf(&path, "%s/%s", directory, last->name) >= 0 &&
               heap_load_with_edges(path, &heap, &error) == 0 && (symbols = symbols_create(heap))) {
        leaks = add_heap(last, heap, processes, symbols, form == RUN_SUMMARY_TEXT, report);
        if (end->has_pools)
            report_add_note(report, "m" KNOWN_PYTHON_POOLS);
    } else {
        report_add_note(report, "%s", error.text);
    }
    if (list->count > 0) {
        if (processes > 1) {
            add_others(tree, last ? last->name : "", report);
            add_processes(tree, report);
        }
        if (end->snapshots_before > 0)
            report_add_note(report,
                            "%zu snapshot%s in %s, beside %zu of before: name files there, not the "
                            "directory",
                            list->count, list->count == 1 ? "" : "s", directory,
                            end->snapshots_before);
        else
            report_add_note(report, "%zu snapshot%s in %s", list->count,
                            list->count == 1 ? "" : "s", directory);
        add_next(directory, list, processes > 1, heap && heap->has_edges,
                 leaks ? last : NULL, report);
    }
    if (form == RUN_SUMMARY_JSON)
        json_print(stderr, &report, 1);
    else
        text_print(stderr, report, 0); /* a line each, for there are to be few */
    report_destroy(report);
    snapshot_tree_destroy(tree);
    symbols_destroy(symbols);
    heap_destroy(heap);
    free(path);
}
