#include "views/svg.h"

#include "views/units.h"
#include "views/xml_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH      1200.0
#define MARGIN     10
#define TOP        56
#define ROW        17
#define LEAST      0.2 /* pixels of a frame that is drawn */
#define CHARACTER  6.7 /* pixels */
#define DEPTH_MAX  400

struct drawing {
    FILE *out;
    const struct profile *profile;
    enum profile_value value;
    uint64_t *totals;
    double *left;    /* per node: pixels */
    uint32_t *depth; /* per node: 0 of nodes[0] */
    uint32_t rows;
    bool cut;
};

/* Place the nodes, parents first, each beside the larger ones of its parent. */
static int place(struct drawing *drawing)
{
    const struct profile *profile = drawing->profile;
    double scale = drawing->totals[0] ? (WIDTH - 2 * MARGIN) / (double)drawing->totals[0] : 0;
    struct profile_children children;

    if (profile_children_init(&children, profile, drawing->totals) < 0)
        return -ENOMEM;
    drawing->left[0] = MARGIN;
    drawing->rows = 1;
    for (uint32_t i = 0; i < profile->node_count; i++) {
        double left = drawing->left[i];

        for (uint32_t j = children.first[i]; j < children.first[i + 1]; j++) {
            uint32_t child = children.children[j];

            drawing->left[child] = left;
            drawing->depth[child] = drawing->depth[i] + 1;
            left += (double)drawing->totals[child] * scale;
            if (drawing->depth[child] > DEPTH_MAX)
                drawing->cut |= drawing->totals[child] > 0;
            else if ((double)drawing->totals[child] * scale >= LEAST &&
                     drawing->depth[child] >= drawing->rows)
                drawing->rows = drawing->depth[child] + 1;
        }
    }
    profile_children_finish(&children);
    return 0;
}

/* A colour for MODULE, the same in every picture. */
static unsigned hue(const char *module)
{
    unsigned hash = 2166136261u;

    for (; module && *module; module++)
        hash = (hash ^ (unsigned char)*module) * 16777619u;
    return hash % 360;
}

static void print_amount(const struct drawing *drawing, uint64_t amount)
{
    char text[UNITS_SIZE];

    if (strcmp(profile_value_unit(drawing->value), "bytes") == 0)
        fputs(units_bytes(text, (double)amount, false), drawing->out);
    else
        fprintf(drawing->out, "%" PRIu64, amount);
    fprintf(drawing->out, ", %.2f %%",
            drawing->totals[0] ? 100.0 * (double)amount / (double)drawing->totals[0] : 0);
}

static void draw_node(const struct drawing *drawing, uint32_t node, double width)
{
    const struct profile *profile = drawing->profile;
    const struct profile_frame *frame =
        node ? &profile->frames[profile->nodes[node].frame] : NULL;
    const char *name = frame ? frame->name : "all";
    FILE *out = drawing->out;
    /* Callers below, who they call above. */
    double top = TOP + (double)(drawing->rows - 1 - drawing->depth[node]) * ROW;
    size_t columns = width > 2 * CHARACTER ? (size_t)((width - 4) / CHARACTER) : 0;

    fputs("<g><title>", out);
    xml_text_print(out, name, 0);
    fputs(" (", out);
    print_amount(drawing, drawing->totals[node]);
    fputc(')', out);
    if (frame && frame->file) {
        fputs("\n", out);
        xml_text_print(out, frame->file, 0);
        fprintf(out, ":%" PRIu32, frame->line);
    }
    if (frame && frame->module) {
        fputs("\n", out);
        xml_text_print(out, frame->module, 0);
    }
    fputs(frame && frame->inlined ? "\ninlined" : "", out);
    fprintf(out, "</title><rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" rx=\"1\"",
            drawing->left[node], top, width > 0.5 ? width - 0.3 : width, ROW - 1);
    if (frame)
        fprintf(out, " fill=\"hsl(%u,%s,72%%)\"", hue(frame->module), frame->inlined ? "30%" : "55%");
    fputs("/>", out);
    if (columns >= 3) {
        fprintf(out, "<text x=\"%.1f\" y=\"%.0f\">", drawing->left[node] + 3, top + ROW - 5);
        xml_text_print(out, name, columns);
        fputs("</text>", out);
    }
    fputs("</g>\n", out);
}

static void draw(const struct drawing *drawing, const char *title)
{
    double scale = drawing->totals[0] ? (WIDTH - 2 * MARGIN) / (double)drawing->totals[0] : 0;
    FILE *out = drawing->out;

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %u\" width=\"%.0f\" "
            "height=\"%u\">\n"
            "<style>text{font:11px monospace;fill:#111}.b{fill:#fff}rect{fill:#ddd}"
            ".t{font:15px sans-serif}g:hover rect{stroke:#000}"
            "@media (prefers-color-scheme:dark){.b{fill:#16181d}.t{fill:#eee}}</style>\n"
            "<rect class=\"b\" width=\"100%%\" height=\"100%%\"/>\n<text class=\"t\" x=\"%d\" "
            "y=\"24\">",
            WIDTH, TOP + drawing->rows * ROW + MARGIN, WIDTH, TOP + drawing->rows * ROW + MARGIN,
            MARGIN);
    xml_text_print(out, title, 150);
    fprintf(out, "</text>\n<text class=\"t\" style=\"font-size:12px\" x=\"%d\" y=\"44\">", MARGIN);
    fprintf(out, "%s: ", profile_value_name(drawing->value));
    print_amount(drawing, drawing->totals[0]);
    fputs(drawing->cut ? "; deeper frames are left out</text>\n" : "</text>\n", out);
    for (uint32_t i = 0; i < drawing->profile->node_count; i++) {
        double width = (double)drawing->totals[i] * scale;

        if (drawing->depth[i] <= DEPTH_MAX && (width >= LEAST || i == 0))
            draw_node(drawing, i, width);
    }
    fputs("</svg>\n", out);
}

int svg_print(FILE *out, const struct profile *profile, enum profile_value value, const char *title)
{
    struct drawing drawing = {
        .out = out,
        .profile = profile,
        .value = value,
        .totals = profile_totals(profile, 0, value),
        .left = calloc(profile->node_count, sizeof(double)),
        .depth = calloc(profile->node_count, sizeof(uint32_t)),
    };
    int result = drawing.totals && drawing.left && drawing.depth ? place(&drawing) : -ENOMEM;

    if (result == 0)
        draw(&drawing, title);
    free(drawing.totals);
    free(drawing.left);
    free(drawing.depth);
    return result;
}
