/* in_vfork.c - a block that is held by the stack of a thread that waits for its vfork child, which
 * nobody can stop. The child ends when we have. */
#include "truth.h"

#include <pthread.h>
#include <unistd.h>

static int ready[2], alive[2];

/* All that the child does; on the stack of its parent. */
static APART void wait_as_the_child(void)
{
    char byte = 0;

    close(alive[1]);
    if (write(ready[1], &byte, 1) == 1)
        while (read(alive[0], &byte, 1) > 0)
            ;
    _exit(0);
}

static APART void *in_vfork(void *unused)
{
    void *volatile here = MAKE(HELD, 420);

    (void)unused;
    if (vfork() == 0)
        wait_as_the_child();
    return here;
}

/* What a new thread needs of the library is another function's. */
static APART void create(void)
{
    pthread_t thread;

    truth_any(__func__, HELD);
    if (pthread_create(&thread, NULL, in_vfork, NULL) != 0)
        abort();
}

int main(void)
{
    char byte;

    if (pipe(ready) != 0 || pipe(alive) != 0)
        abort();
    create();
    if (read(ready[0], &byte, 1) != 1)
        abort();
    truth_print();
    return 0;
}
