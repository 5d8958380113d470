/* phases.c - blocks that come at certain times: when the program starts, late, in bursts. */
#include "scene.h"

static struct node *kept;

static SITE struct node *item_new(size_t size)
{
    struct node *item = NODE(size);

    memset(item->bytes, 'i', size);
    return item;
}

/* What is made when it is needed first, soon after the start. */
static void lazy_start(unsigned requests)
{
    unsigned features = 200 + draw(100);

    for (unsigned i = 0; i < requests; i++) {
        if (i < requests / 20 && features > 0) {
            push(&kept, item_new(50 + draw(50)));
            features--;
        }
        traffic(2);
        step(i);
    }
}

/* One of 30 features is made when it is first asked for, the rare ones late. */
static void lazy_features(unsigned requests)
{
    static struct node *features[30];

    for (unsigned i = 0; i < requests; i++) {
        unsigned feature = draw(30) * draw(30) / 30;

        if (!features[feature])
            features[feature] = item_new(100);
        traffic(2);
        step(i);
    }
}

/* Something is loaded once, late. */
static void once_late(unsigned requests)
{
    unsigned when = requests * (60 + draw(25)) / 100;

    for (unsigned i = 0; i < requests; i++) {
        if (i == when) {
            for (unsigned j = 0; j < 300; j++)
                push(&kept, item_new(80));
        }
        traffic(2);
        step(i);
    }
}

/* The same just before the end. */
static void once_at_last(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        if (i == requests - requests / 100) {
            for (unsigned j = 0; j < 300; j++)
                push(&kept, item_new(80));
        }
        traffic(2);
        step(i);
    }
}

/* Twice many blocks are needed, and freed again. */
static void burst_and_drain(unsigned requests)
{
    unsigned first = requests * (20 + draw(10)) / 100, second = requests * (60 + draw(10)) / 100;

    for (unsigned i = 0; i < requests; i++) {
        if (i == first || i == second) {
            for (unsigned j = 0; j < 2000; j++)
                push(&kept, item_new(100));
        }
        if (kept)
            free(pop(&kept));
        traffic(2);
        step(i);
    }
    while (kept)
        free(pop(&kept));
}

/* What is collected is given back every so often, all of it. */
static void sawtooth(unsigned requests)
{
    unsigned length = requests / (25 + draw(10));

    for (unsigned i = 0; i < requests; i++) {
        push(&kept, item_new(64));
        if (i % length == length - 1) {
            while (kept)
                free(pop(&kept));
        }
        traffic(1);
        step(i);
    }
}

/* The same with few, long teeth, the last of which is cut off. */
static void sawtooth_long(unsigned requests)
{
    unsigned length = requests * (20 + draw(8)) / 100;

    for (unsigned i = 0; i < requests; i++) {
        push(&kept, item_new(64));
        if (i % length == length - 1) {
            while (kept)
                free(pop(&kept));
        }
        traffic(1);
        step(i);
    }
}

/* The number of clients swings three to five times, as by day and night. */
static void day_and_night(unsigned requests)
{
    unsigned half = requests / (6 + draw(4)), count = 0, wanted;

    for (unsigned i = 0; i < requests; i++) {
        wanted = 20 + (i / half % 2 ? half - i % half : i % half) * 600 / half;
        for (; count < wanted; count++)
            push(&kept, item_new(120));
        for (; count > wanted; count--)
            free(pop(&kept));
        traffic(2);
        step(i);
    }
}

/* A queue of tasks that are done as fast as they come, by and large. */
static void queue_steady(unsigned requests)
{
    static struct node *queue;
    unsigned length = 0;

    for (unsigned i = 0; i < requests; i++) {
        for (unsigned j = 0, come = draw(4); j < come; j++, length++)
            push(&queue, item_new(100));
        for (unsigned j = 0, gone = draw(5); j < gone && queue; j++, length--)
            free(pop(&queue));
        step(i);
    }
}

static SITE char *record_new(size_t size)
{
    char *record = malloc(size);

    memset(record, 'r', size);
    return record;
}

/* Many small blocks are freed but for a few between them, so that no page becomes free. */
static void fragmented(unsigned requests)
{
    enum { COUNT = 60000 };
    static char *records[COUNT];

    for (unsigned i = 0; i < requests; i++) {
        if (i == requests / 3) {
            for (unsigned j = 0; j < COUNT; j++)
                records[j] = record_new(400 + draw(200));
        }
        if (i == requests * 2 / 3) {
            for (unsigned j = 0; j < COUNT; j++) {
                if (j % 16 == 0)
                    continue;
                free(records[j]);
                records[j] = NULL;
            }
        }
        traffic(2);
        step(i);
    }
}

/* As many bytes in large blocks, which the allocator gives back as soon as they are freed. */
static void returned(unsigned requests)
{
    static char *records[16];

    for (unsigned i = 0; i < requests; i++) {
        if (i == requests / 3) {
            for (unsigned j = 0; j < 16; j++)
                records[j] = record_new((1u << 21) + draw(1000));
        }
        if (i == requests * 2 / 3) {
            for (unsigned j = 1; j < 16; j++) {
                free(records[j]);
                records[j] = NULL;
            }
        }
        traffic(2);
        step(i);
    }
}

const struct scene scenes[] = {
    {"lazy_start", lazy_start, 8000},
    {"lazy_features", lazy_features, 8000},
    {"once_late", once_late, 8000},
    {"once_at_last", once_at_last, 8000},
    {"burst_and_drain", burst_and_drain, 12000},
    {"sawtooth", sawtooth, 15000},
    {"sawtooth_long", sawtooth_long, 15000},
    {"day_and_night", day_and_night, 10000},
    {"queue_steady", queue_steady, 10000},
    {"fragmented", fragmented, 8000},
    {"returned", returned, 8000},
    {0},
};
