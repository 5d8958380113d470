#include "views/html.h"

#include "page_html.h" /* what views/html/embed.py made of the files there */
#include "views/gzip.h"
#include "views/json.h"
#include "views/json_text.h"
#include "views/xml_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The texts of a profile, each of which is one pointer, by number; 0 is no text. */
struct text {
    const char *text;
    uint32_t number;
    UT_hash_handle hh;
};

struct texts {
    struct text *table;
    uint32_t count;
    bool failed;
};

static uint32_t find_text(struct texts *texts, const char *text)
{
    struct text *entry;

    if (!text)
        return 0;
    HASH_FIND_PTR(texts->table, &text, entry);
    if (entry)
        return entry->number;
    entry = calloc(1, sizeof(*entry));
    if (!entry) {
        texts->failed = true;
        return 0;
    }
    entry->text = text;
    entry->number = ++texts->count;
    HASH_ADD_PTR(texts->table, text, entry);
    if (!entry->hh.tbl) {
        free(entry);
        texts->failed = true;
        return 0;
    }
    return entry->number;
}

/* Write the texts, in the order of their numbers, and forget them. */
static void print_texts(FILE *out, struct texts *texts)
{
    struct text *entry, *next;

    fputs("\"texts\":[null", out);
    HASH_ITER(hh, texts->table, entry, next) { /* in the order in which they were added */
        fputc(',', out);
        json_text_print(out, entry->text);
        HASH_DEL(texts->table, entry);
        free(entry);
    }
    fputs("]", out);
}

/* Of VALUE for heap AT: the nodes that have any, each as its distance from the one before, and how
 * much that is. */
static void print_value(FILE *out, const struct profile *profile, size_t at,
                        enum profile_value value)
{
    size_t last = 0;

    fputs("[[", out);
    for (size_t i = 0; i < profile->node_count; i++) {
        if (profile_own(profile, i, at, value) == 0)
            continue;
        fprintf(out, "%s%zu", last ? "," : "", i - last);
        last = i;
    }
    fputs("],[", out);
    last = 0;
    for (size_t i = 0; i < profile->node_count; i++) {
        if (profile_own(profile, i, at, value) == 0)
            continue;
        fprintf(out, "%s%" PRIu64, last ? "," : "", profile_own(profile, i, at, value));
        last = i;
    }
    fputs("]]", out);
}

/* PROFILE as columns of numbers: they compress well, and are read at once. */
static int print_profile(FILE *out, const struct profile *profile, const char *const *sources)
{
    struct texts texts = {0};

    fputs("{\"frames\":[", out);
    for (size_t i = 0; i < profile->frame_count; i++) {
        const struct profile_frame *frame = &profile->frames[i];

        fprintf(out, "%s%" PRIu32 ",%" PRIu32 ",%" PRIu32, i ? "," : "",
                find_text(&texts, frame->name), find_text(&texts, frame->file), frame->line);
        fprintf(out, ",%" PRIu32 ",%d,%" PRIu32, find_text(&texts, frame->module), frame->inlined,
                sources ? find_text(&texts, sources[i]) : 0);
    }
    fputs("],\n\"parents\":[0", out);
    for (size_t i = 1; i < profile->node_count; i++)
        fprintf(out, ",%zu", i - profile->nodes[i].parent);
    fputs("],\n\"nodes\":[0", out);
    for (size_t i = 1; i < profile->node_count; i++)
        fprintf(out, ",%" PRIu32, profile->nodes[i].frame);
    fputs("],\n\"heaps\":[", out);
    for (size_t at = 0; at < profile->heap_count; at++) {
        fputs(at ? ",\n{" : "{", out);
        for (unsigned value = 0; value < PROFILE_VALUES; value++) {
            fprintf(out, "%s\"%s\":", value ? ",\n" : "", profile_value_name(value));
            print_value(out, profile, at, value);
        }
        fputs("}", out);
    }
    fputs("],\n", out);
    print_texts(out, &texts);
    fputs("}", out);
    return texts.failed ? -ENOMEM : 0;
}

static int print_data(FILE *out, const struct html_page *page)
{
    int result = 0;

    fputs("{\"title\":", out);
    json_text_print(out, page->title);
    fputs(",\n\"parts\":{", out);
    for (size_t i = 0; i < page->part_count && result == 0; i++) {
        fprintf(out, "%s\"%s\":", i ? ",\n" : "", page->parts[i].key);
        result = json_print(out, &page->parts[i].report, 1);
    }
    fputs("},\n\"stacks\":", out);
    if (result == 0)
        result = print_profile(out, page->stacks, page->stack_sources);
    fputs(",\n\"held\":", out);
    if (!page->held)
        fputs("null", out);
    else if (result == 0)
        result = print_profile(out, page->held, NULL);
    fputs("}\n", out);
    return result;
}

static void print_base64(FILE *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t rest = size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (rest > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (rest > 2 ? data[i + 2] : 0);

        fputc(digits[bits >> 18], out);
        fputc(digits[bits >> 12 & 63], out);
        fputc(rest > 1 ? digits[bits >> 6 & 63] : '=', out);
        fputc(rest > 2 ? digits[bits & 63] : '=', out);
    }
}

int html_print(FILE *out, const struct html_page *page)
{
    char *data = NULL;
    void *zipped = NULL;
    size_t size, zipped_size;
    FILE *memory = open_memstream(&data, &size);
    int result = memory ? print_data(memory, page) : -ENOMEM;

    if (memory && fclose(memory) != 0)
        result = -ENOMEM;
    if (result == 0)
        result = gzip_compress(data, size, &zipped, &zipped_size);
    if (result == 0) {
        fwrite(page_begin, 1, sizeof(page_begin), out);
        xml_text_print(out, page->title, 0);
        fwrite(page_middle, 1, sizeof(page_middle), out);
        print_base64(out, zipped, zipped_size);
        fwrite(page_end, 1, sizeof(page_end), out);
    }
    free(data);
    free(zipped);
    return result;
}
