/* Runs the target on changed snapshots for a while, without libFuzzer.
 *
 *     fuzz_snapshot [SECONDS [SEED]]    default 60 seconds, a seed from the clock
 *     fuzz_snapshot FILE…               just these
 *
 * The seed is printed, and makes the same files in the same order. What the target
 * accepts replaces a file of the pool, so that changes add up. An input that ends or
 * stops it is left behind in fuzz_snapshot.crash.
 */
#include "mutate.h"
#include "snapshot_builder.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL_SIZE     64
#define INPUT_MAX     (256u << 10)
#define INPUT_SECONDS 20 /* longer for one input is a hang */
#define CRASH_FILE    "fuzz_snapshot.crash"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
    uint8_t *data;
    size_t size;
};

static struct input current;
static uint64_t runs;

static void save_current(void)
{
    fprintf(stderr, "input number %" PRIu64 " of %zu bytes did it, see " CRASH_FILE "\n", runs,
            current.size);
    snapshot_builder_save(CRASH_FILE, current.data, current.size);
}

static void on_signal(int number)
{
    fprintf(stderr, number == SIGALRM ? "hangs\n" : "aborted\n");
    save_current();
    _exit(1);
}

static int run_files(char **paths)
{
    for (; *paths; paths++) {
        FILE *file = fopen(*paths, "rb");

        current.data = malloc(1 << 24);
        if (!file || !current.data) {
            perror(*paths);
            return 2;
        }
        current.size = fread(current.data, 1, 1 << 24, file);
        fclose(file);
        printf("%s: %s\n", *paths,
               LLVMFuzzerTestOneInput(current.data, current.size) == 0 ? "accepted" : "refused");
        free(current.data);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct input pool[POOL_SIZE];
    struct timespec now;
    time_t end;
    uint64_t random, accepted = 0;
    char *rest = NULL;
    unsigned long seconds = argc > 1 ? strtoul(argv[1], &rest, 10) : 60;

    __sanitizer_set_death_callback(save_current);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    if (rest && *rest)
        return run_files(argv + 1);

    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + (time_t)seconds;
    random = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)now.tv_nsec;
    printf("# seed %" PRIu64 "\n1..1\n", random);
    fflush(stdout);

    for (size_t i = 0; i < POOL_SIZE; i++) {
        pool[i].data = mutate_begin(i % MUTATE_KINDS, &pool[i].size);
        if (LLVMFuzzerTestOneInput(pool[i].data, pool[i].size) != 0) {
            printf("not ok 1 - snapshot %zu to begin with is refused\n", i % MUTATE_KINDS);
            return 1;
        }
    }
    while (now.tv_sec < end) {
        size_t from = mutate_random(&random) % POOL_SIZE;

        alarm(INPUT_SECONDS);
        current.data = mutate(pool[from].data, pool[from].size, INPUT_MAX, &random, &current.size);
        /* A block of just this size, so that reading past it is seen. */
        current.data = realloc(current.data, current.size > 0 ? current.size : 1);
        runs++;
        if (LLVMFuzzerTestOneInput(current.data, current.size) == 0) {
            accepted++;
            free(pool[from].data);
            pool[from] = current;
        } else {
            free(current.data);
        }
        /* Or all the pool would be what one lucky change made. */
        if (runs % 1000 == 0) {
            from = mutate_random(&random) % POOL_SIZE;
            free(pool[from].data);
            pool[from].data = mutate_begin(from % MUTATE_KINDS, &pool[from].size);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    alarm(0);
    for (size_t i = 0; i < POOL_SIZE; i++)
        free(pool[i].data);
    printf("ok 1 - %" PRIu64 " changed snapshots, %" PRIu64 " of them accepted\n", runs, accepted);
    return 0;
}
