/* inside.c - blocks that are held by a pointer to somewhere inside. */
#include "truth.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static APART void by_one_pointer_inside(void)
{
    static char *volatile kept;

    kept = (char *)MAKE(INSIDE, 200) + 40;
}

static APART void by_a_tagged_pointer(void)
{
    static volatile uintptr_t kept;

    kept = (uintptr_t)MAKE(INSIDE, 201) | 1;
}

static APART void by_a_pointer_to_the_last_byte(void)
{
    static char *volatile kept;

    kept = (char *)MAKE(INSIDE, 202) + 201;
}

static APART void at_start_and_inside(void)
{
    static char *volatile kept[2];

    kept[0] = MAKE(HELD, 203);
    kept[1] = kept[0] + 50;
}

struct node {
    struct node *left, *right;
    char rest[40];
};

static APART struct node *grow(int depth)
{
    struct node *node = MAKE(INSIDE, sizeof *node);

    if (depth > 1) {
        node->left = grow(depth - 1);
        node->right = grow(depth - 1);
    }
    return node;
}

static APART void tree_held_inside(void)
{
    static char *volatile kept;

    kept = grow(6)->rest;
}

/* What is held by its start through a block that is only held inside. */
static APART void behind_one_held_inside(void)
{
    static void **volatile kept;
    void **block = MAKE(INSIDE, 204);

    block[0] = MAKE(INSIDE, 205);
    kept = block + 20;
}

static APART void a_ring_held_inside(void)
{
    static char *volatile kept;
    struct node *one = MAKE(INSIDE, sizeof *one), *two = MAKE(INSIDE, sizeof *two);

    one->left = two;
    two->left = one;
    kept = two->rest;
}

/* sqlite3_malloc and many others: the length lies before the bytes. */
static APART void behind_a_length(void)
{
    static char *volatile kept;
    uint64_t *block = MAKE(HELD, 8 + 300);

    block[0] = 300;
    kept = (char *)(block + 1);
}

static APART void behind_a_wrong_length(void)
{
    static char *volatile kept;
    uint64_t *block = MAKE(INSIDE, 8 + 300);

    block[0] = 301;
    kept = (char *)(block + 1);
}

/* As `new` of an array of objects with destructors does it: the number lies before. */
static APART void behind_a_count(void)
{
    static char *volatile kept;
    uint64_t *block = MAKE(HELD, 8 + 20 * 24);

    block[0] = 20;
    kept = (char *)(block + 1);
}

/* The old std::string: length, capacity, reference count. */
static APART void behind_three_words(void)
{
    static char *volatile kept;
    uint64_t *block = MAKE(HELD, 24 + 40 + 1);

    block[0] = 33;
    block[1] = 40;
    kept = (char *)(block + 3);
}

/* By malloc, a multiple of 64 in there, and in the word before what is to be freed: as Eigen, OpenCV
 * and many others align. */
static APART void aligned_by_hand(void)
{
    static void **volatile kept;
    char *block = MAKE(HELD, 500);
    void **aligned = (void **)(((uintptr_t)block + 8 + 63) & ~(uintptr_t)63);

    aligned[-1] = block;
    kept = aligned;
}

/* As in the kernel, glib, systemd: the list goes through the middle of the elements. */
struct link {
    struct link *next, *previous;
};

struct element {
    char name[24];
    struct link link;
};

static APART void in_an_intrusive_list(void)
{
    static struct link kept = {&kept, &kept};

    for (int i = 0; i < 100; i++) {
        struct element *element = MAKE(HELD, sizeof *element);

        element->link.next = kept.next;
        element->link.previous = &kept;
        kept.next->previous = &element->link;
        kept.next = &element->link;
    }
}

/* Several headers lie before the bytes, as of talloc, redis' sds, git. */
static APART void behind_headers(void)
{
    static char *volatile kept[30];

    for (int i = 0; i < 30; i++)
        kept[i] = (char *)MAKE(HELD, 64 + (size_t)i) + 16;
}

/* Three are no habit yet. */
static APART void three_behind_headers(void)
{
    static char *volatile kept[3];

    for (int i = 0; i < 3; i++)
        kept[i] = (char *)MAKE(INSIDE, 64) + 16;
}

/* An iterator that goes over an array, and the array is forgotten. */
static APART void by_an_iterator(void)
{
    static int *volatile end;
    int *numbers = MAKE(INSIDE, 100 * sizeof *numbers);

    end = numbers + 60;
}

int main(void)
{
    static void (*const functions[])(void) = {
        by_one_pointer_inside,  by_a_tagged_pointer,    by_a_pointer_to_the_last_byte,
        at_start_and_inside,    tree_held_inside,       behind_one_held_inside,
        a_ring_held_inside,     behind_a_length,        behind_a_wrong_length,
        behind_a_count,         behind_three_words,     aligned_by_hand,
        in_an_intrusive_list,
        behind_headers,         three_behind_headers,   by_an_iterator,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
