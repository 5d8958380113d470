#include "model/suppressed.h"

#include "model/amount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED_SHOWN 20u

static bool is_head(const struct verdict *verdict)
{
    return verdict->part_of == VERDICT_NONE;
}

/* Add up anew what is left of VERDICTS' leaks. */
static void sum_up(struct verdicts *verdicts)
{
    verdicts->head_count = 0;
    memset(&verdicts->leaked, 0, sizeof(verdicts->leaked));
    memset(&verdicts->lost_once, 0, sizeof(verdicts->lost_once));
    for (size_t i = 0; i < verdicts->leak_count; i++)
        verdicts->list[i].with_size = verdicts->list[i].with_count = 0;
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        const struct verdict *verdict = &verdicts->list[i];
        struct verdict *whole = &verdicts->list[is_head(verdict) ? i : verdict->part_of];

        whole->with_size += verdict->size;
        whole->with_count += verdict->count;
        verdicts->head_count += is_head(verdict) && !verdict->is_once;
        if (verdict->is_once) {
            verdicts->lost_once.size += verdict->size;
            verdicts->lost_once.count += verdict->count;
        } else {
            verdicts->leaked.size += verdict->size;
            verdicts->leaked.count += verdict->count;
        }
    }
}

int suppressed_take_out(struct verdicts *verdicts, const uint8_t *removed,
                        struct suppressed *out_suppressed)
{
    size_t *places = calloc(verdicts->leak_count + 1, sizeof(*places));
    size_t kept = 0, leaks = verdicts->leak_count;

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < verdicts->count; i++) {
        struct verdict verdict = verdicts->list[i];
        /* A whole stands before its parts. */
        bool with_whole = i < leaks && !is_head(&verdict) && places[verdict.part_of] == VERDICT_NONE;

        if (i < leaks && (removed[i] || with_whole)) {
            out_suppressed->leaks += is_head(&verdict);
            out_suppressed->blocks += verdict.count;
            out_suppressed->bytes += verdict.size;
            verdicts->taken_out += verdict.count;
            places[i] = VERDICT_NONE;
            verdicts->leak_count--;
            continue;
        }
        if (i < leaks) {
            places[i] = kept;
            if (!is_head(&verdict))
                verdict.part_of = places[verdict.part_of];
        }
        verdicts->list[kept++] = verdict;
    }
    verdicts->count = kept;
    sum_up(verdicts);
    free(places);
    return 0;
}

int suppressed_remove(struct suppressions *suppressions, struct verdicts *verdicts,
                      struct symbols *symbols, struct suppressed *out_suppressed)
{
    uint8_t *removed = calloc(verdicts->leak_count + 1, 1);
    int result;

    if (!removed)
        return -ENOMEM;
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        const struct verdict *verdict = &verdicts->list[i];

        removed[i] = suppressions_match(suppressions, verdicts->heap, symbols, verdict->stack,
                                        verdict->class, verdict->count, verdict->size);
    }
    result = suppressed_take_out(verdicts, removed, out_suppressed);
    free(removed);
    return result;
}

void suppressed_add_note(const char *why, const struct suppressed *suppressed, struct report *report)
{
    char bytes[AMOUNT_SIZE];

    if (suppressed->blocks > 0)
        report_add_note(report, "%s: %s in %" PRIu64 " %s.", why,
                        amount_bytes(bytes, (double)suppressed->bytes), suppressed->blocks,
                        suppressed->blocks == 1 ? "block" : "blocks");
}

void suppressed_add_notes(const struct suppressions *suppressions,
                          const struct suppressed *suppressed, struct report *report)
{
    size_t count = suppressions_count(suppressions), unused = 0;

    suppressed_add_note("Suppressed", suppressed, report);
    for (size_t i = 0; i < count; i++) {
        const struct suppression *entry = suppressions_get(suppressions, i);

        if (!entry->is_for_leaks || entry->stacks > 0)
            continue;
        if (unused++ < UNUSED_SHOWN)
            report_add_note(report, "Not used: %s:%u: %s", entry->origin, entry->line,
                            entry->name);
    }
    if (unused > UNUSED_SHOWN)
        report_add_note(report, "… and %zu more suppressions were not used.",
                        unused - UNUSED_SHOWN);
}
