#include "model/graph_diff.h"

#include "model/group_report.h"
#include "model/intern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

static const char *const class_names[] = {
    [GRAPH_DEFINITELY_LOST] = "definitely_lost",
    [GRAPH_INDIRECTLY_LOST] = "indirectly_lost",
    [GRAPH_POSSIBLY_LOST] = "possibly_lost",
    [GRAPH_STILL_REACHABLE] = "still_reachable",
};

/* A row, and what it is on each side. */
struct entry {
    struct key {
        const struct diff_row *row;
        const char *holder; /* interned; NULL: it is lost */
        uint64_t class;
    } key;
    uint64_t sizes[2], counts[2];
    UT_hash_handle hh;
};

struct comparing {
    const struct diff *diff;
    const struct graph_diff_side *sides[2];
    struct intern *strings;
    struct entry *table;
    struct entry **rows;
    size_t row_count;
};

/* The row of each group of side SIDE. NULL for lack of memory. */
static const struct diff_row **find_rows(const struct comparing *comparing, size_t side)
{
    const struct group_list *list = comparing->sides[side]->list;
    const struct diff_row **rows = calloc(list->count + 1, sizeof(*rows));

    for (size_t i = 0; rows && i < comparing->diff->row_count; i++) {
        const struct diff_row *row = &comparing->diff->rows[i];

        if (row->groups[side])
            rows[row->groups[side] - list->groups] = row;
    }
    return rows;
}

static struct entry *find_entry(struct comparing *comparing, const struct key *key)
{
    struct entry *entry;

    HASH_FIND(hh, comparing->table, key, sizeof(*key), entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->key = *key;
    HASH_ADD(hh, comparing->table, key, sizeof(*key), entry);
    if (entry->hh.tbl)
        return entry;
    free(entry);
    return NULL;
}

/* The name of who holds the blocks of STEP, from NAMES if it is known there. */
static const char *name_holder(struct comparing *comparing, size_t side, uint32_t step,
                               const char **names)
{
    char holder[256];

    if (!names[step]) {
        holder_paths_name(comparing->sides[side]->paths, step, holder, sizeof(holder));
        names[step] = intern_string(comparing->strings, holder);
    }
    return names[step];
}

/* Count the blocks of side SIDE to their rows. */
static int count_side(struct comparing *comparing, size_t side)
{
    const struct graph_diff_side *at = comparing->sides[side];
    const struct holders *holders = holder_paths_holders(at->paths);
    const struct diff_row **rows = find_rows(comparing, side);
    const char **names = calloc(holders->step_count + 1, sizeof(*names));
    int result = rows && names ? 0 : -ENOMEM;

    for (uint32_t i = 0; result == 0 && i < at->graph->heap->block_count; i++) {
        struct entry *entry;
        struct key key;

        if (at->list->of_block[i] == GROUP_NONE)
            continue;
        memset(&key, 0, sizeof(key));
        key.row = rows[at->list->of_block[i]];
        key.class = at->graph->classes[i];
        if (!graph_is_lost(at->graph, i)) {
            key.holder = name_holder(comparing, side, holders->step_of[i], names);
            if (!key.holder)
                result = -ENOMEM;
        }
        entry = result == 0 ? find_entry(comparing, &key) : NULL;
        if (!entry) {
            result = -ENOMEM;
            break;
        }
        entry->sizes[side] += at->graph->heap->blocks[i].size;
        entry->counts[side]++;
    }
    free(rows);
    free(names);
    return result;
}

static uint64_t magnitude(const uint64_t *values)
{
    return values[1] > values[0] ? values[1] - values[0] : values[0] - values[1];
}

static int descending(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int compare_entries(const void *left, const void *right, void *key)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
    int order = descending(b->key.class, a->key.class);

    if (!order) /* what there is more of */
        order = descending(a->counts[1] > a->counts[0], b->counts[1] > b->counts[0]);
    if (!order)
        order = descending(magnitude(a->sizes), magnitude(b->sizes));
    if (!order)
        order = descending(magnitude(a->counts), magnitude(b->counts));
    if (!order)
        order = descending(a->sizes[1], b->sizes[1]);
    if (!order)
        order = group_compare(*(enum group_key *)key, a->key.row->group, b->key.row->group);
    if (!order && a->key.holder && b->key.holder)
        order = strcmp(a->key.holder, b->key.holder);
    return order;
}

static int sort_rows(struct comparing *comparing, bool with_unchanged)
{
    enum group_key key = comparing->diff->key;

    comparing->rows = calloc(HASH_COUNT(comparing->table) + 1, sizeof(struct entry *));
    if (!comparing->rows)
        return -ENOMEM;
    for (struct entry *entry = comparing->table; entry; entry = entry->hh.next) {
        if (with_unchanged || magnitude(entry->sizes) || magnitude(entry->counts))
            comparing->rows[comparing->row_count++] = entry;
    }
    qsort_r(comparing->rows, comparing->row_count, sizeof(struct entry *), compare_entries, &key);
    return 0;
}

/* Put by whom the blocks of ENTRY are held, for people. */
static void put_holder(const struct entry *entry, struct report *report)
{
    static const char *const classes[] = {
        [GRAPH_DEFINITELY_LOST] = " (definitely lost)",
        [GRAPH_INDIRECTLY_LOST] = " (indirectly lost)",
        [GRAPH_POSSIBLY_LOST] = " (possibly lost)",
        [GRAPH_STILL_REACHABLE] = "",
    };
    char text[300];

    snprintf(text, sizeof(text), "%s%s", entry->key.holder ? entry->key.holder : "nobody",
             classes[entry->key.class]);
    report_put_text(report, text);
}

static void add_rows(const struct comparing *comparing, size_t limit, struct report *report)
{
    size_t shown = limit && limit < comparing->row_count ? limit : comparing->row_count;

    report_add_text(report, "group_by", NULL, group_key_name(comparing->diff->key));
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 2);
    report_add_column(report, "class", "class", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "held_by", "held by", REPORT_TEXT, REPORT_DATA_ONLY);
    report_add_column(report, "holder", "held by", REPORT_TEXT, REPORT_TEXT_ONLY);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "size_diff", "change", REPORT_BYTES, REPORT_SIGNED);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "count_diff", "change", REPORT_COUNT, REPORT_SIGNED);
    group_report_columns(comparing->diff->key, report);
    for (size_t i = 0; i < shown; i++) {
        const struct entry *entry = comparing->rows[i];

        report_begin_row(report);
        report_put_text(report, class_names[entry->key.class]);
        report_put_text(report, entry->key.holder);
        put_holder(entry, report);
        report_put_number(report, entry->sizes[1]);
        report_put_number(report, entry->sizes[1] - entry->sizes[0]);
        report_put_number(report, entry->counts[1]);
        report_put_number(report, entry->counts[1] - entry->counts[0]);
        group_report_key(comparing->diff->key, entry->key.row->group, report);
        if (comparing->diff->key == GROUP_TRACEBACK)
            group_report_traceback(entry->key.row->group,
                                   comparing->sides[entry->key.row->list]->symbols, NULL, report);
    }
    report_set_omitted(report, comparing->row_count - shown);
}

int graph_diff_report(const struct diff *diff, const struct graph_diff_side *old,
                      const struct graph_diff_side *new, const struct graph_diff_options *options,
                      struct report *report)
{
    struct comparing comparing = {
        .diff = diff, .sides = {old, new}, .strings = intern_create()};
    struct entry *entry, *next;
    int result = comparing.strings ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < 2; i++)
        result = count_side(&comparing, i);
    if (result == 0)
        result = sort_rows(&comparing, options->with_unchanged);
    if (result == 0) {
        add_rows(&comparing, options->limit, report);
        if (comparing.row_count == 0)
            report_add_note(report, "Nothing changed.");
    }
    HASH_ITER(hh, comparing.table, entry, next) {
        HASH_DEL(comparing.table, entry);
        free(entry);
    }
    free(comparing.rows);
    intern_destroy(comparing.strings);
    return result;
}
