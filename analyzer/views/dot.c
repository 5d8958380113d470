#include "views/dot.h"

#include "views/units.h"
#include "views/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A step of one path or of several. */
struct node {
    size_t parent; /* index plus 1; 0: none */
    char *label;
    bool is_root, is_array, repeats;
    uint64_t size, count, retained; /* of the row that ends here; 0: none does */
};

struct nodes {
    struct node *nodes;
    size_t count, room;
};

/* TEXT as it may stand in a quoted string. */
static void print_text(FILE *out, const char *text)
{
    char *shown = NULL;
    size_t size;
    FILE *memory = open_memstream(&shown, &size);

    if (!memory)
        return;
    utf8_print(memory, text);
    fclose(memory);
    for (const char *at = shown; at && *at; at++) {
        if (*at == '"' || *at == '\\')
            fputc('\\', out);
        fputc(*at, out);
    }
    free(shown);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void print_root(FILE *out, const struct report_link *link)
{
    if (strcmp(link->kind, "lost") == 0) {
        fputs("nobody", out);
        return;
    }
    fputs(link->kind, out);
    if (link->name && *link->name) {
        fputc(' ', out);
        print_text(out, link->name);
    } else if (!link->name && link->module) {
        fputc(' ', out);
        print_text(out, link->module);
        fprintf(out, "+0x%" PRIx64, link->offset);
    }
    if (link->function) {
        fputs(" of ", out);
        print_text(out, link->function);
    }
    if (link->type) {
        fputs("\\n", out);
        print_text(out, link->type);
    }
    if (link->file) {
        fputs("\\n", out);
        print_text(out, base_name(link->file));
        if (link->line)
            fprintf(out, ":%" PRIu32, link->line);
    }
    if (link->thread)
        fprintf(out, "\\nthread %" PRIu32, link->thread);
}

static void print_blocks(FILE *out, const struct report_link *link)
{
    print_text(out, link->function ? link->function : link->place ? link->place : "<unknown>");
    if (link->file) {
        fputs("\\n", out);
        print_text(out, base_name(link->file));
        fprintf(out, ":%" PRIu32, link->line);
    }
}

static char *make_label(const struct report_link *link, bool is_root)
{
    char *label = NULL;
    size_t size;
    FILE *out = open_memstream(&label, &size);

    if (!out)
        return NULL;
    if (is_root)
        print_root(out, link);
    else
        print_blocks(out, link);
    return fclose(out) == 0 ? label : NULL;
}

/* The node LABEL, which becomes its own, below PARENT, made if it is new. 0 for lack of memory. */
static size_t find_node(struct nodes *nodes, size_t parent, char *label)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->nodes[i].parent == parent && strcmp(nodes->nodes[i].label, label) == 0) {
            free(label);
            return i + 1;
        }
    }
    if (nodes->count == nodes->room) {
        size_t room = nodes->room ? 2 * nodes->room : 64;
        struct node *grown = realloc(nodes->nodes, room * sizeof(*grown));

        if (!grown) {
            free(label);
            return 0;
        }
        nodes->nodes = grown;
        nodes->room = room;
    }
    nodes->nodes[nodes->count] = (struct node){.parent = parent, .label = label};
    return ++nodes->count;
}

/* Add the path of ROW, whose first cells are its size, count and bytes retained. */
static int add_row(struct nodes *nodes, const struct report_row *row)
{
    size_t node = 0;

    for (size_t i = 0; i < row->path_length; i++) {
        char *label = make_label(&row->path[i], i == 0);

        node = label ? find_node(nodes, node, label) : 0;
        if (!node)
            return -ENOMEM;
        nodes->nodes[node - 1].is_root = i == 0;
        nodes->nodes[node - 1].is_array |= row->path[i].is_array;
        nodes->nodes[node - 1].repeats |= row->path[i].repeats;
    }
    if (node) {
        nodes->nodes[node - 1].size += row->cells[0].number;
        nodes->nodes[node - 1].count += row->cells[1].number;
        nodes->nodes[node - 1].retained += row->cells[2].number;
    }
    return 0;
}

static void print_nodes(FILE *out, const struct nodes *nodes)
{
    char size[UNITS_SIZE], retained[UNITS_SIZE];

    for (size_t i = 0; i < nodes->count; i++) {
        const struct node *node = &nodes->nodes[i];

        fprintf(out, "  n%zu [shape=%s, label=\"%s%s", i + 1, node->is_root ? "ellipse" : "box",
                node->label,
                node->is_array  ? "\\nan array of pointers"
                : node->repeats ? "\\none after the other"
                                : "");
        if (node->count)
            fprintf(out, "\\n%" PRIu64 " %s, %s\\nretains %s", node->count,
                    node->count == 1 ? "block" : "blocks",
                    units_bytes(size, (double)node->size, false),
                    units_bytes(retained, (double)node->retained, false));
        fputs("\"];\n", out);
        if (node->parent)
            fprintf(out, "  n%zu -> n%zu;\n", node->parent, i + 1);
    }
}

int dot_print(FILE *out, const struct report *report)
{
    struct nodes nodes = {0};
    int result = 0;

    for (size_t i = 0; i < report->table_count && result == 0; i++) {
        const struct report_table *table = &report->tables[i];

        if (table->style != REPORT_PATHS)
            continue;
        for (size_t j = 0; j < table->row_count && result == 0; j++)
            result = add_row(&nodes, &table->rows[j]);
        break;
    }
    if (result == 0) {
        fputs("digraph holders {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=10];\n",
              out);
        if (report->title) {
            fputs("  label=\"", out);
            print_text(out, report->title);
            fputs("\";\n", out);
        }
        print_nodes(out, &nodes);
        fputs("}\n", out);
    }
    for (size_t i = 0; i < nodes.count; i++)
        free(nodes.nodes[i].label);
    free(nodes.nodes);
    return result;
}
