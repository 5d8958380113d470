#include "model/snapshot_tree.h"

#include "format/snapshot.h"
#include "model/progress.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(const char *directory, struct error *error)
{
    return error_set(error, -ENOMEM, "%s: not enough memory for its snapshots", directory);
}

static bool is_snapshot(const char *name)
{
    size_t length = strlen(name);

    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".hds") == 0;
}

/* Add the snapshot NAME to TREE. */
static int add_file(struct snapshot_tree *tree, const char *directory, const char *name,
                    struct error *error)
{
    size_t length = strlen(directory);
    struct heap **heads, *head;
    char *path;
    int result;

    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (asprintf(&path, "%.*s%s%s", (int)length, directory, directory[length - 1] == '/' ? "" : "/",
                 name) < 0)
        return no_memory(directory, error);
    result = heap_peek(path, &head, error);
    free(path);
    if (result == -ENOENT)
        return 0; /* gone meanwhile: of many, a running program keeps some */
    if (result != 0)
        return result;
    if (head->is_merged) {
        heap_destroy(head);
        tree->merged_count++;
        return 0;
    }
    heads = reallocarray(tree->heads, tree->snapshot_count + 1, sizeof(*heads));
    if (!heads) {
        heap_destroy(head);
        return no_memory(directory, error);
    }
    tree->heads = heads;
    heads[tree->snapshot_count++] = head;
    return 0;
}

static int read_directory(struct snapshot_tree *tree, const char *directory, struct error *error)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    int result = 0;

    if (!stream)
        return error_set(error, -errno, "%s: %s", directory, strerror(errno));
    while (result == 0 && (errno = 0, entry = readdir(stream))) {
        if (is_snapshot(entry->d_name))
            result = add_file(tree, directory, entry->d_name, error);
    }
    if (result == 0 && errno)
        result = error_set(error, -errno, "%s: %s", directory, strerror(errno));
    closedir(stream);
    return result;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_runs(const struct heap *a, const struct heap *b)
{
    return memcmp(a->process->run, b->process->run, sizeof(a->process->run));
}

/* The order of snapshots: by PID, then the images by age, then those of an image. */
static int compare_heads(const void *a, const void *b)
{
    const struct heap *left = *(struct heap *const *)a, *right = *(struct heap *const *)b;
    int order = compare_numbers(left->process->pid, right->process->pid);

    if (!order)
        order = compare_numbers(left->process->start_time, right->process->start_time);
    if (!order)
        order = compare_runs(left, right);
    if (!order)
        order = compare_numbers(left->process->time, right->process->time);
    if (!order)
        order = compare_numbers(left->process->sequence, right->process->sequence);
    return order ? order : strcmp(left->path, right->path);
}

static bool has_ended(const struct heap *head)
{
    return head->process->trigger == SNAPSHOT_AT_EXIT ||
           head->process->trigger == SNAPSHOT_BY_SIGNAL ||
           head->process->trigger == SNAPSHOT_BEFORE_SECCOMP;
}

/* Is IMAGE, which is the younger one, the same process as the snapshot LAST of another
 * run, after an exec? */
static bool is_continued(const struct heap *last, const struct heap *image)
{
    return last->process->pid == image->process->pid && !has_ended(last) &&
           image->process->exec_count > last->process->exec_count;
}

/* Put the sorted snapshots of TREE together to processes. */
static void collect_processes(struct snapshot_tree *tree)
{
    for (size_t i = 0; i < tree->snapshot_count; i++) {
        const struct heap *head = tree->heads[i];
        struct snapshot_tree_process *process = NULL;

        if (tree->process_count > 0)
            process = &tree->processes[tree->process_count - 1];
        if (!process ||
            (compare_runs(process->last, head) != 0 && !is_continued(process->last, head))) {
            process = &tree->processes[tree->process_count++];
            *process = (struct snapshot_tree_process){.first = head};
        } else if (compare_runs(process->last, head) != 0) {
            process->first = head;
        }
        process->last = head;
        process->snapshot_count++;
        if (head->account->peak_bytes > process->peak_bytes)
            process->peak_bytes = head->account->peak_bytes;
    }
}

static int compare_ages(const void *a, const void *b)
{
    const struct snapshot_tree_process *left = a, *right = b;
    int order = compare_numbers(left->last->process->start_time, right->last->process->start_time);

    return order ? order : compare_heads(&left->last, &right->last);
}

/* May PARENT, by PID and time, be the process that forked CHILD? If it has called exec, it
 * is older than its last image. */
static bool may_be_parent(const struct heap *parent, const struct snapshot_process *child)
{
    const struct snapshot_process *process = parent->process;

    return process->pid == child->parent_pid &&
           (process->start_time <= child->start_time || process->exec_count > 0) &&
           !(has_ended(parent) && process->time < child->start_time);
}

/* The parent of process NUMBER: by its run, else by its PID, of several the youngest one
 * that is older, or the oldest that is younger. */
static size_t find_parent(const struct snapshot_tree *tree, size_t number)
{
    const struct snapshot_process *child = tree->processes[number].last->process;
    size_t found = SNAPSHOT_TREE_NONE;

    for (size_t i = 0; i < tree->process_count; i++) {
        const struct heap *last = tree->processes[i].last;

        if (i == number)
            continue;
        if (memcmp(last->process->run, child->parent_run, sizeof(child->parent_run)) == 0)
            return i;
        if (may_be_parent(last, child) && (i < number || found == SNAPSHOT_TREE_NONE))
            found = i;
    }
    return found;
}

static void find_parents(struct snapshot_tree *tree)
{
    for (size_t i = 0; i < tree->process_count; i++)
        tree->processes[i].parent = find_parent(tree, i);
    /* Hostile files may go round in circles. */
    for (size_t i = 0; i < tree->process_count; i++) {
        size_t steps = 0, at = i;

        while (at != SNAPSHOT_TREE_NONE && steps++ <= tree->process_count)
            at = tree->processes[at].parent;
        if (at != SNAPSHOT_TREE_NONE)
            tree->processes[i].parent = SNAPSHOT_TREE_NONE;
    }
}

/* Put the processes, which are sorted by age, in the order of the tree. ORDER and
 * SORTED have room for all of them. */
static void order_processes(struct snapshot_tree *tree, size_t *order,
                            struct snapshot_tree_process *sorted)
{
    size_t count = 0, children = 0;
    size_t *stack = order + tree->process_count; /* what is to come, the next one last */
    size_t *place = stack + tree->process_count; /* in the new order */

    for (size_t i = tree->process_count; i-- > 0;) {
        if (tree->processes[i].parent == SNAPSHOT_TREE_NONE)
            stack[children++] = i;
    }
    while (children > 0) {
        size_t number = stack[--children];
        struct snapshot_tree_process *process = &sorted[count];

        *process = tree->processes[number];
        place[number] = count++;
        if (process->parent != SNAPSHOT_TREE_NONE) {
            process->parent = place[process->parent];
            process->depth = sorted[process->parent].depth + 1;
        }
        for (size_t i = tree->process_count; i-- > 0;) {
            if (tree->processes[i].parent == number)
                stack[children++] = i;
        }
    }
    memcpy(tree->processes, sorted, count * sizeof(*sorted));
}

/* Make processes of the snapshots in TREE. */
static int finish(struct snapshot_tree *tree, const char *directory, struct error *error)
{
    struct snapshot_tree_process *sorted = calloc(tree->snapshot_count, sizeof(*sorted));
    size_t *order = calloc(tree->snapshot_count, 3 * sizeof(*order));
    int result = 0;

    tree->processes = calloc(tree->snapshot_count, sizeof(*tree->processes));
    if (tree->processes && sorted && order) {
        qsort(tree->heads, tree->snapshot_count, sizeof(struct heap *), compare_heads);
        collect_processes(tree);
        qsort(tree->processes, tree->process_count, sizeof(*tree->processes), compare_ages);
        find_parents(tree);
        order_processes(tree, order, sorted);
    } else {
        result = no_memory(directory, error);
    }
    free(sorted);
    free(order);
    return result;
}

/* Load the COUNT files NAMES in DIRECTORY, or if NAMES is NULL all snapshots in it. */
static int load(const char *directory, const char *const *names, size_t count,
                struct snapshot_tree **out_tree, struct error *error)
{
    struct snapshot_tree *tree = calloc(1, sizeof(*tree));
    struct progress *progress;
    int result = 0;

    if (!tree)
        return no_memory(directory, error);
    progress = progress_begin(count, "looking through %s", directory);
    if (!names)
        result = read_directory(tree, directory, error);
    for (size_t i = 0; names && result == 0 && i < count; i++)
        result = add_file(tree, directory, names[i], error);
    if (result == 0 && tree->snapshot_count == 0)
        result = error_set(error, -ENOENT, "%s: there is no %ssnapshot in this directory",
                           directory, tree->merged_count ? "single " : "");
    if (result == 0)
        result = finish(tree, directory, error);
    progress_end(progress);
    if (result != 0) {
        snapshot_tree_destroy(tree);
        return result;
    }
    *out_tree = tree;
    return 0;
}

int snapshot_tree_load(const char *directory, struct snapshot_tree **out_tree, struct error *error)
{
    return load(directory, NULL, 0, out_tree, error);
}

int snapshot_tree_load_files(const char *directory, const char *const *names, size_t count,
                             struct snapshot_tree **out_tree, struct error *error)
{
    return load(directory, names, count, out_tree, error);
}

void snapshot_tree_destroy(struct snapshot_tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->snapshot_count; i++)
        heap_destroy(tree->heads[i]);
    free(tree->heads);
    free(tree->processes);
    free(tree);
}
