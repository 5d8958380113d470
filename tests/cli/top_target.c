/* A program for `heapdelta top`, that does one thing for each line it reads, and says so when it is
 * done:
 *
 *   keep N     keeps N blocks of 1000 bytes
 *   list N     keeps N blocks of 100 bytes, in another thread and of another type
 *   pass N     allocates N blocks of 1000 bytes, and frees them at once
 *   exec       becomes itself anew
 *
 * When there is nothing more to be read it ends; with an argument it stays.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
    struct item *next;
    char text[92];
};

struct order {
    int count;
};

__attribute__((noinline)) static void keep(struct order order)
{
    for (int i = 0; i < order.count; i++) {
        void **block = malloc(1000);
        static void **last;

        if (!block)
            abort();
        *block = last;
        last = block;
    }
}

__attribute__((noinline)) static struct item *item_new(void)
{
    struct item *item = malloc(sizeof(*item));

    if (!item)
        abort();
    return item;
}

static void *list(void *argument)
{
    static struct item *first;
    const struct order *order = argument;

    for (int i = 0; i < order->count; i++) {
        struct item *item = item_new();

        item->next = first;
        first = item;
    }
    return NULL;
}

__attribute__((noinline)) static void pass(struct order order)
{
    for (int i = 0; i < order.count; i++) {
        void *block = malloc(1000);

        __asm__ volatile("" : : "r"(block) : "memory");
        free(block);
    }
}

static void in_another_thread(struct order order)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, list, &order) != 0)
        abort();
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static char line[64], buffer[64]; /* stdio is to allocate nothing */
    struct order order;

    setvbuf(stdin, buffer, _IOFBF, sizeof(buffer));
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("ready");
    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "keep %d", &order.count) == 1)
            keep(order);
        else if (sscanf(line, "list %d", &order.count) == 1)
            in_another_thread(order);
        else if (sscanf(line, "pass %d", &order.count) == 1)
            pass(order);
        else if (strcmp(line, "exec\n") == 0)
            execv("/proc/self/exe", argv);
        printf("done %s", line);
    }
    while (argc > 1)
        pause();
    return 0;
}
