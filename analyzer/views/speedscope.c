#include "views/speedscope.h"

#include "views/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void print_frames(FILE *out, const struct profile *profile)
{
    for (size_t i = 0; i < profile->frame_count; i++) {
        const struct profile_frame *frame = &profile->frames[i];

        fputs(i ? ",\n{\"name\":" : "\n{\"name\":", out);
        json_text_print(out, frame->name);
        if (frame->file || frame->module) {
            fputs(",\"file\":", out);
            json_text_print(out, frame->file ? frame->file : frame->module);
        }
        if (frame->line)
            fprintf(out, ",\"line\":%" PRIu32, frame->line);
        fputc('}', out);
    }
}

/* The stacks that hold any of VALUE, outermost frame first, or, if WEIGHTS, how much they hold. */
static void print_samples(FILE *out, const struct profile *profile, enum profile_value value,
                          bool weights, uint32_t *way)
{
    bool begun = false;

    for (uint32_t i = 1; i < profile->node_count; i++) {
        uint64_t number = profile_own(profile, i, 0, value);
        size_t length = 0;

        if (number == 0)
            continue;
        if (begun)
            fputs(weights ? "," : ",\n", out);
        begun = true;
        if (weights) {
            fprintf(out, "%" PRIu64, number);
            continue;
        }
        for (uint32_t node = i; node; node = profile->nodes[node].parent)
            way[length++] = profile->nodes[node].frame;
        fputc('[', out);
        while (length-- > 0)
            fprintf(out, length ? "%" PRIu32 "," : "%" PRIu32, way[length]);
        fputc(']', out);
    }
}

static void print_profile(FILE *out, const struct profile *profile, enum profile_value value,
                          uint32_t *way)
{
    bool is_bytes = strcmp(profile_value_unit(value), "bytes") == 0;
    uint64_t total = 0;

    for (size_t i = 1; i < profile->node_count; i++)
        total += profile_own(profile, i, 0, value);
    fprintf(out, "{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"%s\",\"startValue\":0,"
            "\"endValue\":%" PRIu64 ",\n\"samples\":[",
            profile_value_name(value), is_bytes ? "bytes" : "none", total);
    print_samples(out, profile, value, false, way);
    fputs("],\n\"weights\":[", out);
    print_samples(out, profile, value, true, way);
    fputs("]}", out);
}

/* Is anything known of VALUE? */
static bool is_known(const struct profile *profile, enum profile_value value)
{
    switch (value) {
    case PROFILE_ALLOCATED_BYTES:
    case PROFILE_ALLOCATIONS:
        return profile->has_allocations;
    case PROFILE_TEMPORARY:
    case PROFILE_PEAK_BYTES:
    case PROFILE_PEAK_BLOCKS:
        return profile->has_peak;
    case PROFILE_LOST_BYTES:
    case PROFILE_HELD_BYTES:
        return profile->has_lost;
    case PROFILE_BYTES:
    case PROFILE_BLOCKS:
    case PROFILE_VALUES:
        break;
    }
    return true;
}

int speedscope_print(FILE *out, const struct profile *profile, const char *name,
                     enum profile_value first)
{
    uint32_t *way = calloc(profile->node_count, sizeof(*way));
    unsigned active = 0, count = 0;

    if (!way)
        return -ENOMEM;
    fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
          "\"exporter\":\"heapdelta\",\"name\":",
          out);
    json_text_print(out, name);
    fputs(",\n\"shared\":{\"frames\":[", out);
    print_frames(out, profile);
    fputs("]},\n\"profiles\":[", out);
    for (unsigned value = 0; value < PROFILE_VALUES; value++) {
        if (!is_known(profile, value))
            continue;
        fputs(count ? ",\n" : "\n", out);
        if (value == first)
            active = count;
        count++;
        print_profile(out, profile, value, way);
    }
    fprintf(out, "],\n\"activeProfileIndex\":%u}\n", active);
    free(way);
    return 0;
}
