#include "preload/series.h"

#include "format/varint.h"
#include "preload/arena.h"

#include <stdatomic.h>
#include <string.h>

#define MOMENTS 64u
#define FIRST_INTERVAL 100000000u /* ns */
#define FIRST_DISTANCE 64u        /* allocations */
#define STEP_MAX       1000000u

/* A stack holds so much more than at the moment before, modulo 2^64. */
struct change {
    uint64_t bytes, blocks;
    uint32_t stack;
};

struct moment {
    uint64_t time, allocations;
    struct change *changes; /* by stack */
    uint32_t count;
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
static uint32_t level_count;

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

/* Make LEVELS long enough for COUNT stacks. */
static bool grow_levels(uint32_t count)
{
    uint32_t larger = level_count ? level_count : 1024;
    struct level *made;

    if (count <= level_count)
        return true;
    while (larger < count)
        larger *= 2;
    made = arena_resize(levels, level_count * sizeof *levels, larger * sizeof *levels,
                        ARENA_COUNTERS);
    if (!made)
        return false;
    levels = made;
    level_count = larger;
    return true;
}

/* Give the CAPACITY changes of MOMENT back but for those in use. */
static void shrink(struct moment *moment, uint32_t capacity)
{
    if (moment->count == 0) {
        arena_unmap(moment->changes, capacity * sizeof *moment->changes, ARENA_COUNTERS);
        moment->changes = NULL;
    } else {
        void *smaller = arena_resize(moment->changes, capacity * sizeof *moment->changes,
                                     moment->count * sizeof *moment->changes, ARENA_COUNTERS);

        if (smaller)
            moment->changes = smaller;
    }
}

static void release(struct moment *moment)
{
    arena_unmap(moment->changes, moment->count * sizeof *moment->changes, ARENA_COUNTERS);
    *moment = (struct moment){ 0, 0, NULL, 0 };
}

/* Put the changes of FIRST and SECOND together in SECOND. False on lack of memory. */
static bool merge(struct moment *first, struct moment *second)
{
    uint32_t capacity = first->count + second->count, i = 0, j = 0;
    struct moment both = { second->time, second->allocations, NULL, 0 };

    if (first->count == 0)
        return true;
    both.changes = arena_map(capacity * sizeof *both.changes, ARENA_COUNTERS);
    if (!both.changes)
        return false;
    while (i < first->count || j < second->count) {
        const struct change *a = i < first->count ? &first->changes[i] : NULL;
        const struct change *b = j < second->count ? &second->changes[j] : NULL;
        struct change *sum = &both.changes[both.count];

        if (a && b && a->stack == b->stack) {
            *sum = (struct change){ a->bytes + b->bytes, a->blocks + b->blocks, a->stack };
            i++;
            j++;
        } else if (!b || (a && a->stack < b->stack)) {
            *sum = *a;
            i++;
        } else {
            *sum = *b;
            j++;
        }
        both.count += sum->bytes != 0 || sum->blocks != 0;
    }
    shrink(&both, capacity);
    release(second);
    *second = both;
    return true;
}

/* Forget what was, so that the next moment is the first. */
static void forget(void)
{
    for (uint32_t i = 0; i < MOMENTS; i++)
        release(&moments[i]);
    moment_count = 0;
    if (levels)
        memset(levels, 0, level_count * sizeof *levels);
}

/* Make two moments one. A moment tells only what changed since the one before: where one
 * can't be kept, none can. */
static void halve(void)
{
    interval *= 2;
    distance *= 2;
    for (uint32_t i = 0; i < MOMENTS / 2; i++) {
        if (!merge(&moments[2 * i], &moments[2 * i + 1])) {
            forget();
            return;
        }
        release(&moments[2 * i]);
        moments[i] = moments[2 * i + 1];
        if (i != 2 * i + 1)
            moments[2 * i + 1] = (struct moment){ 0, 0, NULL, 0 };
    }
    moment_count = MOMENTS / 2;
}

void series_add(uint64_t time, uint64_t allocations, uint32_t thread_count, uint32_t stack_count,
                void (*live)(uint32_t stack, uint64_t *out_bytes, uint64_t *out_blocks))
{
    struct moment moment = { time, allocations, NULL, 0 };

    if (moment_count == MOMENTS)
        halve();
    set_next(time, allocations, (uint64_t)stack_count * (thread_count + 2));
    if (stack_count == 0 || !grow_levels(stack_count))
        return;
    moment.changes = arena_map(stack_count * sizeof *moment.changes, ARENA_COUNTERS);
    if (!moment.changes)
        return;
    for (uint32_t stack = 0; stack < stack_count; stack++) {
        struct level now, *last = &levels[stack];

        live(stack, &now.bytes, &now.blocks);
        if (now.bytes == last->bytes && now.blocks == last->blocks)
            continue;
        moment.changes[moment.count++] = (struct change){ now.bytes - last->bytes,
                                                          now.blocks - last->blocks, stack };
        *last = now;
    }
    shrink(&moment, stack_count);
    moments[moment_count++] = moment;
}

size_t series_size(void)
{
    size_t size = sizeof moments;

    for (uint32_t i = 0; i < MOMENTS; i++)
        size += *(volatile uint32_t *)&moments[i].count * sizeof(struct change);
    return size;
}

void series_copy(struct buffer *buffer)
{
    for (uint32_t i = 0; i < moment_count; i++) {
        buffer_put(buffer, &moments[i], sizeof moments[i]);
        buffer_put(buffer, moments[i].changes, moments[i].count * sizeof *moments[i].changes);
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
