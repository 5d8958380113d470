/* api_storm.c - threads start and stop tracing while others allocate, track and look.
 *
 * Every answer must be one that heapdelta.h knows. When they have ended it prints what is
 * alive, by get_traced_memory(), and takes a snapshot "end" of that; then it untracks what
 * is left in its domains, and nothing must be left at all.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 300
#define BLOCKS 64

static _Atomic bool finished;
static _Atomic int complaints;

static void expect(bool good, const char *what, long answer)
{
    if (!good && atomic_fetch_add(&complaints, 1) < 20)
        printf("%s: %ld\n", what, answer);
}

/* ANSWER is 0, or ELSE. */
static void expect_or(int answer, int or, const char *what)
{
    expect(answer == 0 || answer == or, what, answer);
}

static void *start_and_stop(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        expect_or(heapdelta_start((unsigned)(i % 5)), 0, "start");
        expect(heapdelta_get_traceback_limit() < 5, "limit", heapdelta_get_traceback_limit());
        if (i % 7 == 0)
            expect_or(heapdelta_clear_traces(), 0, "clear_traces");
        if (i % 11 == 0)
            expect_or(heapdelta_take_snapshot("storm"), -ENODATA, "take_snapshot");
        expect_or(heapdelta_stop(), 0, "stop");
    }
    return unused;
}

static void *allocate(void *unused)
{
    void *blocks[BLOCKS] = { NULL };
    uint32_t random = 1;

    while (!finished) {
        void **block = &blocks[random % BLOCKS];
        size_t size = (random >> 8) % (random % 31 ? 3000 : 60000) + 1;

        if (random % 3) {
            free(*block);
            *block = malloc(size);
        } else {
            *block = realloc(*block, size);
        }
        random = random * 1664525 + 1013904223;
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return unused;
}

static char pool[BLOCKS];

static void *track(void *unused)
{
    for (unsigned i = 0; !finished; i++) {
        expect_or(heapdelta_track(i % 3 + 1, &pool[i % BLOCKS], i % 1000), -ENODATA, "track");
        expect_or(heapdelta_untrack(i % 2 + 1, &pool[i % BLOCKS]), -ENODATA, "untrack");
    }
    return unused;
}

static void *look(void *unused)
{
    void *frames[8];

    while (!finished) {
        size_t current = 0, peak = 0;
        void *block = malloc(100);
        int count = heapdelta_get_traceback(block, frames, 8, NULL);

        expect(count > 0 || count == -ENODATA || count == -ENOENT, "get_traceback", count);
        count = heapdelta_get_deep_size(block, &current);
        expect(count == 0 || count == -ENODATA || count == -ENOENT || count == -ETIMEDOUT,
               "get_deep_size", count);
        expect(heapdelta_get_traced_memory(&current, &peak) == 0, "get_traced_memory", 0);
        expect(current < 100000000 && peak < 100000000, "peak", (long)peak);
        expect_or(heapdelta_reset_peak(), 0, "reset_peak");
        expect_or(heapdelta_mark("look"), -ENODATA, "mark");
        free(block);
    }
    return unused;
}

int main(void)
{
    void *(*const parts[])(void *) = { allocate, allocate, track, look, start_and_stop,
                                       start_and_stop };
    const int count = sizeof(parts) / sizeof(*parts);
    pthread_t threads[sizeof(parts) / sizeof(*parts)];
    size_t current = 1, peak = 1, alive = 0;

    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, parts[i], NULL) != 0)
            return 2;
    for (int i = count - 2; i < count; i++)
        pthread_join(threads[i], NULL);
    expect_or(heapdelta_start(0), 0, "the last start");
    finished = true;
    for (int i = 0; i < count - 2; i++)
        pthread_join(threads[i], NULL);
    heapdelta_get_traced_memory(&alive, &peak);
    expect_or(heapdelta_take_snapshot("end"), 0, "the last snapshot");
    for (unsigned domain = 1; domain <= 3; domain++)
        for (int i = 0; i < BLOCKS; i++)
            expect_or(heapdelta_untrack(domain, &pool[i]), 0, "untrack in the end");
    expect(heapdelta_get_traced_memory(&current, &peak) == 0, "get_traced_memory", 0);
    expect(current == 0, "left", (long)current);
    printf("%zu\n", alive);
    return complaints != 0;
}
