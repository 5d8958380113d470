/* busy_end.c - ends while eight threads allocate, free and take snapshots.
 *
 * usage: busy_end return | exit | _exit | quick_exit | exec
 * Status 6; "exec" becomes /bin/sh, which ends with 6.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int rounds;

static void *allocate_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        void *blocks[50];

        for (size_t i = 0; i < 50; i++)
            blocks[i] = malloc(i * i);
        for (size_t i = 0; i < 50; i++)
            blocks[i] = realloc(blocks[i], i * 20 + 1);
        for (size_t i = 0; i < 50; i++)
            free(blocks[i]);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static void *take_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        heapdelta_take_snapshot_to("busy_end.hds", "busy");
        unlink("busy_end.hds");
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "return";
    pthread_t thread;

    for (int i = 0; i < 8; i++)
        if (pthread_create(&thread, NULL, i < 7 ? allocate_for_ever : take_for_ever, NULL) != 0)
            return 1;
    while (atomic_load(&rounds) < 100)
        usleep(100);
    if (strcmp(way, "exit") == 0)
        exit(6);
    if (strcmp(way, "_exit") == 0)
        _exit(6);
    if (strcmp(way, "quick_exit") == 0)
        quick_exit(6);
    if (strcmp(way, "exec") == 0)
        execl("/bin/sh", "sh", "-c", "exit 6", (char *)NULL);
    return 6;
}
