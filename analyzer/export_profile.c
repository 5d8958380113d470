/* export_profile.c - the forms that are made of what the stacks hold, name by name. */
#include "export.h"
#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/filter.h"
#include "model/graph.h"
#include "model/load.h"
#include "views/folded.h"
#include "views/massif.h"
#include "views/pprof.h"
#include "views/speedscope.h"
#include "views/svg.h"

#include <errno.h>
#include <stdlib.h>

/* The profile of HEAP, with what its graph tells if it has edges. NULL for lack of memory. */
static struct profile *make_profile(const struct heap *heap, struct symbols *symbols)
{
    struct filter *filter = filter_create();
    struct profile *profile = profile_create(1);
    struct graph *graph = NULL;
    int result = filter && profile ? 0 : -ENOMEM;

    if (result == 0 && heap->has_edges)
        result = graph_create(heap, 0, &graph);
    if (result == 0)
        result = profile_add(profile, 0, heap, symbols, filter, graph);
    graph_destroy(graph);
    filter_destroy(filter);
    if (result == 0)
        return profile;
    profile_destroy(profile);
    return NULL;
}

static int finish(struct profile *profile, int result, struct error *error)
{
    profile_destroy(profile);
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

static int write_pprof(FILE *out, const struct heap *heap, struct symbols *symbols,
                       const struct export_options *options, struct error *error)
{
    struct profile *profile = make_profile(heap, symbols);
    char comment[256] = "heapdelta";
    const struct pprof_about about = {
        .time = heap->process->time,
        .duration = heap->process->elapsed,
        .period = estimate_is(heap) ? heap->sampling->mean : 1,
        .comment = comment,
    };
    int result;

    (void)options;
    estimate_append(heap, comment, sizeof(comment));
    result = profile ? pprof_print(out, profile, &about) : -ENOMEM;
    return finish(profile, result, error);
}

static int write_folded(FILE *out, const struct heap *heap, struct symbols *symbols,
                        const struct export_options *options, struct error *error)
{
    struct profile *profile = make_profile(heap, symbols);

    return finish(profile, profile ? folded_print(out, profile, options->value) : -ENOMEM, error);
}

static int write_speedscope(FILE *out, const struct heap *heap, struct symbols *symbols,
                            const struct export_options *options, struct error *error)
{
    struct profile *profile = make_profile(heap, symbols);
    char name[256];

    load_describe(heap, name, sizeof(name));
    estimate_append(heap, name, sizeof(name));
    return finish(profile,
                  profile ? speedscope_print(out, profile, name, options->value) : -ENOMEM, error);
}

static int write_svg(FILE *out, const struct heap *heap, struct symbols *symbols,
                     const struct export_options *options, struct error *error)
{
    struct profile *profile = make_profile(heap, symbols);
    char name[256];

    load_describe(heap, name, sizeof(name));
    estimate_append(heap, name, sizeof(name));
    return finish(profile, profile ? svg_print(out, profile, options->value, name) : -ENOMEM,
                  error);
}

/* The timeline, and as its last moment that of the snapshot. */
static struct massif_moment *make_moments(const struct heap *heap, size_t *out_count)
{
    const struct snapshot_account *account = heap->account;
    struct massif_moment *moments = calloc(heap->sample_count + 1, sizeof(*moments));
    size_t count = 0;

    for (; moments && count < heap->sample_count; count++)
        moments[count] = (struct massif_moment){.time = heap->timeline[count].time,
                                                .bytes = heap->timeline[count].bytes};
    if (moments) {
        struct massif_moment *last = &moments[count++];

        last->time = heap->process->elapsed;
        for (size_t i = 0; i < heap->stack_count; i++)
            last->bytes += heap->stacks[i].live_bytes;
        if (heap->process->flags & SNAPSHOT_HAS_USABLE && account->usable_bytes > last->bytes)
            last->extra = account->usable_bytes - last->bytes;
    }
    *out_count = count;
    return moments;
}

static int write_massif(FILE *out, const struct heap *heap, struct symbols *symbols,
                        const struct export_options *options, struct error *error)
{
    struct profile *profile = make_profile(heap, symbols);
    struct profile *inverted = profile ? profile_invert(profile) : NULL;
    size_t count = 0;
    struct massif_moment *moments = make_moments(heap, &count);
    char about[256] = "heapdelta";
    int result = -ENOMEM;

    (void)options;
    estimate_append(heap, about, sizeof(about));
    if (inverted && moments)
        result = massif_print(out, about, heap->command, moments, count, inverted);
    free(moments);
    profile_destroy(profile);
    return finish(inverted, result, error);
}

const struct export_form export_pprof = {
    .name = "pprof",
    .is_binary = true,
    .write = write_pprof,
};

const struct export_form export_folded = {
    .name = "folded",
    .has_one_value = true,
    .write = write_folded,
};

const struct export_form export_speedscope = {
    .name = "speedscope",
    .has_one_value = true,
    .write = write_speedscope,
};

const struct export_form export_svg = {
    .name = "svg",
    .has_one_value = true,
    .write = write_svg,
};

const struct export_form export_massif = {
    .name = "massif",
    .write = write_massif,
};
