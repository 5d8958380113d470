/* held.c - blocks that are held, become more and more, and should not. */
#include "scene.h"

static struct node *list;

static SITE struct node *entry_new(size_t size)
{
    struct node *node = NODE(size);

    node->bytes[0] = 'e';
    return node;
}

static SITE char *entry_name(size_t size)
{
    char *name = malloc(size);

    memset(name, 'n', size);
    return name;
}

/* Handlers that are registered and never removed, each with a name of its own. */
static void registry(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        struct node *entry = entry_new(32);

        push(&list, entry);
        entry->text = entry_name(8 + draw(30));
        traffic(4);
        step(i);
    }
}

/* The same, but not before half of the work is done. */
static void registry_late(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (i > requests / 2 && draw(4) == 0)
            push(&list, entry_new(32));
        traffic(3);
        step(i);
    }
}

#define CONNECTIONS 256

/* Clients come and go; one of fifty is never noticed to have gone. */
static void connections(unsigned requests)
{
    static struct node *table[CONNECTIONS];

    for (unsigned i = 0; i < requests; i++) {
        unsigned place = draw(CONNECTIONS);

        if (table[place] && draw(50) == 0) {
            push(&list, table[place]);
            table[place] = NULL;
        }
        free(table[place]);
        table[place] = draw(3) ? entry_new(200) : NULL;
        traffic(2);
        step(i);
    }
}

/* Tasks come faster than they are done. */
static void queue_behind(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        for (unsigned j = 0, come = draw(5); j < come; j++)
            push(&list, entry_new(100));
        for (unsigned j = 0, gone = draw(4); j < gone && list; j++)
            free(pop(&list));
        step(i);
    }
}

/* A cache without a limit, of keys without number. */
static void cache_unlimited(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(5) == 0) /* not there yet */
            push(&list, entry_new(40 + draw(100)));
        traffic(3);
        step(i);
    }
}

static char *log_text;
static size_t log_size;

static SITE void log_line(size_t size)
{
    char *longer = realloc(log_text, log_size + size);

    memset(longer + log_size, 'l', size);
    log_text = longer;
    log_size += size;
}

/* One block that is made longer and longer. */
static void growing_log(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(10) == 0)
            log_line(20 + draw(60));
        traffic(2);
        step(i);
    }
}

/* Errors, which are rare, are kept to be shown. */
static void errors_kept(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(250) == 0)
            push(&list, entry_new(120));
        traffic(2);
        step(i);
    }
}

/* As many as the root of what was done: slower and slower, but without limit. */
static void square_root(unsigned requests)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < requests; i++) {
        if (kept * kept / 40 < i) {
            push(&list, entry_new(48));
            kept++;
        }
        traffic(2);
        step(i);
    }
}

/* A buffer that is flushed now and then, but not all of it. */
static void flush_incomplete(unsigned requests)
{
    static struct node *buffer;
    unsigned length = 0, limit = 50 + draw(150);

    for (unsigned i = 0; i < requests; i++) {
        push(&buffer, entry_new(64));
        if (++length >= limit) {
            limit = 50 + draw(150);
            for (; length > 0; length--) {
                struct node *entry = pop(&buffer);

                if (draw(40) == 0)
                    push(&list, entry);
                else
                    free(entry);
            }
        }
        traffic(1);
        step(i);
    }
}

/* Large pictures are kept, few of them. */
static void large_kept(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (draw(400) == 0)
            push(&list, entry_new(1u << 20));
        traffic(2);
        step(i);
    }
}

static char **index_of;
static size_t index_count, index_room;

static SITE void index_grow(void)
{
    index_room = index_room ? index_room * 2 : 16;
    index_of = realloc(index_of, index_room * sizeof(*index_of));
}

/* A registry in a table that is doubled when it is full: the table follows. */
static void doubled_index(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (index_count == index_room)
            index_grow();
        index_of[index_count++] = entry_name(24 + draw(40));
        traffic(3);
        step(i);
    }
}

const struct scene scenes[] = {
    {"registry", registry, 5000},
    {"registry_late", registry_late, 10000},
    {"connections", connections, 15000},
    {"queue_behind", queue_behind, 10000},
    {"cache_unlimited", cache_unlimited, 8000},
    {"growing_log", growing_log, 10000},
    {"errors_kept", errors_kept, 40000},
    {"square_root", square_root, 20000},
    {"flush_incomplete", flush_incomplete, 20000},
    {"large_kept", large_kept, 30000},
    {"doubled_index", doubled_index, 5000},
    {0},
};
