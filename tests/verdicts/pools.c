/* pools.c - memory that a program deals out itself, and tells heapdelta of. */
#include "scene.h"

#define DOMAIN 7
#define CHUNK  64 /* objects */
#define OBJECT 48

static struct node *unused;

static SITE char *chunk_new(void)
{
    char *chunk = malloc((size_t)CHUNK * OBJECT);

    memset(chunk, 'c', (size_t)CHUNK * OBJECT);
    return chunk;
}

static void *pool_take(void)
{
    if (!unused) {
        char *chunk = chunk_new();

        for (unsigned i = 0; i < CHUNK; i++)
            push(&unused, (struct node *)(void *)(chunk + (size_t)i * OBJECT));
    }
    return pop(&unused);
}

static SITE struct node *object_new(void)
{
    struct node *object = pool_take();

    heapdelta_track(DOMAIN, object, OBJECT);
    return object;
}

static void object_free(struct node *object)
{
    heapdelta_untrack(DOMAIN, object);
    push(&unused, object);
}

static struct node *kept;

/* Objects of a pool are kept that should be given back. */
static void pool_grows(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        struct node *object = object_new();

        if (draw(3) == 0)
            push(&kept, object);
        else
            object_free(object);
        traffic(2);
        step(i);
    }
}

/* Objects of a pool come and go, up to a limit. */
static void pool_steady(unsigned requests)
{
    static struct node *in_use[300];

    for (unsigned i = 0; i < requests; i++) {
        unsigned place = draw(300);

        if (in_use[place])
            object_free(in_use[place]);
        in_use[place] = object_new();
        traffic(2);
        step(i);
    }
}

static SITE char *region_new(size_t size)
{
    char *region = malloc(size);

    memset(region, 'r', size);
    return region;
}

static char *regions[64];

/* A region is dealt out for each request, and then begun anew: its blocks are never freed. */
static void arena_reset(unsigned requests)
{
    unsigned have = 0;

    for (unsigned i = 0; i < requests; i++) {
        unsigned needed = 1 + draw(40) / (1 + draw(8));

        while (have < needed)
            regions[have++] = region_new(4096);
        regions[0][0] = (char)i;
        traffic(2);
        step(i);
    }
}

const struct scene scenes[] = {
    {"pool_grows", pool_grows, 10000},
    {"pool_steady", pool_steady, 10000},
    {"arena_reset", arena_reset, 10000},
    {0},
};
