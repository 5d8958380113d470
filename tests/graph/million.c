/* million.c - a list of a million nodes that is held, and one that is not. */
#include "truth.h"

struct node {
    struct node *next;
    long number;
};

#define COUNT 1000000

static APART void held(void)
{
    static struct node *volatile kept;

    for (long i = 0; i < COUNT; i++) {
        struct node *node = malloc(sizeof *node);

        *node = (struct node){kept, i};
        kept = node;
    }
    truth_add(__func__, HELD, COUNT, sizeof(struct node));
}

static APART void lost(void)
{
    struct node *volatile last = NULL;

    for (long i = 0; i < COUNT; i++) {
        struct node *node = malloc(sizeof *node);

        *node = (struct node){last, i};
        last = node;
    }
    last = NULL;
    truth_add(__func__, LOST, 1, sizeof(struct node));
    truth_add(__func__, WITH_LOST, COUNT - 1, sizeof(struct node));
}

int main(void)
{
    truth_run(held);
    truth_run(lost);
    truth_print();
    return 0;
}
