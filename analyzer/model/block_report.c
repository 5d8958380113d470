#include "model/block_report.h"

#include "format/snapshot.h"
#include "model/block_diff.h"
#include "model/diff.h"
#include "model/estimate.h"
#include "model/group_report.h"
#include "model/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What is grouped: the fates, and of what was resized the sizes before. */
enum {
    LIST_BEFORE = BLOCK_FATES,
    LISTS,
};

/* Which of the heaps a list is of. */
static bool is_old(int list)
{
    return list == BLOCK_GONE;
}

struct sums {
    const struct block_report_input *input;
    struct group_held *held[LISTS]; /* per stack of the heap */
};

static void hold(struct group_held *held, const struct heap *heap, const struct heap_block *block)
{
    uint64_t weight = estimate_weight(heap, block);

    held->bytes += weight * block->size;
    held->blocks += weight;
    held->variance += estimate_variance(block->size, weight);
}

static void add_block(void *context, enum block_fate fate, const struct heap_block *before,
                      const struct heap_block *after)
{
    struct sums *sums = context;
    const struct heap_block *block = after ? after : before;

    hold(&sums->held[fate][block->stack], after ? sums->input->new : sums->input->old, block);
    if (fate == BLOCK_RESIZED)
        hold(&sums->held[LIST_BEFORE][block->stack], sums->input->old, before);
}

/* Sum up all blocks into SUMS, to be freed by free_sums() in any case. */
static int sum_up(const struct block_report_input *input, struct sums *sums)
{
    sums->input = input;
    for (int i = 0; i < LISTS; i++) {
        const struct heap *heap = is_old(i) ? input->old : input->new;

        sums->held[i] = calloc(heap->stack_count + 1, sizeof(**sums->held));
        if (!sums->held[i])
            return -ENOMEM;
    }
    block_diff_walk(input->old, input->new, add_block, sums);
    return 0;
}

static void free_sums(struct sums *sums)
{
    for (int i = 0; i < LISTS; i++)
        free(sums->held[i]);
}

static void destroy_lists(struct group_list *lists[LISTS])
{
    for (int i = 0; i < LISTS; i++)
        group_destroy(lists[i]);
}

static int group_sums(const struct block_report_input *input, const struct sums *sums,
                      struct group_list *lists[LISTS])
{
    for (int i = 0; i < LISTS; i++) {
        struct group_options options = *input->options;

        options.held = sums->held[i];
        lists[i] = group_create(is_old(i) ? input->old : input->new,
                                is_old(i) ? input->old_symbols : input->new_symbols, &options);
        if (!lists[i])
            return -ENOMEM;
    }
    return 0;
}

/* The order of the rows: what is new first, then what was resized, is gone, was kept. */
static int compare_rows(const void *a, const void *b, void *key)
{
    const struct diff_row *left = a, *right = b;

    for (int i = 0; i < BLOCK_FATES; i++) {
        if (left->sizes[i] != right->sizes[i])
            return left->sizes[i] < right->sizes[i] ? 1 : -1;
        if (left->counts[i] != right->counts[i])
            return left->counts[i] < right->counts[i] ? 1 : -1;
    }
    return group_compare(*(enum group_key *)key, left->group, right->group);
}

static void add_fate_columns(struct report *report)
{
    for (int i = 0; i < BLOCK_FATES; i++) {
        const char *fate = block_fate_name((enum block_fate)i);
        char key[32];

        snprintf(key, sizeof(key), "%s_size", fate);
        report_add_column(report, key, fate, REPORT_BYTES, 0);
        snprintf(key, sizeof(key), "%s_count", fate);
        report_add_column(report, key, fate, REPORT_COUNT, REPORT_ASIDE);
    }
    report_add_column(report, "resized_diff", "resized by", REPORT_BYTES,
                      REPORT_SIGNED | REPORT_DATA_ONLY);
}

static void put_fates(const struct diff_row *row, struct report *report)
{
    for (int i = 0; i < BLOCK_FATES; i++) {
        report_put_number(report, row->sizes[i]);
        report_put_number(report, row->counts[i]);
    }
    report_put_number(report, row->sizes[BLOCK_RESIZED] - row->sizes[LIST_BEFORE]);
}

static void report_rows(const struct block_report_input *input, struct diff *diff,
                        struct report *report)
{
    size_t count =
        input->limit && input->limit < diff->row_count ? input->limit : diff->row_count;

    qsort_r(diff->rows, diff->row_count, sizeof(*diff->rows), compare_rows, &diff->key);
    report_add_text(report, "group_by", NULL, group_key_name(diff->key));
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 0);
    add_fate_columns(report);
    group_report_columns(diff->key, report);
    report_begin_total(report);
    put_fates(&diff->total, report);
    for (size_t i = 0; i < count; i++) {
        const struct diff_row *row = &diff->rows[i];

        report_begin_row(report);
        put_fates(row, report);
        group_report_key(diff->key, row->group, report);
        if (diff->key == GROUP_TRACEBACK)
            group_report_traceback(row->group, is_old((int)row->list) ? input->old_symbols
                                                                      : input->new_symbols,
                                   NULL, report);
    }
    report_set_omitted(report, diff->row_count - count);
}

int block_report_groups(const struct block_report_input *input, struct report *report)
{
    struct sums sums = {0};
    struct group_list *lists[LISTS] = {0};
    struct diff *diff = NULL;
    int result = sum_up(input, &sums);

    if (result == 0)
        result = group_sums(input, &sums, lists);
    if (result == 0) {
        diff = diff_create((const struct group_list *const *)lists, LISTS);
        if (diff)
            report_rows(input, diff, report);
        else
            result = -ENOMEM;
    }
    diff_destroy(diff);
    destroy_lists(lists);
    free_sums(&sums);
    return result;
}

/* A block that is listed. */
struct listed {
    enum block_fate fate;
    const struct heap_block *before, *after;
};

struct listing {
    const struct sums *sums; /* that know which stacks are kept */
    struct listed *blocks;
    size_t count;
};

static void list_block(void *context, enum block_fate fate, const struct heap_block *before,
                       const struct heap_block *after)
{
    struct listing *listing = context;

    if (listing->sums->held[fate][(after ? after : before)->stack].kept)
        listing->blocks[listing->count++] = (struct listed){fate, before, after};
}

static int compare_listed(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;
    const struct heap_block *x = left->after ? left->after : left->before;
    const struct heap_block *y = right->after ? right->after : right->before;

    if (left->fate != right->fate)
        return left->fate < right->fate ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->address > y->address) - (x->address < y->address);
}

/* When EPOCH began in HEAP, ns since tracing began. */
static uint64_t epoch_time(const struct heap *heap, uint32_t epoch)
{
    uint64_t time = 0;

    for (size_t i = 0; i < heap->epoch_count && heap->epochs[i].number <= epoch; i++)
        time = heap->epochs[i].time;
    return time;
}

/* Put the row of LISTED. Its age is known as well as its epoch is: when that began, it was not
 * there yet. */
static void put_listed(const struct block_report_input *input, const struct listed *listed,
                       struct report *report)
{
    const struct heap *heap = listed->after ? input->new : input->old;
    const struct heap_block *block = listed->after ? listed->after : listed->before;
    const struct symbol *symbol;
    uint64_t elapsed = heap->process->elapsed, began = epoch_time(heap, block->epoch);
    char place[512];
    uint32_t frame;

    symbol = site_newest(heap, listed->after ? input->new_symbols : input->old_symbols,
                         input->options->filter, block->stack, true, &frame);
    if (!symbol->file)
        snprintf(place, sizeof(place), "%s", symbol->place);
    else
        snprintf(place, sizeof(place), symbol->function ? "%s:%u (%s)" : "%s:%u", symbol->file,
                 symbol->line, symbol->function);
    report_begin_row(report);
    report_put_text(report, block_fate_name(listed->fate));
    report_put_number(report, block->address);
    report_put_number(report, heap->stacks[block->stack].domain);
    report_put_number(report, block->size);
    if (listed->before)
        report_put_number(report, listed->before->size);
    else
        report_put_unknown(report);
    report_put_number(report, block->epoch);
    report_put_number(report, elapsed > began ? elapsed - began : 0);
    report_put_number(report, block->stack);
    report_put_text(report, place);
}

static void report_listing(const struct block_report_input *input, const struct listing *listing,
                           struct report *report)
{
    size_t count = input->limit && input->limit < listing->count ? input->limit : listing->count;

    report_begin_table(report, "blocks", "Blocks", REPORT_TABLE, 0);
    report_add_column(report, "fate", "", REPORT_TEXT, 0);
    report_add_column(report, "address", "address", REPORT_ADDRESS, 0);
    report_add_column(report, "domain", "domain", REPORT_NUMBER, REPORT_DATA_ONLY);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "old_size", "before", REPORT_BYTES, 0);
    report_add_column(report, "epoch", "epoch", REPORT_NUMBER, 0);
    report_add_column(report, "age_max", "age at most", REPORT_DURATION, 0);
    report_add_column(report, "stack", "stack", REPORT_NUMBER, REPORT_DATA_ONLY);
    report_add_column(report, "place", "allocated at", REPORT_TEXT, 0);
    for (size_t i = 0; i < count; i++)
        put_listed(input, &listing->blocks[i], report);
    report_set_omitted(report, listing->count - count);
}

int block_report_list(const struct block_report_input *input, struct report *report)
{
    size_t room = input->old->block_count + input->old->tracked_count + input->new->block_count +
                  input->new->tracked_count;
    struct sums sums = {0};
    struct group_list *lists[LISTS] = {0};
    struct listing listing = {.sums = &sums, .blocks = calloc(room + 1, sizeof(struct listed))};
    int result = listing.blocks ? sum_up(input, &sums) : -ENOMEM;

    if (result == 0)
        result = group_sums(input, &sums, lists);
    if (result == 0) {
        block_diff_walk(input->old, input->new, list_block, &listing);
        qsort(listing.blocks, listing.count, sizeof(*listing.blocks), compare_listed);
        report_listing(input, &listing, report);
    }
    destroy_lists(lists);
    free_sums(&sums);
    free(listing.blocks);
    return result;
}
