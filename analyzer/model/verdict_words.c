#include "model/verdict_words.h"

#include "model/amount.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {
        [VERDICT_LOST] = "lost",
        [VERDICT_HELD_GROWING] = "held_growing",
        [VERDICT_NOT_RETURNED] = "not_returned",
        [VERDICT_HELD_STEADY] = "held_steady",
        [VERDICT_GREW_ONCE] = "grew_once",
        [VERDICT_CHURN] = "churn",
    };

    return names[kind];
}

const char *verdict_class_name(enum graph_class class)
{
    static const char *const names[] = {
        [GRAPH_DEFINITELY_LOST] = "definitely_lost",
        [GRAPH_INDIRECTLY_LOST] = "indirectly_lost",
        [GRAPH_POSSIBLY_LOST] = "possibly_lost",
        [GRAPH_STILL_REACHABLE] = "still_reachable",
    };

    return names[class];
}

/* "31 blocks more", of a stack whose blocks grow themselves "4096 bytes more". */
static int say_more(const struct growth *growth, char *buffer, size_t size)
{
    bool by_blocks = growth->blocks > 0;
    uint64_t more = by_blocks ? growth->blocks : growth->bytes;

    char bytes[AMOUNT_SIZE];

    if (!by_blocks)
        return snprintf(buffer, size, "%s more", amount_bytes(bytes, (double)more));
    return snprintf(buffer, size, "%" PRIu64 " %s more", more, more == 1 ? "block" : "blocks");
}

/* "205 KiB", of blocks of no size "1.5 blocks": how much more there is after a round. */
static void say_slope(const struct growth *growth, char *buffer, size_t size)
{
    double blocks = growth->blocks_per_work;
    char bytes[AMOUNT_SIZE];

    if (growth->bytes > 0)
        snprintf(buffer, size, "%s", amount_bytes(bytes, growth->bytes_per_work));
    else
        snprintf(buffer, size, fabs(blocks) < 99.95 ? "%.3g %s" : "%.0f %s", blocks,
                 fabs(blocks - 1) < 0.001 ? "block" : "blocks");
}

static unsigned percent(double share)
{
    return (unsigned)(share * 100 + 0.5);
}

static void say_growth(const struct verdicts *verdicts, const struct growth *growth, char *buffer,
                       size_t size)
{
    char more[64], slope[64];

    say_more(growth, more, sizeof(more));
    say_slope(growth, slope, sizeof(slope));
    if (verdicts->moments.are_rounds)
        snprintf(buffer, size, "%s, %s a round, in %u of %u rounds", more, slope, growth->grew,
                 growth->parts);
    else
        snprintf(buffer, size, "%s since the start-up, in %u of %u parts of the run", more,
                 growth->grew, growth->parts);
}

static void say_held(const struct verdict *verdict, const struct heap_stack *stack, char *buffer,
                     size_t size)
{
    const struct growth *growth = &verdict->growth;
    char bytes[AMOUNT_SIZE];

    switch (verdict->kind) {
    case VERDICT_CHURN:
        snprintf(buffer, size, "comes and goes: %" PRIu64 " allocated, %" PRIu64 " freed",
                 stack->allocations, stack->frees);
        return;
    case VERDICT_GREW_ONCE:
        if (growth->course == GROWTH_UNKNOWN)
            snprintf(buffer, size, "kept; too short a run to tell whether it grows");
        else if (growth->since <= 0.02)
            snprintf(buffer, size, "allocated at the start, and kept");
        else
            snprintf(buffer, size, "allocated once, after %u %% of the work, and kept",
                     percent(growth->since));
        return;
    case VERDICT_NOT_RETURNED:
        snprintf(buffer, size, "freed, but %s of freed memory are still with the allocator",
                 amount_bytes(bytes, (double)verdict->unreturned));
        return;
    default:
        break;
    }
    if (growth->course == GROWTH_UNKNOWN)
        snprintf(buffer, size, "too short a run to tell whether it grows");
    else if (growth->course == GROWTH_STOPPED && growth->until > 0.9)
        snprintf(buffer, size, "rose now and then, too rarely to say that it grows");
    else if (growth->course == GROWTH_STOPPED)
        snprintf(buffer, size, "grew until %u %% of the work, and not since",
                 percent(growth->until));
    else if (growth->course == GROWTH_SLOWING)
        snprintf(buffer, size, "grows ever more slowly");
    else if (growth->course == GROWTH_GROWING)
        snprintf(buffer, size, "none of it is old: it is replaced all the time");
    else
        snprintf(buffer, size, "does not grow");
}

static const char *say_lost(const struct verdict *verdict)
{
    if (verdict->class != GRAPH_DEFINITELY_LOST)
        return "only what is lost points at it";
    return verdict->circular > 0 && verdict->circular == verdict->count
               ? "only they themselves point at each other: a cycle"
               : "nobody points at it any more";
}

void verdict_say(const struct verdicts *verdicts, const struct verdict *verdict,
                 const char *holder, char *buffer, size_t size)
{
    char growth[160];
    bool grows = verdict->growth.course == GROWTH_GROWING;

    say_growth(verdicts, &verdict->growth, growth, sizeof(growth));
    if (verdict->kind == VERDICT_LOST)
        snprintf(buffer, size, "%s%s%s%s",
                 say_lost(verdict),
                 verdict->is_once ? "; that happened once" : "", grows ? ", and it grows: " : "",
                 grows ? growth : "");
    else if (verdict->kind == VERDICT_HELD_GROWING)
        snprintf(buffer, size, "grows and is %s: %s%s%s",
                 verdict->let_go ? "let go at the end only" : "not let go", growth,
                 holder ? "; held by " : "", holder ? holder : "");
    else
        say_held(verdict, &verdicts->heap->stacks[verdict->stack], buffer, size);
}
