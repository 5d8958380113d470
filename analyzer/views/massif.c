#include "views/massif.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 10000 /* what is less than this part of the whole is not told apart */

/* TEXT in one line. A # begins a comment to ms_print, wherever it stands. */
static void print_text(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' ? ' ' : *text == '#' ? '@' : *text, out);
}

static void print_frame(FILE *out, const struct profile_frame *frame)
{
    /* Readers look for an address before the colon. */
    fputs(" 0x0: ", out);
    print_text(out, frame->name);
    if (frame->file) {
        const char *base = strrchr(frame->file, '/');

        fputs(" (", out);
        print_text(out, base ? base + 1 : frame->file);
        fprintf(out, ":%" PRIu32 ")", frame->line);
    } else if (frame->module) {
        fputs(" (in ", out);
        print_text(out, frame->module);
        fputc(')', out);
    }
    fputc('\n', out);
}

struct printing {
    FILE *out;
    const struct profile *profile;
    struct profile_children children;
    uint64_t *totals;
    uint64_t least;  /* bytes of a node that is told apart */
    uint32_t *depth; /* per node */
};

/* How many of NODE's children are told apart; they come first. */
static uint32_t count_told(const struct printing *printing, uint32_t node)
{
    uint32_t first = printing->children.first[node], end = printing->children.first[node + 1];
    uint32_t count = 0;

    while (first + count < end &&
           printing->totals[printing->children.children[first + count]] >= printing->least)
        count++;
    return count;
}

/* How many of NODE's children are not, but hold something, and how much that is together. */
static uint32_t count_rest(const struct printing *printing, uint32_t node, uint64_t *out_bytes)
{
    uint32_t at = printing->children.first[node] + count_told(printing, node), count = 0;

    *out_bytes = 0;
    for (; at < printing->children.first[node + 1]; at++, count++) {
        uint64_t bytes = printing->totals[printing->children.children[at]];

        if (bytes == 0)
            break;
        *out_bytes += bytes;
    }
    return count;
}

static void print_node(const struct printing *printing, uint32_t node)
{
    const struct profile *profile = printing->profile;
    uint64_t bytes;
    bool has_rest = count_rest(printing, node, &bytes) > 0;

    fprintf(printing->out, "%*sn%" PRIu32 ": %" PRIu64, (int)printing->depth[node], "",
            count_told(printing, node) + has_rest, printing->totals[node]);
    if (node == 0)
        fputs(" (heap allocation functions) malloc/new/new[], --alloc-fns, etc.\n", printing->out);
    else
        print_frame(printing->out, &profile->frames[profile->nodes[node].frame]);
}

/* Write the line for the children of NODE that are not told apart. */
static void print_rest(const struct printing *printing, uint32_t node)
{
    uint64_t bytes;
    uint32_t count = count_rest(printing, node, &bytes);

    if (count > 0)
        fprintf(printing->out,
                "%*sn0: %" PRIu64 " in %" PRIu32 " places, all below massif's threshold (%.2f%%)\n",
                (int)printing->depth[node] + 1, "", bytes, count, 100.0 / PARTS);
}

/* Write the tree; `way` is the nodes that are not finished, with the next child of each. */
static int print_tree(struct printing *printing)
{
    size_t count = printing->profile->node_count, length = 0;
    struct {
        uint32_t node, next;
    } *way = calloc(count + 1, sizeof(*way));

    if (!way)
        return -ENOMEM;
    print_node(printing, 0);
    way[length++].node = 0;
    while (length > 0) {
        uint32_t node = way[length - 1].node, child;

        if (way[length - 1].next == count_told(printing, node)) {
            print_rest(printing, node);
            length--;
            continue;
        }
        child = printing->children.children[printing->children.first[node] + way[length - 1].next++];
        printing->depth[child] = printing->depth[node] + 1;
        print_node(printing, child);
        way[length].node = child;
        way[length++].next = 0;
    }
    free(way);
    return 0;
}

static void print_moment(FILE *out, const struct massif_moment *moment, size_t number,
                         const char *tree)
{
    fprintf(out,
            "#-----------\nsnapshot=%zu\n#-----------\ntime=%" PRIu64 "\nmem_heap_B=%" PRIu64 "\n"
            "mem_heap_extra_B=%" PRIu64 "\nmem_stacks_B=0\nheap_tree=%s\n",
            number, moment->time / 1000000, moment->bytes, moment->extra, tree);
}

int massif_print(FILE *out, const char *about, const char *command,
                 const struct massif_moment *moments, size_t count, const struct profile *inverted)
{
    struct printing printing = {
        .out = out,
        .profile = inverted,
        .totals = profile_totals(inverted, 0, PROFILE_BYTES),
        .depth = calloc(inverted->node_count, sizeof(uint32_t)),
    };
    int result = -ENOMEM;

    if (!printing.totals || !printing.depth ||
        profile_children_init(&printing.children, inverted, printing.totals) < 0)
        goto out;
    printing.least = printing.totals[0] / PARTS;
    printing.least += printing.least == 0; /* nothing of nothing is not worth a line */
    fprintf(out, "desc: %s\ncmd: ", about);
    print_text(out, *command ? command : "(unknown)");
    fputs("\ntime_unit: ms\n", out);
    for (size_t i = 0; i + 1 < count; i++)
        print_moment(out, &moments[i], i, "empty");
    print_moment(out, &moments[count - 1], count - 1, "detailed");
    result = print_tree(&printing);
    profile_children_finish(&printing.children);
out:
    free(printing.totals);
    free(printing.depth);
    return result;
}
