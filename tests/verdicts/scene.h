/* scene.h - a small program whose leaks are known, as each file beside it has several.
 *
 *   PROGRAM SCENE SEED [SNAPSHOTS]
 *
 * plays one scene: so much work, of which the seed shuffles amounts, sizes and order. With SNAPSHOTS
 * it takes so many on its way, by its work, never by time, so that load changes nothing. truth.json
 * has for each scene what the blocks of its functions are.
 *
 * A function that allocates is a SITE: it stays a frame of its own.
 */
#ifndef SCENE_H
#define SCENE_H

#include "preload/heapdelta.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITE __attribute__((noinline))

struct scene {
    const char *name;
    void (*play)(unsigned requests); /* calls step() for each request */
    unsigned requests;
};

/* The scenes of this program, up to one without a name. */
extern const struct scene scenes[];

static uint64_t random_state;
static unsigned requests_in_all, snapshots_in_all;

/* A random number below LIMIT (splitmix64, Steele et al. 2014). */
static inline unsigned draw(unsigned limit)
{
    uint64_t value = random_state += 0x9e3779b97f4a7c15;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return (unsigned)((value ^ value >> 31) % limit);
}

/* The request NUMBER, from 0, has been served. */
static inline void step(unsigned number)
{
    unsigned each = snapshots_in_all ? requests_in_all / snapshots_in_all : 0;

    if (each > 0 && number % each == each - 1 && number + 1 < requests_in_all)
        heapdelta_take_snapshot("part");
}

/* ---- what every server does besides ----------------------------------------------------- */

#define TRAFFIC_MOST 64

static SITE void *traffic_block(size_t size)
{
    char *block = (char *)malloc(size);

    memset(block, 't', size);
    return block;
}

/* Serve COUNT requests whose buffers live for a while: up to 64 at a time, none afterwards. */
static inline void traffic(unsigned count)
{
    static __thread void *buffers[TRAFFIC_MOST];
    unsigned most = 1 + draw(TRAFFIC_MOST);

    for (unsigned i = 0; i < count; i++) {
        unsigned place = draw(most);

        free(buffers[place]);
        buffers[place] = traffic_block(16 + draw(400));
    }
    for (unsigned i = 0; i < TRAFFIC_MOST; i++) {
        free(buffers[i]);
        buffers[i] = NULL;
    }
}

/* A list in the order of entry, newest first. What is in it follows the node. */
struct node {
    struct node *next;
    char *text;
    char bytes[];
};

static inline void push(struct node **list, struct node *node)
{
    node->next = *list;
    node->text = NULL;
    *list = node;
}

static inline struct node *pop(struct node **list)
{
    struct node *node = *list;

    *list = node->next;
    return node;
}

#ifndef __cplusplus
#define NODE(size) (struct node *)malloc(sizeof(struct node) + (size))
#endif

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    random_state = seed * 0x5851f42d4c957f2d;
    if (argc > 3)
        snapshots_in_all = (unsigned)atoi(argv[3]);
    for (const struct scene *scene = scenes; scene->name && argc > 1; scene++) {
        if (strcmp(scene->name, argv[1]) != 0)
            continue;
        /* Up to a fifth more or less. */
        requests_in_all = scene->requests * 4 / 5;
        requests_in_all += draw(scene->requests * 2 / 5);
        scene->play(requests_in_all);
        return 0;
    }
    fprintf(stderr, "usage: %s SCENE SEED [SNAPSHOTS]\n", argv[0]);
    return 2;
}

#endif
