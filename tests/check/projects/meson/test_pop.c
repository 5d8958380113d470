#include "queue.h"

#include <stdlib.h>
#include <string.h>

int main(void)
{
    struct queue *queue = queue_create();
    char *text;
    int equal;

    queue_push(queue, "one");
    text = queue_pop(queue);
    equal = strcmp(text, "one") == 0;
    free(text);
    queue_destroy(queue);
    return equal ? 0 : 1;
}
