#include "model/snapshot_tree.h"

#include "format/snapshot.h"

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
    if (result == 0 && tree->snapshot_count == 0)
        result = error_set(error, -ENOENT, "%s: there is no %ssnapshot in this directory",
                           directory, tree->merged_count ? "single " : "");
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
           head->process->trigger == SNAPSHOT_BY_SIGNAL;
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

/* The parent of process NUMBER among the older ones: by its run, else the youngest that
 * has the PID. */
static size_t find_parent(const struct snapshot_tree *tree, size_t number)
{
    const struct snapshot_process *child = tree->processes[number].last->process;
    size_t found = SNAPSHOT_TREE_NONE;

    for (size_t i = number; i-- > 0;) {
        const struct snapshot_process *process = tree->processes[i].last->process;

        if (memcmp(process->run, child->parent_run, sizeof(process->run)) == 0)
            return i;
        if (found == SNAPSHOT_TREE_NONE && process->pid == child->parent_pid)
            found = i;
    }
    return found;
}

/* Put the processes, which are sorted by age, in the order of the tree. ORDER and
 * SORTED have room for all of them. */
static void order_processes(struct snapshot_tree *tree, size_t *order,
                            struct snapshot_tree_process *sorted)
{
    size_t count = 0, children = 0;
    size_t *stack = order + tree->process_count; /* what is to come, the next one last */
    size_t *place = stack + tree->process_count; /* in the new order */

    for (size_t i = 0; i < tree->process_count; i++)
        tree->processes[i].parent = find_parent(tree, i);
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
        for (size_t i = tree->process_count; i-- > number + 1;) {
            if (tree->processes[i].parent == number)
                stack[children++] = i;
        }
    }
    memcpy(tree->processes, sorted, count * sizeof(*sorted));
}

int snapshot_tree_load(const char *directory, struct snapshot_tree **out_tree, struct error *error)
{
    struct snapshot_tree *tree = calloc(1, sizeof(*tree));
    struct snapshot_tree_process *sorted = NULL;
    size_t *order = NULL;
    int result = tree ? read_directory(tree, directory, error) : no_memory(directory, error);

    if (result != 0)
        goto fail;
    tree->processes = calloc(tree->snapshot_count, sizeof(*tree->processes));
    sorted = calloc(tree->snapshot_count, sizeof(*sorted));
    order = calloc(tree->snapshot_count, 3 * sizeof(*order));
    if (!tree->processes || !sorted || !order) {
        result = no_memory(directory, error);
        goto fail;
    }
    qsort(tree->heads, tree->snapshot_count, sizeof(struct heap *), compare_heads);
    collect_processes(tree);
    qsort(tree->processes, tree->process_count, sizeof(*tree->processes), compare_ages);
    order_processes(tree, order, sorted);
    *out_tree = tree;
    tree = NULL;
fail:
    snapshot_tree_destroy(tree);
    free(sorted);
    free(order);
    return result;
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
