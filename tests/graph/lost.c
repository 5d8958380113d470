/* lost.c - blocks that nobody can reach any more, lost in many ways. */
#include "truth.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct node {
    struct node *next, *other;
    void *data;
};

#define NODE sizeof(struct node)

static void *volatile holder;
static volatile uintptr_t number;

static APART void overwritten(void)
{
    holder = MAKE(LOST, 100);
    holder = NULL;
}

static APART void overwritten_by_the_next(void)
{
    for (int i = 0; i < 100; i++)
        holder = MAKE(LOST, 20);
    holder = NULL;
}

static APART void never_stored(void)
{
    memset(MAKE(LOST, 33), 1, 33);
}

static APART void only_local(void)
{
    void *volatile local[4];

    for (int i = 0; i < 4; i++)
        local[i] = MAKE(LOST, 60);
    (void)local;
}

static APART void points_at_itself(void)
{
    struct node *node = MAKE(LOST, NODE);

    node->next = node;
}

static APART void two_in_a_circle(void)
{
    struct node *one = MAKE(LOST, NODE), *two = MAKE(WITH_LOST, NODE);

    one->next = two;
    two->next = one;
}

static APART void ring(void)
{
    struct node *first = MAKE(LOST, NODE), *last = first;

    for (int i = 1; i < 50; i++) {
        last->next = MAKE(WITH_LOST, NODE);
        last = last->next;
    }
    last->next = first;
}

static APART void ring_both_ways(void)
{
    struct node *first = MAKE(LOST, NODE), *last = first;

    for (int i = 1; i < 50; i++) {
        last->next = MAKE(WITH_LOST, NODE);
        last->next->other = last;
        last = last->next;
    }
    last->next = first;
    first->other = last;
}

/* All nodes point at all others. */
static APART void clique(void)
{
    struct node **all[8];

    for (int i = 0; i < 8; i++)
        all[i] = MAKE(i ? WITH_LOST : LOST, 8 * sizeof(void *));
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            all[i][j] = (struct node *)all[j];
}

static APART void ring_with_data(void)
{
    struct node *one = MAKE(LOST, NODE), *two = MAKE(WITH_LOST, NODE);

    one->next = two;
    two->next = one;
    two->data = MAKE(WITH_LOST, 500);
}

/* The circle is held by a lost block, so it is lost with that, wherever it lies. */
static APART void into_a_ring(void)
{
    struct node *one = MAKE(WITH_LOST, NODE), *two = MAKE(WITH_LOST, NODE);
    struct node *head = MAKE(LOST, NODE);

    one->next = two;
    two->next = one;
    head->next = one;
}

static APART void list(void)
{
    struct node *head = MAKE(LOST, NODE), *last = head;

    for (int i = 1; i < 200; i++) {
        last->next = MAKE(WITH_LOST, NODE);
        last = last->next;
    }
}

static APART struct node *grow(int depth)
{
    struct node *node = MAKE(depth == 5 ? LOST : WITH_LOST, NODE);

    if (depth > 1) {
        node->next = grow(depth - 1);
        node->other = grow(depth - 1);
    }
    return node;
}

static APART void tree(void)
{
    (void)grow(5);
}

static APART void two_hold_one(void)
{
    struct node *one = MAKE(LOST, NODE), *two = MAKE(LOST, NODE);

    one->data = two->data = MAKE(WITH_LOST, 70);
}

static APART void held_inside_by_lost(void)
{
    struct node *node = MAKE(LOST, NODE);

    node->data = (char *)MAKE(WITH_LOST, 90) + 40;
}

static APART void table_of_chains(void)
{
    struct node **table = MAKE(LOST, 16 * sizeof *table);

    for (int i = 0; i < 48; i++) {
        struct node *node = MAKE(WITH_LOST, NODE);

        node->data = MAKE(WITH_LOST, 10);
        node->next = table[i % 16];
        table[i % 16] = node;
    }
}

/* The parent was freed, its members were not. */
static APART void members_forgotten(void)
{
    struct node *parent = calloc(1, NODE);

    parent->next = MAKE(LOST, 44);
    parent->data = MAKE(LOST, 55);
    free(parent);
}

/* … from a chunk that does not go to a short list, where two words would be written over. */
static APART void in_a_free_chunk(void)
{
    void **large = calloc(1, 3000);

    large[200] = MAKE(LOST, 66);
    free(large);
}

static APART void in_the_part_that_realloc_cut(void)
{
    void **large = calloc(1, 2000);

    large[240] = MAKE(LOST, 77);
    large = realloc(large, 100);
    free(large);
}

static APART void behind_the_end_after_shrinking(void)
{
    void **large = calloc(1, 600);

    large[70] = MAKE(LOST, 78);
    truth_add(__func__, HELD, 1, 100);
    holder = realloc(large, 100);
    number = (uintptr_t)holder ^ 1; /* the block is held by the next one */
}

static APART void keep_the_shrunk(void)
{
    static void *volatile kept;

    kept = (void *)(number ^ 1);
    number = 0;
    holder = NULL;
}

static APART void disguised_by_xor(void)
{
    number = (uintptr_t)MAKE(LOST, 88) ^ 0x5a5a5a5a5a5a5a5au;
}

static APART void as_half_a_word(void)
{
    static volatile uint32_t halves[4];
    uintptr_t address = (uintptr_t)MAKE(LOST, 89);

    halves[0] = ~(uint32_t)address; /* which may be all of it */
    halves[2] = ~(uint32_t)(address >> 32);
}

static APART void with_a_tag_above(void)
{
    static volatile uintptr_t tagged;

    tagged = (uintptr_t)MAKE(LOST, 91) | (uintptr_t)0xff << 56;
}

static APART void at_an_odd_address(void)
{
    static char bytes[32] __attribute__((aligned(8)));
    void *block = MAKE(LOST, 92);

    memcpy(bytes + 3, &block, sizeof block);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

static APART void behind_the_end(void)
{
    static char *volatile end;

    end = (char *)MAKE(LOST, 104) + 104;
}

static APART void before_the_start(void)
{
    static char *volatile before;

    before = (char *)MAKE(LOST, 96) - 8;
}

static APART void of_size_zero(void)
{
    truth_add(__func__, LOST, 1, 0);
    holder = malloc(0);
    holder = NULL;
}

static APART void by_each_function(void)
{
    void *block = NULL;
    char *text = strdup("text");

    truth_add(__func__, LOST, 1, 5);
    holder = text;
    truth_add(__func__, LOST, 1, 120);
    holder = malloc(120);
    holder = MAKE(LOST, 121);
    truth_add(__func__, LOST, 1, 122);
    holder = realloc(NULL, 122);
    truth_add(__func__, LOST, 1, 123 * 3);
    holder = reallocarray(NULL, 123, 3);
    truth_add(__func__, LOST, 1, 124);
    if (posix_memalign(&block, 64, 124) == 0)
        holder = block;
    truth_add(__func__, LOST, 1, 512);
    holder = aligned_alloc(256, 512);
    truth_add(__func__, LOST, 1, 126);
    holder = memalign(4096, 126);
    truth_add(__func__, LOST, 1, 127);
    holder = valloc(127);
    holder = block = NULL;
}

static APART void by_printing(void)
{
    char *text;

    if (asprintf(&text, "number %d, %s", 1234, "a") < 0)
        return;
    truth_add(__func__, LOST, 1, sizeof "number 1234, a");
    holder = text;
    holder = NULL;
}

/* The list of free chunks leads to the last word of the block before. The sizes are larger than all
 * that was freed until now, so these three are neighbours. */
static APART void before_a_free_chunk(void)
{
    void *volatile block = MAKE(LOST, 40008), *freed = malloc(50000), *behind = MAKE(LOST, 40000);

    block = NULL;
    behind = NULL;
    free(freed);
}

/* Far below what is wiped, and what the program yet needs of the stack. */
static APART void far_below_the_stack(void)
{
    void *volatile stack[8192];

    memset((void *)stack, 0, sizeof stack);
    stack[8] = MAKE(LOST, 80);
}

int main(void)
{
    static void (*const functions[])(void) = {
        overwritten,        overwritten_by_the_next, never_stored,       only_local,
        points_at_itself,   two_in_a_circle,         ring,               ring_both_ways,
        clique,             ring_with_data,          into_a_ring,        list,
        tree,               two_hold_one,            held_inside_by_lost, table_of_chains,
        members_forgotten,  in_a_free_chunk,         in_the_part_that_realloc_cut,
        behind_the_end_after_shrinking,              keep_the_shrunk,    disguised_by_xor,
        as_half_a_word,     with_a_tag_above,        at_an_odd_address,  behind_the_end,
        before_the_start,   of_size_zero,            by_each_function,   by_printing,
        before_a_free_chunk, far_below_the_stack,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
