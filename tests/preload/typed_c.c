/* Blocks of known types in C. Prints a line for each type: how many there are of it, how it is
 * found, what it is called; fields are separated by tabs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT 10

struct opaque; /* declared first */

struct leaf {
    long value;
    char *text;
};

typedef struct {
    struct leaf *leaves[COUNT];
    double *numbers;
} unnamed;

struct tail {
    size_t count;
    struct leaf *first;
    struct leaf *more[];
};

struct registry {
    struct node {
        struct node *next;
        unnamed *content;
        void *hidden;
    } *head;
    struct tail *tail;
    struct leaf **table;
    struct opaque *opaque;
    const union {
        long number;
        char *text;
    } *both;
};

struct registry *registry;
void *hider; /* of no type: what it holds is guessed */

static __attribute__((noinline)) struct leaf *leaf_new(long value)
{
    struct leaf *leaf = malloc(sizeof(*leaf));

    leaf->value = value;
    leaf->text = strdup("of a leaf");
    return leaf;
}

struct opaque {
    struct registry *back;
    short numbers[7];
};

struct returned {
    long a, b, c;
};

/* Nobody points at what this makes but with a void *. */
static __attribute__((noinline)) struct returned *returned_new(void)
{
    return calloc(1, sizeof(struct returned));
}

static __attribute__((noinline)) void *allocate(size_t size)
{
    void *block = calloc(1, size);

    if (!block)
        abort();
    return block;
}

int main(void)
{
    static char out[4096];
    void **hidden = allocate(4 * sizeof(*hidden));

    setvbuf(stdout, out, _IOFBF, sizeof out);
    registry = allocate(sizeof(*registry));
    for (int i = 0; i < COUNT; i++) {
        struct node *node = allocate(sizeof(*node));

        node->next = registry->head;
        registry->head = node;
        node->content = allocate(sizeof(*node->content));
        node->content->leaves[i] = leaf_new(i);
    }
    registry->tail = allocate(sizeof(*registry->tail) + 3 * sizeof(struct leaf *));
    registry->tail->more[2] = leaf_new(1);
    registry->table = allocate(COUNT * sizeof(*registry->table));
    registry->table[7] = leaf_new(2);
    registry->opaque = allocate(sizeof(*registry->opaque));
    registry->opaque->back = registry;
    registry->head->content->numbers = allocate(5 * sizeof(double));
    hider = hidden;
    hidden[0] = leaf_new(3); /* known, for others of the same place are */
    hidden[1] = returned_new();
    hidden[2] = allocate(1000);
    printf("1\tdeclared\tstruct registry\n"
           "%d\tdeclared\tstruct node\n"
           "%d\tdeclared\tunnamed\n"
           "%d\tdeclared+1\tstruct leaf\n"
           "%d\tdeclared+1\tchar[]\n"
           "1\tdeclared\tstruct tail\n"
           "1\tdeclared\tstruct leaf *[]\n"
           "1\tdeclared\tstruct opaque\n"
           "1\tdeclared\tdouble[]\n"
           "1\tinferred\tstruct returned\n",
           COUNT, COUNT, COUNT + 3, COUNT + 3);
    fflush(stdout);
    _exit(0);
}
