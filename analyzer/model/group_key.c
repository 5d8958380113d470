#include "model/group_key.h"

#include "model/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const key_names[GROUP_KEYS] = {
    [GROUP_LINENO] = "lineno",       [GROUP_FILENAME] = "filename", [GROUP_FUNCTION] = "function",
    [GROUP_TRACEBACK] = "traceback", [GROUP_MODULE] = "module",     [GROUP_THREAD] = "thread",
    [GROUP_SIZE] = "size",           [GROUP_TYPE] = "type",         [GROUP_DOMAIN] = "domain",
    [GROUP_PROGRAM] = "program",     [GROUP_PROCESS] = "process",
};

#define SIZE_CLASS_FIRST 16 /* bytes: the largest of the first class, without that of nothing */

/* Order of A and B, NULL before every text. */
static int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return a == b ? 0 : text_compare(a, b);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* As Python compares tuples: the first difference, else the shorter one first. */
static int compare_frames(const struct group *a, const struct group *b)
{
    uint32_t count = a->frame_count < b->frame_count ? a->frame_count : b->frame_count;

    for (uint32_t i = 0; i < count; i++) {
        int order = compare_texts(a->frames[i].file, b->frames[i].file);

        if (!order)
            order = compare_numbers(a->frames[i].line, b->frames[i].line);
        if (order)
            return order;
    }
    return compare_numbers(a->frame_count, b->frame_count);
}

int group_compare(enum group_key key, const struct group *a, const struct group *b)
{
    int order = 0;

    switch (key) {
    case GROUP_LINENO:
    case GROUP_FILENAME:
        order = compare_texts(a->file, b->file);
        return order ? order : compare_numbers(a->line, b->line);
    case GROUP_SIZE:
        return compare_numbers(a->size_min, b->size_min);
    case GROUP_TYPE:
        return compare_texts(a->type, b->type);
    case GROUP_DOMAIN:
        return compare_numbers(a->domain, b->domain);
    case GROUP_THREAD:
        order = compare_texts(a->thread_name, b->thread_name);
        if (!order)
            order = compare_numbers(a->tid, b->tid);
        if (order)
            return order;
        /* fall through */
    case GROUP_FUNCTION:
        order = compare_texts(a->function, b->function);
        return order ? order : compare_texts(a->module, b->module);
    case GROUP_MODULE:
        return compare_texts(a->module, b->module);
    case GROUP_PROGRAM:
    case GROUP_PROCESS:
        order = compare_texts(a->program, b->program);
        return order ? order : compare_numbers(a->pid, b->pid);
    case GROUP_TRACEBACK:
        if (memcmp(&a->id, &b->id, sizeof(a->id)) == 0)
            return 0;
        if (a->frames && b->frames)
            return compare_frames(a, b);
        order = stack_id_order(a->heap, a->heap->stacks[a->stack].frame, b->heap,
                               b->heap->stacks[b->stack].frame);
        /* Builds of one module may differ where names and offsets do not. */
        return order ? order : memcmp(&a->id, &b->id, sizeof(a->id));
    case GROUP_KEYS:
        break;
    }
    return 0;
}

void group_size_class(uint64_t size, uint64_t *out_min, uint64_t *out_max)
{
    uint64_t max = SIZE_CLASS_FIRST;

    if (size == 0) {
        *out_min = *out_max = 0;
        return;
    }
    while (max < size && max < 1ul << 63)
        max *= 2;
    *out_min = max == SIZE_CLASS_FIRST ? 1 : size > max ? max + 1 : max / 2 + 1;
    *out_max = size > max ? UINT64_MAX : max;
}

const char *group_key_name(enum group_key key)
{
    return key_names[key];
}

bool group_key_of_frames(enum group_key key)
{
    return key == GROUP_LINENO || key == GROUP_FILENAME || key == GROUP_FUNCTION ||
           key == GROUP_MODULE;
}

bool group_key_of_blocks(enum group_key key)
{
    return key == GROUP_SIZE || key == GROUP_TYPE;
}

int group_key_find(const char *name, enum group_key *out_key)
{
    for (int i = 0; i < GROUP_KEYS; i++) {
        if (strcmp(name, key_names[i]) == 0) {
            *out_key = (enum group_key)i;
            return 0;
        }
    }
    return -EINVAL;
}

void group_name(enum group_key key, const struct group *group, char *buffer, size_t size)
{
    char line[16] = "";

    switch (key) {
    case GROUP_LINENO:
        if (group->is_place) { /* which names the function already */
            snprintf(buffer, size, "%s", group->file);
            break;
        }
        snprintf(line, sizeof(line), ":%" PRIu32, group->line);
        if (group->function)
            snprintf(buffer, size, "%s%s (%s%s)", group->file, line, group->function,
                     group->several_functions ? ", …" : "");
        else
            snprintf(buffer, size, "%s%s", group->file, line);
        break;
    case GROUP_FILENAME:
        snprintf(buffer, size, "%s", group->file);
        break;
    case GROUP_FUNCTION:
        if (group->module && !group->is_place)
            snprintf(buffer, size, "%s [%s]", group->function, group->module);
        else
            snprintf(buffer, size, "%s", group->function);
        break;
    case GROUP_MODULE:
        snprintf(buffer, size, "%s", group->module ? group->module : "<unknown>");
        break;
    case GROUP_THREAD:
        snprintf(buffer, size, "%s%s%s", group->thread_name ? group->thread_name : "",
                 group->thread_name ? ": " : "", group->function);
        break;
    case GROUP_SIZE:
        snprintf(buffer, size, "%" PRIu64 " to %" PRIu64 " bytes", group->size_min,
                 group->size_max);
        break;
    case GROUP_TYPE:
        snprintf(buffer, size, "%s", group->type ? group->type : "<unknown>");
        break;
    case GROUP_DOMAIN:
        snprintf(buffer, size, "domain %" PRIu32, group->domain);
        break;
    case GROUP_TRACEBACK:
        snprintf(buffer, size, "stack %" PRIu32, group->stack);
        break;
    case GROUP_PROGRAM:
        snprintf(buffer, size, "%s", group->program);
        break;
    case GROUP_PROCESS:
        snprintf(buffer, size, "%s (process %" PRIu32 ")", group->program, group->pid);
        break;
    case GROUP_KEYS:
        snprintf(buffer, size, "%s", "");
        break;
    }
}
