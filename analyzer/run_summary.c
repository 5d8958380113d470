#include "run_summary.h"

#include "format/snapshot.h"
#include "model/group.h"
#include "model/heap.h"
#include "model/symbols.h"
#include "views/units.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HOLDERS_SHOWN 5
#define MODULES_SHOWN 3 /* of those that lack lines */

/* Whether NAME is PROGRAM.PID.SEQ[.LABEL].hds; PROGRAM may have dots and digits
 * of its own. */
static bool is_snapshot(const char *name, pid_t pid, bool *out_at_exit)
{
    const char *suffix = strrchr(name, '.');
    char middle[32];

    if (!suffix || strcmp(suffix, ".hds") != 0)
        return false;
    snprintf(middle, sizeof middle, ".%d.", (int)pid);
    for (const char *at = strstr(name, middle); at; at = strstr(at + 1, middle)) {
        const char *sequence = at + strlen(middle);
        const char *rest = sequence + strspn(sequence, "0123456789");

        if (rest - sequence >= 4 && *rest == '.') {
            *out_at_exit = strcmp(rest, ".exit.hds") == 0;
            return true;
        }
    }
    return false;
}

static bool contains(const struct run_snapshots *list, const char *name)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (strcmp(list->snapshots[i].name, name) == 0)
            return true;
    }
    return false;
}

static int compare_age(const void *a, const void *b)
{
    const struct run_snapshot *one = a, *other = b;

    if (one->time.tv_sec != other->time.tv_sec)
        return one->time.tv_sec < other->time.tv_sec ? -1 : 1;
    if (one->time.tv_nsec != other->time.tv_nsec)
        return one->time.tv_nsec < other->time.tv_nsec ? -1 : 1;
    return strcmp(one->name, other->name); /* by SEQ, within a tick of the clock */
}

void run_snapshots_find(const char *directory, pid_t pid, const struct run_snapshots *before,
                        struct run_snapshots *out_list)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;

    *out_list = (struct run_snapshots){0};
    while (stream && (entry = readdir(stream))) {
        struct run_snapshot found = {0};
        struct run_snapshot *longer;
        struct stat status;

        if (!is_snapshot(entry->d_name, pid, &found.at_exit) || contains(before, entry->d_name) ||
            fstatat(dirfd(stream), entry->d_name, &status, 0) < 0)
            continue;
        longer = realloc(out_list->snapshots, (out_list->count + 1) * sizeof *longer);
        if (!longer)
            break;
        out_list->snapshots = longer;
        found.name = strdup(entry->d_name);
        if (!found.name)
            break;
        found.time = status.st_mtim;
        longer[out_list->count++] = found;
    }
    if (stream)
        closedir(stream);
    if (out_list->count > 1)
        qsort(out_list->snapshots, out_list->count, sizeof *out_list->snapshots, compare_age);
}

void run_snapshots_finish(struct run_snapshots *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->snapshots[i].name);
    free(list->snapshots);
    *list = (struct run_snapshots){0};
}

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

/* Print one of the modules that lack lines, and what would give them. */
static void print_lineless_module(const struct heap *heap, struct symbols *symbols, size_t module)
{
    const char *path, *slash, *package;

    if (module == heap->module_count) {
        fputs(" code outside of any file", stderr);
        return;
    }
    path = heap->modules[module].path;
    slash = strrchr(path, '/');
    package = symbols_module(symbols, module).debug_package;
    fprintf(stderr, " %s", slash ? slash + 1 : path);
    if (package)
        fprintf(stderr, " (install %s)", package);
}

/* Which share of the bytes in LIST has no line. */
static void print_lineless(const struct heap *heap, struct symbols *symbols,
                           const struct group_list *list)
{
    struct lineless *modules = calloc(heap->module_count + 1, sizeof *modules);
    uint64_t size = 0;
    double share;

    if (!modules)
        return;
    for (size_t i = 0; i <= heap->module_count; i++)
        modules[i].module = i;
    for (size_t i = 0; i < list->count; i++) {
        const struct group *group = &list->groups[i];

        if (!group->is_place)
            continue;
        size += group->size;
        modules[group_module(heap, symbols, group)].size += group->size;
    }
    if (size > 0) {
        qsort(modules, heap->module_count + 1, sizeof *modules, compare_lineless);
        share = 100.0 * (double)size / (double)list->size;
        fprintf(stderr, "  %.*f %% of the bytes have no line:", share < 10 ? 1 : 0, share);
        for (size_t i = 0; i < MODULES_SHOWN && i <= heap->module_count && modules[i].size; i++) {
            fputs(i ? "," : "", stderr);
            print_lineless_module(heap, symbols, modules[i].module);
        }
        fputc('\n', stderr);
    }
    free(modules);
}

static void print_holders(const struct heap *heap, struct symbols *symbols)
{
    const struct group_options options = {.key = GROUP_LINENO};
    struct group_list *list = group_create(heap, symbols, &options);

    if (!list)
        return;
    if (list->count > 0)
        fputs("  largest holders:\n", stderr);
    for (size_t i = 0; i < list->count && i < HOLDERS_SHOWN; i++) {
        char name[256], size[UNITS_SIZE];

        group_name(list->key, &list->groups[i], name, sizeof name);
        fprintf(stderr, "    %10s  count=%-8" PRIu64 " %s\n",
                units_bytes(size, (double)list->groups[i].size, false), list->groups[i].count,
                name);
    }
    print_lineless(heap, symbols, list);
    group_destroy(list);
}

/* Why a program that ended with STATUS has left no snapshot at its exit. */
static void print_why_none(int status)
{
    if (WIFSIGNALED(status))
        fprintf(stderr, "  no snapshot at exit: signal %d (%s) ended the program\n",
                WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        fputs("  no snapshot at exit: the program left without its exit functions (exit_group,\n"
              "  abort), became one that can't be traced, or the file could not be written\n",
              stderr);
}

static void print_exit_snapshot(const char *program, const char *directory, const char *name)
{
    struct error error = {""};
    struct heap *heap = NULL;
    struct symbols *symbols;
    char bytes[UNITS_SIZE], peak[UNITS_SIZE];
    char *path;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return;
    if (heap_load(path, &heap, &error) < 0) {
        fprintf(stderr, "heapdelta: %s\n", error.text);
        free(path);
        return;
    }
    fprintf(stderr, "heapdelta: %s left %" PRIu64 " blocks, %s alive at exit; peak %s\n", program,
            heap->account->live_blocks,
            units_bytes(bytes, (double)heap->account->live_bytes, false),
            units_bytes(peak, (double)heap->account->peak_bytes, false));
    symbols = symbols_create(heap);
    if (symbols) {
        print_holders(heap, symbols);
        symbols_destroy(symbols);
    }
    if (heap->account->truncated_stacks > 0)
        fprintf(stderr, "  %" PRIu64 " stacks could not be walked to their end\n",
                heap->account->truncated_stacks);
    if (heap->account->lost_blocks > 0)
        fprintf(stderr, "  %" PRIu64 " blocks are not known, for lack of memory\n",
                heap->account->lost_blocks);
    heap_destroy(heap);
    free(path);
}

/* Print DIRECTORY/NAME so that it can be typed at a shell. */
static void print_quoted(const char *directory, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._+-,:@%=";
    bool quote = strspn(directory, plain) != strlen(directory);

    if (quote)
        fputc('\'', stderr);
    for (const char *at = directory; *at; at++) {
        if (*at == '\'')
            fputs("'\\''", stderr);
        else
            fputc(*at, stderr);
    }
    /* Nothing in a snapshot's own name needs it. */
    fprintf(stderr, "/%s%s", name, quote ? "'" : "");
}

/* What to type next: the growth between the first and the last snapshot that the
 * program took, else what the newest one holds. */
static void print_next(const char *directory, const struct run_snapshots *list)
{
    const struct run_snapshot *first = NULL, *last = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (list->snapshots[i].at_exit)
            continue;
        if (!first)
            first = &list->snapshots[i];
        last = &list->snapshots[i];
    }
    if (first == last)
        last = &list->snapshots[list->count - 1];
    fprintf(stderr, "  next: %s ", program_invocation_name);
    if (first && first != last) {
        fputs("diff ", stderr);
        print_quoted(directory, first->name);
    } else {
        fputs("stats", stderr);
    }
    fputc(' ', stderr);
    print_quoted(directory, last->name);
    fputc('\n', stderr);
}

void run_summary_print(const char *program, const char *directory, const struct run_snapshots *list,
                       int status)
{
    const char *at_exit = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (list->snapshots[i].at_exit)
            at_exit = list->snapshots[i].name;
    }
    if (at_exit) {
        print_exit_snapshot(program, directory, at_exit);
    } else {
        fprintf(stderr, "heapdelta: %s has ended\n", program);
        print_why_none(status);
    }
    if (list->count == 0)
        return;
    fprintf(stderr, "  %zu snapshot%s in %s\n", list->count, list->count == 1 ? "" : "s",
            directory);
    print_next(directory, list);
}
