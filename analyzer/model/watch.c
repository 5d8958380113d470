#include "model/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stack {
    struct watch_value now, before, first, base;
    uint64_t course[WATCH_COURSE]; /* a ring, at watch.newest */
};

struct watch {
    struct stack *stacks;
    size_t count, room;
    uint64_t time, interval; /* ns: of the last moment, and since the one before; 0: none */
    size_t newest, moments;
};

struct watch *watch_create(void)
{
    return calloc(1, sizeof(struct watch));
}

void watch_destroy(struct watch *watch)
{
    if (watch)
        free(watch->stacks);
    free(watch);
}

/* Have room for COUNT stacks; what is new is zeroed. */
static int make_room(struct watch *watch, size_t count)
{
    size_t room = watch->room ? watch->room : 64;
    struct stack *stacks;

    while (room < count)
        room *= 2;
    if (room == watch->room)
        return 0;
    stacks = reallocarray(watch->stacks, room, sizeof(*stacks));
    if (!stacks)
        return -ENOMEM;
    memset(stacks + watch->room, 0, (room - watch->room) * sizeof(*stacks));
    watch->stacks = stacks;
    watch->room = room;
    return 0;
}

/* A new moment: the time since the last one, and its place in the rings. */
static void advance(struct watch *watch, uint64_t time)
{
    watch->interval = watch->moments > 0 && time > watch->time ? time - watch->time : 0;
    watch->time = time;
    watch->newest = (watch->newest + 1) % WATCH_COURSE;
    if (watch->moments < WATCH_COURSE)
        watch->moments++;
}

int watch_take(struct watch *watch, uint64_t time, const struct watch_value *values, size_t count)
{
    bool is_first = watch->moments == 0;

    if (make_room(watch, count) < 0)
        return -ENOMEM;
    watch->count = count;
    advance(watch, time);
    for (size_t i = 0; i < count; i++) {
        struct stack *stack = &watch->stacks[i];

        stack->before = is_first ? values[i] : stack->now;
        if (values[i].allocations < stack->before.allocations) /* counted anew from nothing */
            stack->before = stack->first = stack->base = (struct watch_value){0};
        stack->now = values[i];
        if (is_first)
            stack->first = stack->base = values[i];
        stack->course[watch->newest] = values[i].bytes;
    }
    return 0;
}

void watch_repeat(struct watch *watch, uint64_t time)
{
    if (watch->moments == 0)
        return;
    advance(watch, time);
    for (size_t i = 0; i < watch->count; i++) {
        struct stack *stack = &watch->stacks[i];

        stack->before = stack->now;
        stack->course[watch->newest] = stack->now.bytes;
    }
}

void watch_mark(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->stacks[i].base = watch->stacks[i].now;
}

void watch_unmark(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->stacks[i].base = watch->stacks[i].first;
}

bool watch_has_rates(const struct watch *watch)
{
    return watch->interval > 0;
}

struct watch_value watch_stack(const struct watch *watch, uint32_t stack)
{
    return stack < watch->count ? watch->stacks[stack].now : (struct watch_value){0};
}

/* Is A the larger one, by what it holds, then by what it has allocated? */
static bool is_larger(const struct watch_value *a, const struct watch_value *b)
{
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes;
    return a->allocated > b->allocated;
}

/* Count the stack NUMBER to ROW. */
static void add_stack(const struct watch *watch, uint32_t number, struct watch_row *row)
{
    const struct stack *stack = &watch->stacks[number];
    double seconds = (double)watch->interval / 1e9;

    if (row->stacks++ == 0 || is_larger(&stack->now, &watch->stacks[row->largest].now))
        row->largest = number;
    row->now.bytes += stack->now.bytes;
    row->now.blocks += stack->now.blocks;
    row->now.allocated += stack->now.allocated;
    row->now.allocations += stack->now.allocations;
    row->growth += (int64_t)(stack->now.bytes - stack->base.bytes);
    row->block_growth += (int64_t)(stack->now.blocks - stack->base.blocks);
    if (seconds > 0) {
        row->rate += (double)(stack->now.allocated - stack->before.allocated) / seconds;
        row->allocation_rate +=
            (double)(stack->now.allocations - stack->before.allocations) / seconds;
    }
    for (size_t i = 0; i < watch->moments; i++)
        row->course[WATCH_COURSE - 1 - i] +=
            stack->course[(watch->newest + WATCH_COURSE - i) % WATCH_COURSE];
}

struct ordering {
    enum watch_order order;
    const char *const *names;
};

static int compare_doubles(double a, double b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct watch_row *left = a, *right = b;
    const struct ordering *ordering = context;
    int result = 0;

    switch (ordering->order) {
    case WATCH_BY_GROWTH:
        result = compare_doubles((double)left->growth, (double)right->growth);
        break;
    case WATCH_BY_RATE:
        result = compare_doubles(left->rate, right->rate);
        break;
    case WATCH_BY_BLOCKS:
        result = compare_doubles((double)left->now.blocks, (double)right->now.blocks);
        break;
    case WATCH_BY_ALLOCATIONS:
        result = compare_doubles(left->allocation_rate, right->allocation_rate);
        break;
    case WATCH_BY_NAME:
        result = strcmp(ordering->names[left->name], ordering->names[right->name]);
        break;
    case WATCH_BY_LIVE:
    case WATCH_ORDERS:
        break;
    }
    if (result == 0)
        result = compare_doubles((double)left->now.bytes, (double)right->now.bytes);
    if (result == 0)
        result = compare_doubles((double)left->now.allocated, (double)right->now.allocated);
    return result ? result : left->name < right->name ? -1 : 1;
}

static bool passes(const char *name, const char *filter)
{
    return !filter || strcasestr(name, filter);
}

long watch_rows(const struct watch *watch, const uint32_t *row_of, const char *const *names,
                size_t name_count, const char *filter, enum watch_order order,
                struct watch_row **out_rows, struct watch_row *out_total)
{
    struct watch_row *rows = calloc(name_count + 1, sizeof(*rows));
    struct ordering ordering = {order, names};
    long count = 0;

    if (!rows)
        return -ENOMEM;
    *out_total = (struct watch_row){0};
    for (uint32_t i = 0; i < watch->count; i++) {
        uint32_t name = row_of[i];

        if (name == 0 || watch->stacks[i].now.allocations == 0 || !passes(names[name], filter))
            continue;
        add_stack(watch, i, &rows[name]);
        add_stack(watch, i, out_total);
    }
    for (uint32_t i = 1; i < name_count; i++) {
        if (rows[i].stacks == 0)
            continue;
        rows[i].name = i;
        rows[count++] = rows[i];
    }
    qsort_r(rows, (size_t)count, sizeof(*rows), compare_rows, &ordering);
    *out_rows = rows;
    return count;
}

static int compare_stacks(const void *a, const void *b, void *context)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const struct watch *watch = context;

    if (is_larger(&watch->stacks[left].now, &watch->stacks[right].now))
        return -1;
    if (is_larger(&watch->stacks[right].now, &watch->stacks[left].now))
        return 1;
    return left < right ? -1 : 1;
}

long watch_stacks(const struct watch *watch, const uint32_t *row_of, uint32_t name,
                  uint32_t **out_stacks)
{
    uint32_t *stacks = calloc(watch->count + 1, sizeof(*stacks));
    long count = 0;

    if (!stacks)
        return -ENOMEM;
    for (uint32_t i = 0; i < watch->count; i++)
        if (row_of[i] == name && watch->stacks[i].now.allocations > 0)
            stacks[count++] = i;
    qsort_r(stacks, (size_t)count, sizeof(*stacks), compare_stacks, (void *)watch);
    *out_stacks = stacks;
    return count;
}

static const char *const order_names[WATCH_ORDERS] = {
    [WATCH_BY_LIVE] = "live",     [WATCH_BY_GROWTH] = "growth",
    [WATCH_BY_RATE] = "rate",     [WATCH_BY_BLOCKS] = "blocks",
    [WATCH_BY_NAME] = "name",     [WATCH_BY_ALLOCATIONS] = "allocations",
};

const char *watch_order_name(enum watch_order order)
{
    return order_names[order];
}

int watch_order_find(const char *name, enum watch_order *out_order)
{
    for (int i = 0; i < WATCH_ORDERS; i++) {
        if (strcmp(name, order_names[i]) == 0) {
            *out_order = (enum watch_order)i;
            return 0;
        }
    }
    return -EINVAL;
}
