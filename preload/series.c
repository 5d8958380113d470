#include "preload/series.h"

#include "format/varint.h"
#include "preload/arena.h"

#include <stdatomic.h>
#include <string.h>

#define MOMENTS 64u
#define FIRST_INTERVAL 100000000u /* ns */
#define FIRST_DISTANCE 64u        /* allocations */
#define STEP_MAX       1000000u
#define FIRST_CAPACITY 1024u /* stacks, changes */

/* A stack holds so much more than at the moment before, modulo 2^64. */
struct change {
    uint64_t bytes, blocks;
    uint32_t stack;
};

struct moment {
    uint64_t time, allocations;
    uint32_t count; /* of changes, by stack */
};

struct level {
    uint64_t bytes, blocks;
};

static struct moment moments[MOMENTS];
static uint32_t moment_count;
static uint64_t interval = FIRST_INTERVAL, distance = FIRST_DISTANCE;
static _Atomic uint64_t next_time = FIRST_INTERVAL, next_allocations = FIRST_DISTANCE;
static _Atomic uint32_t step = FIRST_DISTANCE;
static struct level *levels; /* at the last moment, by stack */
static size_t level_count;

/* The changes of all moments, one after the other, and then room for more: pages that were used before
 * two moments became one are used again. */
static struct change *changes;
static _Atomic size_t change_count;
static size_t change_capacity;

static size_t used(void)
{
    return atomic_load_explicit(&change_count, memory_order_relaxed);
}

static void set_used(size_t count)
{
    atomic_store_explicit(&change_count, count, memory_order_relaxed);
}

bool series_due(uint64_t time, uint64_t allocations)
{
    return time >= atomic_load_explicit(&next_time, memory_order_relaxed) ||
           allocations >= atomic_load_explicit(&next_allocations, memory_order_relaxed);
}

uint32_t series_step(void)
{
    return atomic_load_explicit(&step, memory_order_relaxed);
}

/* The next moment is due so much after TIME and ALLOCATIONS. What it costs to look at a stack, and
 * that for each thread, is some ns; FAR allocations share it. Up to a quarter more or less, the same
 * in each run: moments that keep step with what a program does over and over see one phase of it
 * only, and in that a rise where there is none. */
static void set_next(uint64_t time, uint64_t allocations, uint64_t far)
{
    uint64_t after = distance > far ? distance : far, part = after / 8;
    uint64_t random = (allocations + 1) * 0x9e3779b97f4a7c15;

    after = after - after / 4 + after / 2 * (random >> 56) / 256;
    atomic_store_explicit(&next_time, time + interval, memory_order_relaxed);
    atomic_store_explicit(&next_allocations, allocations + after, memory_order_relaxed);
    if (part > STEP_MAX)
        part = STEP_MAX;
    atomic_store_explicit(&step, part < FIRST_DISTANCE ? FIRST_DISTANCE : (uint32_t)part,
                          memory_order_relaxed);
}

/* ARRAY, of *CAPACITY elements of SIZE bytes, made at least COUNT long. NULL on lack of memory. */
static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
    size_t larger = *capacity ? *capacity : FIRST_CAPACITY;

    if (count <= *capacity)
        return array;
    while (larger < count)
        larger += larger / 2;
    array = arena_resize(array, *capacity * size, larger * size, ARENA_COUNTERS);
    if (array)
        *capacity = larger;
    return array;
}

static bool grow_levels(size_t count)
{
    struct level *grown = grow(levels, &level_count, count, sizeof *levels);

    if (grown)
        levels = grown;
    return grown != NULL;
}

/* Room for COUNT more changes. */
static bool grow_changes(size_t count)
{
    struct change *grown = grow(changes, &change_capacity, used() + count, sizeof *changes);

    if (grown)
        changes = grown;
    return grown != NULL;
}

/* Put the changes of FIRST and SECOND together at OUT, which may be where SECOND's are, with room for
 * FIRST's before them. Returns how many there are. */
static uint32_t merge(struct change *out, const struct change *first, uint32_t first_count,
                      const struct change *second, uint32_t second_count)
{
    const struct change *first_end = first + first_count, *second_end = second + second_count;
    struct change *next = out;

    while (first < first_end || second < second_end) {
        struct change sum;

        if (second == second_end || (first < first_end && first->stack < second->stack)) {
            sum = *first++;
        } else {
            sum = *second++;
            if (first < first_end && first->stack == sum.stack) {
                sum.bytes += first->bytes;
                sum.blocks += first->blocks;
                first++;
            }
        }
        if (sum.bytes != 0 || sum.blocks != 0)
            *next++ = sum;
    }
    return (uint32_t)(next - out);
}

/* Forget what was, so that the next moment is the first. */
static void forget(void)
{
    moment_count = 0;
    set_used(0);
    arena_unmap(changes, change_capacity * sizeof *changes, ARENA_COUNTERS);
    changes = NULL;
    change_capacity = 0;
    if (levels)
        memset(levels, 0, level_count * sizeof *levels);
}

/* Make two moments one, from the first on: the changes that are left move up to those before. A moment
 * tells only what changed since the one before: where one can't be kept, none can. */
static void halve(void)
{
    struct change *from = changes, *to = changes;

    interval *= 2;
    distance *= 2;
    for (uint32_t i = 0; i < MOMENTS / 2; i++) {
        const struct moment *first = &moments[2 * i], *second = first + 1;
        uint32_t first_count = first->count, second_count = second->count;
        size_t at = (size_t)(from - changes), put = (size_t)(to - changes);

        if (!grow_changes(first_count)) {
            forget();
            return;
        }
        from = changes + at;
        to = changes + put;
        memcpy(changes + used(), from, first_count * sizeof *from); /* what is put may lie on it */
        from += first_count;
        moments[i] = (struct moment){ second->time, second->allocations,
                                      merge(to, changes + used(), first_count, from, second_count) };
        from += second_count;
        to += moments[i].count;
    }
    set_used((size_t)(to - changes));
    moment_count = MOMENTS / 2;
}

/* Put what has changed of COUNT stacks, from number FIRST on, since the last moment. Returns the end. */
static struct change *put_changed(struct change *next, uint32_t first, uint32_t count,
                                  series_live *live)
{
    uint64_t bytes[SERIES_AT_ONCE], blocks[SERIES_AT_ONCE];
    struct level *last = &levels[first];

    live(first, count, bytes, blocks);
    for (uint32_t i = 0; i < count; i++, last++) {
        if (bytes[i] == last->bytes && blocks[i] == last->blocks)
            continue;
        *next++ = (struct change){ bytes[i] - last->bytes, blocks[i] - last->blocks, first + i };
        *last = (struct level){ bytes[i], blocks[i] };
    }
    return next;
}

void series_add(uint64_t time, uint64_t allocations, uint32_t thread_count, uint32_t stack_count,
                series_live *live)
{
    struct moment moment = { time, allocations, 0 };
    struct change *next;

    if (moment_count == MOMENTS)
        halve();
    set_next(time, allocations, (uint64_t)stack_count * (thread_count + 2));
    if (stack_count == 0 || !grow_levels(stack_count) || !grow_changes(stack_count))
        return;
    next = changes + used();
    for (uint32_t first = 0; first < stack_count; first += SERIES_AT_ONCE) {
        uint32_t left = stack_count - first;

        next = put_changed(next, first, left < SERIES_AT_ONCE ? left : SERIES_AT_ONCE, live);
    }
    moment.count = (uint32_t)(next - changes - used());
    set_used((size_t)(next - changes));
    moments[moment_count++] = moment;
}

size_t series_size(void)
{
    return sizeof moments + used() * sizeof *changes;
}

void series_copy(struct buffer *buffer)
{
    const struct change *change = changes;

    for (uint32_t i = 0; i < moment_count; change += moments[i++].count) {
        buffer_put(buffer, &moments[i], sizeof moments[i]);
        buffer_put(buffer, change, moments[i].count * sizeof *change);
    }
}

/* Put the COUNT changes at CHANGE. */
static void put_changes(struct buffer *buffer, const struct change *change, uint32_t count)
{
    uint32_t last_stack = 0;

    for (; count > 0; count--, change++) {
        buffer_put_varint(buffer, change->stack - last_stack);
        buffer_put_varint(buffer, varint_delta(change->bytes, 0));
        buffer_put_varint(buffer, varint_delta(change->blocks, 0));
        last_stack = change->stack;
    }
}

uint32_t series_put(const struct buffer *copy, struct buffer *series, struct buffer *progress)
{
    uint64_t last_time = 0, last_allocations = 0;
    uint32_t count = 0;

    for (size_t at = 0; at < copy->size; count++) {
        const struct moment *moment = (const struct moment *)(copy->data + at);

        buffer_put_varint(series, varint_delta(moment->time, last_time));
        buffer_put_varint(series, moment->count);
        buffer_put_varint(progress, varint_delta(moment->allocations, last_allocations));
        put_changes(series, (const struct change *)(moment + 1), moment->count);
        last_time = moment->time;
        last_allocations = moment->allocations;
        at += sizeof *moment + moment->count * sizeof(struct change);
    }
    return count;
}

void series_clear(void)
{
    forget();
    interval = FIRST_INTERVAL;
    distance = FIRST_DISTANCE;
    set_next(0, 0, 0);
    atomic_store_explicit(&next_time, 0, memory_order_relaxed);
}
