#include "queue.h"

int main(void)
{
    struct queue *queue = queue_create();

    queue_push(queue, "one");
    queue_push(queue, "two");
    queue_destroy(queue);
    return 0;
}
