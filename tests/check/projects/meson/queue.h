/* queue.h - a queue of texts. */
struct queue;

struct queue *queue_create(void);
void queue_push(struct queue *queue, const char *text);
char *queue_pop(struct queue *queue); /* to be freed; NULL: it is empty */
void queue_destroy(struct queue *queue);
