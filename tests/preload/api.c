/* api.c - calls each function of heapdelta.h and checks what it says of itself.
 *
 * usage: api traced | untraced
 * Prints a line for each thing that is not as heapdelta.h promises; status 1 if any.
 * Traced, it leaves these snapshots, in this order:
 *
 *   early                    taken by a constructor
 *   (none)                   label NULL
 *   (none)                   label ""
 *   a_b_c.d-e_f__            label "a b/c.d-e_f\303\244"
 *   llll… (64 times)         of 100
 *   epochs                   after the marks "one" and "two"
 *   limited                  with a limit of 3 frames
 *   late                     taken by an exit handler
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) check(condition, #condition, __LINE__)
#define NOINLINE __attribute__((noinline, noclone))

static int complaints;
static bool traced;
static void *volatile kept;

static void check(bool condition, const char *text, int line)
{
    char message[300];
    int size;

    if (condition)
        return;
    size = snprintf(message, sizeof(message), "api.c:%d: not so: %s\n", line, text);
    if (write(1, message, (size_t)size) < size)
        abort();
    complaints++;
}

static size_t current(void)
{
    size_t bytes = 0, peak = 0;

    CHECK(heapdelta_get_traced_memory(&bytes, &peak) == 0);
    CHECK(peak >= bytes);
    return bytes;
}

static size_t peak(void)
{
    size_t bytes = 0, highest = 0;

    CHECK(heapdelta_get_traced_memory(&bytes, &highest) == 0);
    return highest;
}

static void untraced_answers(void)
{
    size_t bytes = 17, highest = 18;

    CHECK(heapdelta_start(0) == -ENOSYS);
    CHECK(heapdelta_stop() == -ENOSYS);
    CHECK(heapdelta_is_tracing() == 0);
    CHECK(heapdelta_get_traceback_limit() == 0);
    CHECK(heapdelta_get_traced_memory(&bytes, &highest) == -ENOSYS);
    CHECK(bytes == 17 && highest == 18);
    CHECK(heapdelta_reset_peak() == -ENOSYS);
    CHECK(heapdelta_clear_traces() == -ENOSYS);
    CHECK(heapdelta_get_tracer_memory() == 0);
    CHECK(heapdelta_take_snapshot("none") == -ENOSYS);
    CHECK(heapdelta_take_snapshot_to("none.hds", "none") == -ENOSYS);
    CHECK(heapdelta_mark("none") == -ENOSYS);
    CHECK(access("none.hds", F_OK) != 0);
}

/* Current and peak, to the byte. */
static void sizes(void)
{
    size_t before = current();
    char *volatile block = malloc(1000);
    void *aligned;

    CHECK(current() == before + 1000);
    block = realloc(block, 1500);
    CHECK(current() == before + 1500);
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(peak() == before + 1500);
    block = realloc(block, 100000); /* moves; the old and the new never count together */
    CHECK(current() == before + 100000);
    CHECK(peak() == before + 100000);
    block = realloc(block, 10);
    CHECK(current() == before + 10);
    CHECK(peak() == before + 100000);
    CHECK(realloc(block, (size_t)PTRDIFF_MAX - 100) == NULL);
    CHECK(current() == before + 10);
    free(block);
    CHECK(current() == before);
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(peak() == before);

    block = calloc(7, 11);
    CHECK(current() == before + 77);
    free(block);
    CHECK(posix_memalign(&aligned, 256, 300) == 0);
    CHECK(current() == before + 300);
    free(aligned);
    kept = malloc(0);
    CHECK(current() == before);
    kept = realloc(kept, 20);
    CHECK(current() == before + 20);
    free(kept);
    CHECK(malloc((size_t)PTRDIFF_MAX) == NULL);
    CHECK(calloc((size_t)PTRDIFF_MAX, 4) == NULL);
    CHECK(current() == before);
    CHECK(peak() == before + 300);
}

static void labels(void)
{
    char long_label[101];

    memset(long_label, 'l', 100);
    long_label[100] = '\0';
    CHECK(heapdelta_take_snapshot(NULL) == 0);
    CHECK(heapdelta_take_snapshot("") == 0);
    CHECK(heapdelta_take_snapshot("a b/c.d-e_f\303\244") == 0);
    CHECK(heapdelta_take_snapshot(long_label) == 0);
}

static void paths(void)
{
    CHECK(heapdelta_take_snapshot_to("to.hds", "to a path") == 0);
    CHECK(access("to.hds", R_OK) == 0);
    CHECK(heapdelta_take_snapshot_to("to.hds", "again") == -EEXIST);
    CHECK(heapdelta_take_snapshot_to("nowhere/to.hds", "nowhere") == -ENOENT);
    CHECK(access("nowhere", F_OK) != 0);
    CHECK(heapdelta_take_snapshot_to("/proc/self/to.hds", "read-only") < 0);
}

static void epochs(void)
{
    kept = malloc(151);
    CHECK(heapdelta_mark("one") == 0);
    kept = malloc(152);
    CHECK(heapdelta_mark("two") == 0);
    kept = malloc(153);
    CHECK(heapdelta_take_snapshot("epochs") == 0);
}

/* Clearing forgets; what is freed later is not missed. */
static void clearing(void)
{
    void *volatile old = malloc(5000);
    void *volatile moved = malloc(300);

    CHECK(current() >= 5000);
    CHECK(heapdelta_clear_traces() == 0);
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(current() == 0 && peak() == 0);
    free(old);
    CHECK(current() == 0 && peak() == 0);
    moved = realloc(moved, 40000); /* a block that was forgotten is a new one now */
    CHECK(current() == 40000);
    free(moved);
    CHECK(current() == 0 && peak() == 40000);
}

static NOINLINE void allocate_at(int depth)
{
    if (depth > 0)
        allocate_at(depth - 1);
    else
        kept = malloc(154);
    __asm__ volatile("" : : : "memory");
}

static void stopping(void)
{
    void *volatile old = malloc(6000);

    CHECK(heapdelta_get_traceback_limit() == 0);
    CHECK(heapdelta_start(7) == 0); /* is tracing: the limit stays */
    CHECK(heapdelta_get_traceback_limit() == 0);
    CHECK(heapdelta_start(65536) == -EINVAL);

    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_is_tracing() == 0);
    CHECK(heapdelta_stop() == 0);
    CHECK(current() == 0 && peak() == 0);
    kept = malloc(100);
    CHECK(current() == 0);
    CHECK(heapdelta_take_snapshot("none") == -ENODATA);
    CHECK(heapdelta_take_snapshot_to("none.hds", "none") == -ENODATA);
    CHECK(access("none.hds", F_OK) != 0);
    CHECK(heapdelta_mark("none") == -ENODATA);
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(heapdelta_clear_traces() == 0);
    CHECK(heapdelta_start(65536) == -EINVAL);
    CHECK(heapdelta_is_tracing() == 0);

    CHECK(heapdelta_start(3) == 0);
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(heapdelta_get_traceback_limit() == 3);
    free(old);
    free(kept);
    CHECK(current() == 0);
    allocate_at(10);
    CHECK(current() == 154);
    CHECK(heapdelta_take_snapshot("limited") == 0);
    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_get_traceback_limit() == 3);
    CHECK(heapdelta_start(0) == 0);
    CHECK(heapdelta_get_traceback_limit() == 0);
}

static void *take_many(void *unused)
{
    for (int i = 0; i < 10; i++) {
        free(malloc(10));
        CHECK(heapdelta_take_snapshot("parallel") == 0);
        current();
        peak();
    }
    return unused;
}

static void threads(void)
{
    pthread_t thread[4];

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&thread[i], NULL, take_many, NULL) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

static __attribute__((constructor)) void early(void)
{
    if (heapdelta_is_tracing())
        CHECK(heapdelta_take_snapshot("early") == 0);
}

static void late(void)
{
    if (traced)
        CHECK(heapdelta_take_snapshot("late") == 0);
    if (complaints)
        _exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    traced = strcmp(argv[1], "traced") == 0;
    atexit(late);
    if (!traced) {
        untraced_answers();
        return complaints != 0;
    }
    errno = 4242;
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(heapdelta_get_tracer_memory() > 0);
    labels();
    paths();
    CHECK(errno == 4242 || errno == ENOENT); /* access() sets it, we do not */
    sizes();
    epochs();
    errno = 4242;
    CHECK(heapdelta_take_snapshot_to("to.hds", "again") == -EEXIST);
    CHECK(errno == 4242);
    clearing();
    stopping();
    threads();
    return complaints != 0;
}
