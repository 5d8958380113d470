/* api_handlers.c - a signal handler calls every function of heapdelta.h while what it
 * interrupts allocates and calls them, too.
 *
 * Each answer is as outside of a handler, or -EBUSY. In the end what is counted must be
 * what is alive.
 */
#include "preload/heapdelta.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNALS 600

static char pool[10];
static void *volatile kept;
static volatile int handled, busy, complaints;

/* ANSWER is 0 or at least not negative, or -EBUSY. */
static void expect(int answer)
{
    if (answer == -EBUSY)
        busy = busy + 1;
    else if (answer < 0)
        complaints = complaints + 1;
}

/* All of them but stop and clear, which would end the counting. */
static void call_all(bool with_snapshot)
{
    size_t current, peak;
    void *frames[4];

    expect(heapdelta_start(0));
    expect(heapdelta_is_tracing() - 1);
    expect(heapdelta_get_traceback_limit() == 0 ? 0 : -EINVAL);
    expect(heapdelta_get_traced_memory(&current, &peak));
    expect(heapdelta_reset_peak());
    expect(heapdelta_get_tracer_memory() > 0 ? 0 : -EINVAL);
    expect(heapdelta_mark("handler"));
    expect(heapdelta_track(1, pool, 10));
    expect(heapdelta_get_traceback(kept, frames, 4, NULL));
    expect(heapdelta_untrack(1, pool));
    if (with_snapshot)
        expect(heapdelta_take_snapshot("handler"));
}

static void handle(int number)
{
    (void)number;
    handled = handled + 1;
    call_all(handled % 100 == 0);
}

int main(void)
{
    const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
    size_t before, after, peak;

    kept = malloc(500);
    call_all(true); /* the first time is not for a handler */
    heapdelta_get_traced_memory(&before, &peak);
    signal(SIGALRM, handle);
    setitimer(ITIMER_REAL, &often, NULL);
    while (handled < SIGNALS) {
        for (int i = 0; i < 100; i++)
            free(malloc(20));
        heapdelta_mark("main");
        heapdelta_track(2, pool, 5);
        heapdelta_untrack(2, pool);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    /* Where a handler's untrack was refused, its block is still there. */
    if (heapdelta_untrack(1, pool) < 0 || heapdelta_get_traced_memory(&after, &peak) < 0 ||
        after != before)
        complaints = complaints + 1;
    return complaints != 0;
}
