/* Passes, but forgets to free what it was given. */
#include "queue.h"

#include <string.h>

int main(void)
{
    struct queue *queue = queue_create();
    int equal;

    queue_push(queue, "one");
    equal = strcmp(queue_pop(queue), "one") == 0;
    queue_destroy(queue);
    return equal ? 0 : 1;
}
