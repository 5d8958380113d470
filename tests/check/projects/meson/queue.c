#include "queue.h"

#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char *text;
};

struct queue {
    struct node *first, **end;
};

struct queue *queue_create(void)
{
    struct queue *queue = malloc(sizeof(*queue));

    queue->first = NULL;
    queue->end = &queue->first;
    return queue;
}

void queue_push(struct queue *queue, const char *text)
{
    struct node *node = malloc(sizeof(*node));

    node->next = NULL;
    node->text = strdup(text);
    *queue->end = node;
    queue->end = &node->next;
}

char *queue_pop(struct queue *queue)
{
    struct node *node = queue->first;
    char *text;

    if (!node)
        return NULL;
    queue->first = node->next;
    if (!queue->first)
        queue->end = &queue->first;
    text = node->text;
    free(node);
    return text;
}

void queue_destroy(struct queue *queue)
{
    char *text;

    while ((text = queue_pop(queue)))
        free(text);
    free(queue);
}
