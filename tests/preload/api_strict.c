/* api_strict.c - heapdelta.h in a program that knows ISO C alone, after other headers.
 *
 * Calls each function once; what they return depends on whether it is traced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "preload/heapdelta.h"

int main(void)
{
    size_t current, peak;
    void *frames[4], *block = malloc(10);
    int traced = heapdelta_is_tracing();
    int good = 0;

    if (traced) {
        good += heapdelta_get_traced_memory(&current, &peak) == 0 && current >= 10;
        good += heapdelta_get_traceback(block, frames, 4, NULL) > 0;
        good += heapdelta_track(1, &good, sizeof(good)) == 0;
        good += heapdelta_untrack(1, &good) == 0;
        good += heapdelta_mark("mark") == 0;
        good += heapdelta_take_snapshot("strict") == 0;
        good += heapdelta_reset_peak() == 0;
        good += heapdelta_clear_traces() == 0;
        good += heapdelta_stop() == 0;
        good += heapdelta_start(0) == 0;
    } else {
        good += heapdelta_get_traced_memory(&current, &peak) == -ENOSYS;
        good += heapdelta_get_traceback(block, frames, 4, NULL) == -ENOSYS;
        good += heapdelta_track(1, &good, sizeof(good)) == -ENOSYS;
        good += heapdelta_untrack(1, &good) == -ENOSYS;
        good += heapdelta_mark("mark") == -ENOSYS;
        good += heapdelta_take_snapshot("strict") == -ENOSYS;
        good += heapdelta_reset_peak() == -ENOSYS;
        good += heapdelta_clear_traces() == -ENOSYS;
        good += heapdelta_stop() == -ENOSYS;
        good += heapdelta_start(0) == -ENOSYS;
    }
    good += heapdelta_get_traceback_limit() == 0;
    good += (heapdelta_get_tracer_memory() > 0) == traced;
    free(block);
    if (good != 12)
        printf("%d of 12 as they should be, traced: %d\n", good, traced);
    return good != 12;
}
