/* api.c - the functions behind heapdelta.h, which looks them up by these names. */
#include "preload/arena.h"
#include "preload/attention.h"
#include "preload/config.h"
#include "preload/control.h"
#include "preload/counters.h"
#include "preload/deep_size.h"
#include "preload/life.h"
#include "preload/snapshot.h"
#include "preload/tracker.h"

#include <errno.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int heapdelta_api_start(unsigned nframe);
EXPORT int heapdelta_api_stop(void);
EXPORT int heapdelta_api_is_tracing(void);
EXPORT unsigned heapdelta_api_get_traceback_limit(void);
EXPORT int heapdelta_api_get_traced_memory(size_t *out_current, size_t *out_peak);
EXPORT int heapdelta_api_reset_peak(void);
EXPORT int heapdelta_api_clear_traces(void);
EXPORT size_t heapdelta_api_get_tracer_memory(void);
EXPORT int heapdelta_api_take_snapshot(const char *label);
EXPORT int heapdelta_api_take_graph_snapshot(const char *label);
EXPORT int heapdelta_api_take_snapshot_to(const char *path, const char *label);
EXPORT int heapdelta_api_mark(const char *label);
EXPORT int heapdelta_api_track(unsigned domain, const void *block, size_t size);
EXPORT int heapdelta_api_untrack(unsigned domain, const void *block);
EXPORT int heapdelta_api_get_traceback(const void *block, void **frames, size_t size,
                                       int *out_complete);
EXPORT int heapdelta_api_get_deep_size(const void *block, size_t *out_size);

/* RESULT, after what handlers left because they interrupted us: there may be no next
 * event. */
static int attended(int result)
{
    if (attention_needed())
        control_serve();
    return result;
}

int heapdelta_api_start(unsigned nframe)
{
    life_begin();
    return attended(tracker_start(nframe));
}

int heapdelta_api_stop(void)
{
    return attended(tracker_stop());
}

int heapdelta_api_is_tracing(void)
{
    return tracker_tracing();
}

unsigned heapdelta_api_get_traceback_limit(void)
{
    return tracker_frame_limit();
}

int heapdelta_api_get_traced_memory(size_t *out_current, size_t *out_peak)
{
    struct counters_size size = { 0, 0 };

    if (tracker_tracing()) /* not in a child of fork, nor after the end */
        size = tracker_size();
    *out_current = (size_t)size.current;
    *out_peak = (size_t)size.peak;
    return 0;
}

int heapdelta_api_reset_peak(void)
{
    return attended(tracker_reset_peak());
}

int heapdelta_api_clear_traces(void)
{
    return attended(tracker_clear());
}

size_t heapdelta_api_get_tracer_memory(void)
{
    return arena_used_together();
}

int heapdelta_api_take_snapshot(const char *label)
{
    return attended(snapshot_take(SNAPSHOT_BY_API, label, NULL, false));
}

int heapdelta_api_take_graph_snapshot(const char *label)
{
    return attended(snapshot_take(SNAPSHOT_BY_API, label, NULL, true));
}

int heapdelta_api_take_snapshot_to(const char *path, const char *label)
{
    return path && *path ? attended(snapshot_take(SNAPSHOT_BY_API, label, path, false)) : -ENOENT;
}

int heapdelta_api_mark(const char *label)
{
    if (config->marks)
        return attended(snapshot_take(SNAPSHOT_AT_MARK, label, NULL, false));
    return attended(control_mark(label ? label : ""));
}

int heapdelta_api_track(unsigned domain, const void *block, size_t size)
{
    struct stack_start start = STACK_START();

    return attended(tracker_track(domain, (uintptr_t)block, size, &start));
}

int heapdelta_api_untrack(unsigned domain, const void *block)
{
    return attended(tracker_untrack(domain, (uintptr_t)block));
}

int heapdelta_api_get_traceback(const void *block, void **frames, size_t size, int *out_complete)
{
    bool complete;
    int result = attended(tracker_traceback((uintptr_t)block, frames, size, &complete));

    if (result >= 0 && out_complete)
        *out_complete = complete;
    return result;
}

int heapdelta_api_get_deep_size(const void *block, size_t *out_size)
{
    return attended(deep_size_find((uintptr_t)block, out_size));
}
