/* random_stacks.c - compares random stacks with what libunwind and libgcc find.
 *
 * usage: random_stacks COUNT SEED [PLUGIN…]
 *
 * In two threads at once, COUNT/2 stacks each. Speaks TAP.
 */
#include "compare.h"
#include "walk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t count = 20000, seed = 1;

static void *second(void *unused)
{
    walk_begin_thread();
    walk_run(seed * 2 + 1, count / 2);
    walk_end_thread();
    return unused;
}

/* Say how far it is each few seconds; who runs it in the foreground wants to know. */
static void *progress(void *name)
{
    struct timespec time = { .tv_sec = 5 };

    for (;;) {
        nanosleep(&time, NULL);
        fprintf(stderr, "%s: %lu stacks\n", (const char *)name,
                (unsigned long)compare_counts().stacks);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct compare_counts found;
    pthread_t thread;
    bool bad;

    if (argc > 1)
        count = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    if (argc > 3)
        walk_plugins = argv + 3;
    if (!compare_init()) {
        printf("1..0 # skip no libunwind\n");
        return 0;
    }
    if (getenv("STACKS_PROGRESS"))
        pthread_create(&thread, NULL, progress, argv[0]);
    walk_begin_thread();
    if (pthread_create(&thread, NULL, second, NULL) != 0)
        abort();
    walk_run(seed * 2, count - count / 2);
    pthread_join(thread, NULL);
    found = compare_counts();
    bad = found.differing || found.alone || found.lost || found.gave_up || found.stacks < count ||
          found.found == 0 || found.in_memo == 0;
    printf("# %lu stacks, %lu frames, deepest %lu; %lu by libgcc, %lu limited, %lu truncated; "
           "%lu times another library at the same place; %lu known to the memo, %lu in part\n",
           (unsigned long)found.stacks, (unsigned long)found.frames, (unsigned long)found.deepest,
           (unsigned long)found.by_libgcc, (unsigned long)found.limited,
           (unsigned long)found.truncated, (unsigned long)walk_reused,
           (unsigned long)found.found, (unsigned long)found.in_memo);
    printf("%sok 1 - %lu stacks of seed %lu\n1..1\n", bad ? "not " : "", (unsigned long)count,
           (unsigned long)seed);
    return bad;
}
