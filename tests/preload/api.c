/* api.c - calls each function of heapdelta.h and checks what it says of itself.
 *
 * usage: api traced | followed | untraced
 * Prints a line for each thing that is not as heapdelta.h promises; status 1 if any.
 * Traced, it leaves these snapshots, in this order:
 *
 *   early                    taken by a constructor
 *   (none)                   label NULL
 *   (none)                   label ""
 *   a_b_c.d-e_f__            label "a b/c.d-e_f\303\244"
 *   llll… (64 times)         of 100
 *   epochs                   after the marks "one" and "two"
 *   tracked                  with 201 and 202 bytes in domain 7, 203 in domain 4294967295
 *   limited                  with a limit of 3 frames
 *   late                     taken by an exit handler
 */
#include "preload/heapdelta.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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
    CHECK(heapdelta_track(1, &bytes, 5) == -ENOSYS);
    CHECK(heapdelta_untrack(1, &bytes) == -ENOSYS);
    CHECK(heapdelta_get_traceback(&bytes, NULL, 0, NULL) == -ENOSYS);
    CHECK(heapdelta_get_deep_size(&bytes, &bytes) == -ENOSYS && bytes == 17);
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

static char pool[1000];

/* Blocks of other domains count like those of malloc. */
static NOINLINE void tracking(void)
{
    size_t before = current();
    char *volatile block = malloc(1000);

    CHECK(heapdelta_track(0, pool, 10) == -EINVAL);
    CHECK(heapdelta_track(7, NULL, 10) == -EINVAL);
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(heapdelta_track(7, pool, 300) == 0);
    CHECK(current() == before + 1300);
    CHECK(heapdelta_track(7, pool, 100) == 0); /* replaced */
    CHECK(current() == before + 1100);
    CHECK(peak() == before + 1300);
    CHECK(heapdelta_track(8, pool, 50) == 0);
    CHECK(heapdelta_track(8, block, 500) == 0); /* within what malloc gave */
    CHECK(current() == before + 1650);
    CHECK(heapdelta_untrack(9, pool) == 0); /* nothing there */
    CHECK(heapdelta_untrack(7, pool + 1) == 0);
    CHECK(current() == before + 1650);
    CHECK(heapdelta_untrack(7, pool) == 0);
    CHECK(heapdelta_untrack(7, pool) == 0);
    CHECK(current() == before + 1550);
    free(block); /* of its own domain alone */
    CHECK(current() == before + 550);
    CHECK(heapdelta_untrack(8, pool) == 0);
    CHECK(heapdelta_untrack(8, block) == 0);
    CHECK(heapdelta_track(5, pool, 0) == 0);
    CHECK(current() == before);
    CHECK(heapdelta_untrack(5, pool) == 0);

    CHECK(heapdelta_track(7, pool, 201) == 0);
    CHECK(heapdelta_track(7, pool + 301, 202) == 0);
    CHECK(heapdelta_track(UINT32_MAX, pool, 203) == 0);
    CHECK(heapdelta_take_snapshot("tracked") == 0);
}

/* There are 1024 domains, and each forgets when all is forgotten. */
static void domains(void)
{
    size_t known = 0;

    for (unsigned domain = 1; domain <= 1100; domain++) {
        int result = heapdelta_track(domain, pool, 2);

        CHECK(result == 0 || result == -ENOMEM);
        known += result == 0;
    }
    CHECK(known == 1023); /* and the highest, of before */
    CHECK(current() >= 2 * known);
    CHECK(heapdelta_clear_traces() == 0);
    CHECK(current() == 0);
    for (unsigned domain = 1; domain <= 1100; domain++)
        CHECK(heapdelta_untrack(domain, pool) == 0);
    CHECK(current() == 0);
}

#define DEEP 70000

static void *frames[DEEP + 100], *addresses[DEEP + 100];

/* Allocates with DEPTH frames more. Returns how many backtrace() sees there. */
static NOINLINE int allocate_below(int depth)
{
    int count;

    if (depth > 0) {
        count = allocate_below(depth - 1);
    } else {
        kept = malloc(155);
        count = backtrace(addresses, DEEP + 100);
    }
    __asm__ volatile("" : : : "memory");
    return count;
}

/* The frames of a block are those that backtrace() sees. */
static NOINLINE void tracebacks(void)
{
    int known = allocate_below(20), complete = 2;

    CHECK(known > 20);
    CHECK(heapdelta_get_traceback(kept, frames, DEEP, &complete) == known);
    CHECK(complete == 1);
    for (int i = 1; i < known; i++)
        CHECK((char *)frames[i] + 1 == addresses[i]);
    CHECK((char *)frames[0] < (char *)addresses[0] && (char *)frames[0] + 100 > (char *)addresses[0]);

    frames[5] = NULL;
    CHECK(heapdelta_get_traceback(kept, frames, 5, NULL) == known);
    CHECK(frames[5] == NULL && (char *)frames[4] + 1 == addresses[4]);
    CHECK(heapdelta_get_traceback(kept, NULL, 0, NULL) == known);

    complete = 2;
    CHECK(heapdelta_get_traceback((char *)kept + 1, frames, DEEP, &complete) == -ENOENT);
    CHECK(heapdelta_get_traceback(NULL, frames, DEEP, &complete) == -ENOENT);
    CHECK(heapdelta_get_traceback(pool, frames, DEEP, &complete) == -ENOENT);
    free(kept);
    CHECK(heapdelta_get_traceback(kept, frames, DEEP, &complete) == -ENOENT);
    CHECK(complete == 2 && frames[5] == NULL);
}

struct knot {
    struct knot *next, *other;
    char *middle;
    uintptr_t hidden;
};

static struct knot *new_knot(struct knot *next)
{
    struct knot *knot = calloc(1, sizeof *knot);

    CHECK(knot);
    knot->next = next;
    return knot;
}

static size_t deep_size(const void *block)
{
    size_t size = 0;

    CHECK(heapdelta_get_deep_size(block, &size) == 0);
    return size;
}

/* What can be reached from a block: by each word, also into the middle, and once. */
static NOINLINE void deep_sizes(void)
{
    struct knot *first = new_knot(NULL), *second = new_knot(first), *list = NULL;
    size_t size = 17;

    CHECK(deep_size(first) == sizeof *first);
    CHECK(deep_size(second) == 2 * sizeof *first);
    CHECK(deep_size(first) == sizeof *first);
    first->next = second; /* a circle */
    first->other = second;
    CHECK(deep_size(first) == 2 * sizeof *first && deep_size(second) == 2 * sizeof *first);
    first->middle = (char *)calloc(1, 1000) + 999; /* what was there before may look like pointers */
    second->middle = (char *)calloc(1, 1 << 20) + 5;
    CHECK(deep_size(first) == 2 * sizeof *first + 1000 + (1 << 20));
    free(first->middle - 999);
    CHECK(deep_size(first) == 2 * sizeof *first + (1 << 20));
    second->hidden = ~(uintptr_t)malloc(50);
    CHECK(deep_size(first) == 2 * sizeof *first + (1 << 20));
    for (int i = 0; i < 10000; i++)
        list = new_knot(list);
    CHECK(deep_size(list) == 10000 * sizeof *list);

    CHECK(heapdelta_get_deep_size((char *)first + 1, &size) == -ENOENT);
    CHECK(heapdelta_get_deep_size(NULL, &size) == -ENOENT);
    CHECK(heapdelta_get_deep_size(&size, &size) == -ENOENT && size == 17);

    for (struct knot *next; list; list = next) {
        next = list->next;
        free(list);
    }
    free((void *)~second->hidden);
    free(second->middle - 5);
    free(second);
    free(first);
    CHECK(heapdelta_get_deep_size(first, &size) == -ENOENT && size == 17);
}

/* The smallest, the largest and some between. */
static void limits(void)
{
    const int chosen[] = { 1, 2, 3, 10, 24, 255, 65534, 65535 };

    for (size_t i = 0; i < sizeof(chosen) / sizeof(*chosen); i++) {
        int complete = 2, depth = chosen[i] < 255 ? 30 : DEEP;

        CHECK(heapdelta_stop() == 0);
        CHECK(heapdelta_start((unsigned)chosen[i]) == 0);
        CHECK(heapdelta_get_traceback_limit() == (unsigned)chosen[i]);
        CHECK(allocate_below(depth) > depth);
        CHECK(heapdelta_get_traceback(kept, frames, DEEP, &complete) == chosen[i]);
        CHECK(complete == 0);
        for (int frame = 1; frame < chosen[i]; frame++)
            CHECK((char *)frames[frame] + 1 == addresses[frame]);
        free(kept);
    }
}

/* What the functions say where nothing is traced, and nothing can be. */
static void child_answers(void)
{
    size_t bytes = 17, highest = 18;

    CHECK(heapdelta_is_tracing() == 0);
    CHECK(heapdelta_start(3) == -ENODATA);
    CHECK(heapdelta_start(65536) == -EINVAL);
    CHECK(heapdelta_stop() == -ENODATA);
    CHECK(heapdelta_is_tracing() == 0);
    CHECK(heapdelta_get_traceback_limit() == 0);
    CHECK(heapdelta_get_traced_memory(&bytes, &highest) == 0);
    CHECK(bytes == 0 && highest == 0);
    CHECK(heapdelta_reset_peak() == -ENODATA);
    CHECK(heapdelta_clear_traces() == -ENODATA);
    CHECK(heapdelta_get_tracer_memory() > 0);
    CHECK(heapdelta_take_snapshot("none") == -ENODATA);
    CHECK(heapdelta_take_snapshot_to("none.hds", "none") == -ENODATA);
    CHECK(access("none.hds", F_OK) != 0);
    CHECK(heapdelta_mark("none") == -ENODATA);
    CHECK(heapdelta_track(1, pool, 5) == -ENODATA);
    CHECK(heapdelta_untrack(1, pool) == -ENODATA);
    CHECK(heapdelta_get_traceback(kept, frames, DEEP, NULL) == -ENODATA);
}

/* In a traced child everything goes on. */
static void traced_child_answers(size_t before)
{
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(current() == before);
    CHECK(heapdelta_get_traceback(kept, frames, DEEP, NULL) > 0);
    CHECK(heapdelta_untrack(3, pool) == 0);
    CHECK(current() == before - 77);
    CHECK(heapdelta_track(4, pool, 78) == 0);
    CHECK(heapdelta_take_snapshot("child") == 0);
    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_start(3) == 0);
    CHECK(heapdelta_get_traceback_limit() == 3);
    CHECK(heapdelta_track(4, pool, 79) == 0);
    CHECK(current() == 79);
}

/* Forks a child, TRACED or not, and checks what the functions say there. */
static void forking(bool child_traced)
{
    size_t before;
    pid_t child;
    int status = 0;

    kept = malloc(156);
    CHECK(heapdelta_track(3, pool, 77) == 0);
    before = current();
    child = fork();
    if (child == 0) {
        if (child_traced)
            traced_child_answers(before);
        else
            child_answers();
        _exit(complaints != 0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(current() == before); /* what the child did was its own */
    CHECK(heapdelta_untrack(3, pool) == 0);
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
    CHECK(heapdelta_untrack(7, pool) == 0);
    CHECK(heapdelta_untrack(UINT32_MAX, pool) == 0);
    CHECK(current() == 0);
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
    CHECK(heapdelta_track(1, pool, 5) == -ENODATA);
    CHECK(heapdelta_untrack(1, pool) == -ENODATA);
    CHECK(heapdelta_get_traceback(old, frames, DEEP, NULL) == -ENODATA);
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

/* What is not in main works alike. */
static void outside_main(const char *label)
{
    size_t before = current();
    void *volatile block = malloc(10);

    CHECK(heapdelta_get_traceback(block, frames, DEEP, NULL) > 0);
    CHECK(heapdelta_track(6, pool, 20) == 0);
    CHECK(current() == before + 30);
    CHECK(heapdelta_mark(label) == 0);
    CHECK(heapdelta_take_snapshot(label) == 0);
    CHECK(heapdelta_untrack(6, pool) == 0);
    free(block);
    CHECK(current() == before);
}

static __attribute__((constructor)) void early(void)
{
    if (heapdelta_is_tracing())
        outside_main("early");
}

static void late(void)
{
    if (traced)
        outside_main("late");
    if (complaints)
        _exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    traced = strcmp(argv[1], "untraced") != 0;
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
    tracking();
    errno = 4242;
    CHECK(heapdelta_take_snapshot_to("to.hds", "again") == -EEXIST);
    CHECK(errno == 4242);
    clearing();
    stopping();
    threads();
    tracebacks();
    deep_sizes();
    forking(strcmp(argv[1], "followed") == 0);
    domains();
    limits();
    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_start(0) == 0);
    return complaints != 0;
}
