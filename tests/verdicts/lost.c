/* lost.c - blocks that nobody points at any more. */
#include "scene.h"

static SITE char *request_new(size_t size)
{
    char *request = malloc(size);

    request[0] = 'r';
    return request;
}

/* One request of 1000 is forgotten, under heavy traffic. */
static void slow_leak(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        char *request = request_new(100);

        traffic(2);
        if (i % 1000 != 999)
            free(request);
        step(i);
    }
}

static SITE char *parse_buffer(size_t size)
{
    char *buffer = malloc(size);

    buffer[0] = 'p';
    return buffer;
}

static int parse(unsigned input)
{
    char *buffer = parse_buffer(200);

    if (input == 0)
        return -1; /* and forgets the buffer */
    free(buffer);
    return 0;
}

/* The path for errors, which come by chance, returns early. */
static void error_path(unsigned requests)
{
    unsigned errors = 0;

    for (unsigned i = 0; i < requests; i++) {
        errors += parse(draw(300)) < 0;
        traffic(1);
        step(i);
    }
}

static char *volatile current;

static SITE void set_current(size_t size)
{
    char *text = malloc(size);

    text[0] = 'c';
    current = text;
}

/* A variable is set anew, and what it held forgotten. */
static void overwritten(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(20) == 0)
            set_current(40);
        traffic(2);
        step(i);
    }
}

struct pair {
    struct pair *other;
    char bytes[40];
};

static SITE struct pair *pair_new(void)
{
    struct pair *pair = malloc(sizeof(*pair));

    pair->other = NULL;
    return pair;
}

/* Two that point at each other, and nobody at them. */
static void cycle(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        struct pair *one = pair_new(), *two = pair_new();

        one->other = two;
        two->other = one;
        if (i % 10 != 0) {
            free(one);
            free(two);
        }
        traffic(1);
        step(i);
    }
}

static SITE struct node *list_node(size_t size)
{
    struct node *node = NODE(size);

    node->bytes[0] = 'n';
    return node;
}

/* A list is built for each of some requests; only its head is freed. */
static void list_tail(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (i % 50 == 0) {
            struct node *list = NULL;

            for (unsigned j = 0, length = 2 + draw(6); j < length; j++)
                push(&list, list_node(24));
            free(list);
        }
        traffic(2);
        step(i);
    }
}

static SITE char *leak_fast(size_t size)
{
    char *text = malloc(size);

    text[0] = 'f';
    return text;
}

static SITE char *leak_slowly(size_t size)
{
    char *text = malloc(size);

    text[0] = 's';
    return text;
}

/* Two leaks of different speed. */
static void two_rates(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(8) == 0)
            leak_fast(64);
        if (draw(250) == 0)
            leak_slowly(64);
        traffic(1);
        step(i);
    }
}

static SITE char *image_new(size_t size)
{
    char *image = malloc(size);

    image[0] = 'i';
    return image;
}

/* Few blocks, but large ones, by chance. */
static void rare_large(unsigned requests)
{
    unsigned images = 0;

    for (unsigned i = 0; i < requests; i++) {
        char *image = draw(20) == 0 ? image_new(1u << 20) : NULL;

        if (image && draw(20) != 0)
            free(image);
        else
            images += image != NULL;
        traffic(1);
        step(i);
    }
}

static SITE char *start_text(size_t size)
{
    char *text = malloc(size);

    text[0] = 's';
    return text;
}

/* A program that is well, but for what it forgot when it began. */
static void at_start(unsigned requests)
{
    unsigned texts = 3 + draw(5);

    for (unsigned i = 0; i < texts; i++)
        start_text(30);
    for (unsigned i = 0; i < requests; i++) {
        traffic(2);
        step(i);
    }
}

static struct node *table;

static SITE struct node *table_node(size_t size)
{
    struct node *node = NODE(size);

    node->bytes[0] = 'n';
    return node;
}

/* A table that was held all the time, and is let go at the end without being freed. */
static void at_end(unsigned requests)
{
    for (unsigned i = 0; i < 500; i++)
        push(&table, table_node(32));
    for (unsigned i = 0; i < requests; i++) {
        traffic(2);
        step(i);
    }
    table = NULL;
}

static SITE char *copy_name(const char *name)
{
    char *copy = strdup(name);

    copy[0] = 'N';
    return copy;
}

/* The copy of a name, by the C library. */
static void library_copy(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        char *name = copy_name("a name of usual length");

        if (draw(40) != 0)
            free(name);
        traffic(1);
        step(i);
    }
}

const struct scene scenes[] = {
    {"slow_leak", slow_leak, 150000},
    {"error_path", error_path, 40000},
    {"overwritten", overwritten, 8000},
    {"cycle", cycle, 8000},
    {"list_tail", list_tail, 8000},
    {"two_rates", two_rates, 20000},
    {"rare_large", rare_large, 20000},
    {"at_start", at_start, 8000},
    {"at_end", at_end, 8000},
    {"library_copy", library_copy, 8000},
    {0},
};
