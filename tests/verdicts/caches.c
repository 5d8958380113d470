/* caches.c - blocks that are held, and are as many as there ought to be. */
#include "scene.h"

#define KEYS 4096

static char *slots[KEYS];

static SITE char *value_new(size_t size)
{
    char *value = malloc(size);

    memset(value, 'v', size);
    return value;
}

/* Replace one of LIMIT values if the key, one of 5 times LIMIT, is not there. */
static void look_up(unsigned limit)
{
    static unsigned keys[KEYS];
    unsigned key = 1 + draw(limit * 5), place = key % limit;

    if (keys[place] == key)
        return;
    keys[place] = key;
    free(slots[place]);
    slots[place] = value_new(40 + draw(200));
}

/* A cache with a limit, which it soon reaches. */
static void cache_limited(unsigned requests)
{
    unsigned limit = 200 + draw(200);

    for (unsigned i = 0; i < requests; i++) {
        look_up(limit);
        traffic(2);
        step(i);
    }
}

/* One that is full when half of the work is done. */
static void cache_fills_slowly(unsigned requests)
{
    unsigned count = 0, limit = requests / 10;

    for (unsigned i = 0; i < requests; i++) {
        if (i % 5 == 0) {
            unsigned place = count < limit ? count++ : draw(limit);

            free(slots[place]);
            slots[place] = value_new(40 + draw(200));
        }
        traffic(2);
        step(i);
    }
}

/* A cache without a limit, of keys that are limited in number. */
static void keys_limited(unsigned requests)
{
    unsigned keys = requests / 10 + draw(100);

    for (unsigned i = 0; i < requests; i++) {
        unsigned key = draw(keys);

        if (!slots[key])
            slots[key] = value_new(60);
        traffic(2);
        step(i);
    }
}

/* Words as a text has them, the common ones often: each kept once. */
static void interning(unsigned requests)
{
    unsigned words = 1500 + draw(500);

    for (unsigned i = 0; i < requests; i++) {
        unsigned word = draw(words);

        word = word * (1 + draw(words)) / words;
        if (!slots[word])
            slots[word] = value_new(20);
        traffic(1);
        step(i);
    }
}

/* As many as the logarithm of what was done. */
static void logarithmic(unsigned requests)
{
    unsigned count = 0;

    for (unsigned i = 0; i < requests; i++) {
        if (draw(i + 400) < 400)
            slots[count++] = value_new(80);
        traffic(2);
        step(i);
    }
}

static char *line;
static size_t line_room;

static SITE void line_grow(void)
{
    line_room = line_room ? line_room * 2 : 64;
    line = realloc(line, line_room);
    line[line_room - 1] = 'l';
}

/* A buffer that is doubled for what is longer than all before: as getline() does. */
static void buffer_doubles(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        unsigned length = 64 + draw(60000) / (1 + draw(30));

        while (line_room < length)
            line_grow();
        traffic(2);
        step(i);
    }
}

/* The set of objects in use goes up and down; freed ones are kept for the next. */
static void recycled(unsigned requests)
{
    static struct node *unused, *used;
    unsigned in_use = 0;

    for (unsigned i = 0; i < requests; i++) {
        if (in_use < 40 && draw(2)) {
            struct node *object = unused ? pop(&unused) : (struct node *)value_new(72);

            push(&used, object);
            in_use++;
        } else if (in_use > 0) {
            push(&unused, pop(&used));
            in_use--;
        }
        traffic(2);
        step(i);
    }
}

/* Registers until half of the work is done, then not any more. */
static void stops_half_way(unsigned requests)
{
    unsigned count = 0;

    for (unsigned i = 0; i < requests; i++) {
        if (i < requests / 2 && i % 4 == 0)
            slots[count++] = value_new(64);
        traffic(2);
        step(i);
    }
}

/* A window over the newest data, which are replaced one by one. */
static void window(unsigned requests)
{
    unsigned length = 300 + draw(300);

    for (unsigned i = 0; i < requests; i++) {
        free(slots[i % length]);
        slots[i % length] = value_new(30 + draw(90));
        traffic(1);
        step(i);
    }
}

/* A cache that is emptied when its keys change, and fills again. */
static void invalidated(unsigned requests)
{
    unsigned limit = 400 + draw(200), generation = requests / 6;

    for (unsigned i = 0; i < requests; i++) {
        if (i % generation == generation - 1 && i + generation / 2 < requests) {
            for (unsigned j = 0; j < limit; j++) {
                free(slots[j]);
                slots[j] = NULL;
            }
        }
        look_up(limit);
        traffic(1);
        step(i);
    }
}

const struct scene scenes[] = {
    {"cache_limited", cache_limited, 10000},
    {"cache_fills_slowly", cache_fills_slowly, 15000},
    {"keys_limited", keys_limited, 15000},
    {"interning", interning, 15000},
    {"logarithmic", logarithmic, 20000},
    {"buffer_doubles", buffer_doubles, 10000},
    {"recycled", recycled, 10000},
    {"stops_half_way", stops_half_way, 8000},
    {"window", window, 10000},
    {"invalidated", invalidated, 15000},
    {0},
};
