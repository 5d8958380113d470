#include "preload/snapshot.h"

#include "preload/arena.h"
#include "preload/config.h"
#include "preload/cut.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/image.h"
#include "preload/lock.h"
#include "preload/message.h"
#include "preload/snapshot_file.h"
#include "preload/snapshot_write.h"
#include "preload/syscall.h"
#include "preload/tracker.h"

#include <errno.h>

/* A snapshot under way. */
struct snapshot {
    struct snapshot_origin origin;
    const char *path; /* NULL: make a name */
    struct cut cut;
    struct snapshot_file file;
    struct image image;
    int result;
    void (*done)(int result, const char *path);
};

static struct lock lock;         /* held while one is taken */
static struct snapshot *pending; /* begun, not yet cleaned up; under the lock */
static uint32_t sequence;
static struct snapshot_pauses pauses;

/* Whether snapshots by TRIGGER may be thinned: nobody asked for this one. The one at exit
 * is the last, so it is counted and stays. */
static bool is_thinned(enum snapshot_trigger trigger)
{
    return trigger == SNAPSHOT_BY_INTERVAL || trigger == SNAPSHOT_BY_GROWTH ||
           trigger == SNAPSHOT_AT_PEAK || trigger == SNAPSHOT_AT_EXIT;
}

/* Write the file of SNAPSHOT under the next name that is free. */
static int write_file(struct snapshot *snapshot)
{
    int result;

    ++sequence;
    result = snapshot_file_open(&snapshot->file, snapshot->path, snapshot->origin.label, &sequence);
    if (result < 0)
        return result;
    snapshot->origin.sequence = sequence;
    result = snapshot_write(&snapshot->cut, &snapshot->origin, snapshot->file.descriptor);
    return snapshot_file_close(&snapshot->file, result);
}

/* The task. */
static void write_snapshot(void *context)
{
    struct snapshot *snapshot = context;
    int result;

    result = cut_encode(&snapshot->cut);
    if (result == 0)
        do /* the number is in the file, too: another one means another file */
            result = write_file(snapshot);
        while (result == -EEXIST && !snapshot->path);
    cut_finish(&snapshot->cut);
    if (result == 0 && is_thinned(snapshot->origin.trigger))
        snapshot_file_keep(snapshot->file.name, snapshot->cut.time, (uint32_t)config->keep);
    snapshot->result = result;
    if (snapshot->done)
        snapshot->done(result, snapshot->file.name);
}

static void destroy(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    cut_finish(&snapshot->cut);
    arena_unmap(snapshot, sizeof *snapshot, ARENA_OTHER);
}

/* A snapshot with its cut; the program goes on. */
static int create(enum snapshot_trigger trigger, const char *label, struct snapshot **out_snapshot)
{
    struct snapshot *snapshot = arena_map(sizeof *snapshot, ARENA_OTHER);
    int result;

    if (!snapshot)
        return -ENOMEM;
    identity_clean_name(label, snapshot->origin.label);
    snapshot->origin.trigger = trigger;
    snapshot->origin.counters_only = config->counters;
    snapshot->origin.parent_pid = (uint32_t)SYSCALL_0(SYS_getppid);
    result = cut_take(&snapshot->cut, snapshot->origin.label, config->counters);
    if (result < 0) {
        destroy(snapshot);
        return result;
    }
    pauses.count++;
    pauses.last = snapshot->cut.pause;
    if (pauses.longest < pauses.last)
        pauses.longest = pauses.last;
    *out_snapshot = snapshot;
    return 0;
}

/* Say, once, that a snapshot nobody waits for failed with RESULT. */
static void complain(int result)
{
    static bool complained;

    if (!complained)
        message_line("a snapshot by interval, growth or peak failed: ", message_error(result),
                     "; no more is said of others", NULL);
    complained = true;
}

/* Clean up the pending snapshot, if it is done or WAIT. Call with the lock. */
static bool clean_up(bool wait)
{
    if (pending) {
        if (!image_reap(&pending->image, wait))
            return false;
        if (pending->result < 0 && !pending->done)
            complain(pending->result);
        destroy(pending);
        pending = NULL;
    }
    return true;
}

int snapshot_take(enum snapshot_trigger trigger, const char *label, const char *path)
{
    struct snapshot *snapshot;
    struct thread *self;
    int result;

    if (!tracker_tracing())
        return -ENODATA;
    self = guard_enter();
    if (!self)
        return guard_inside() ? -EBUSY : -ENOMEM;
    lock_take(&lock);
    clean_up(true);
    result = create(trigger, label, &snapshot);
    if (result == 0) {
        snapshot->path = path;
        image_run(write_snapshot, snapshot);
        result = snapshot->result;
        destroy(snapshot);
    }
    lock_release(&lock);
    guard_leave(self);
    return result;
}

int snapshot_begin(enum snapshot_trigger trigger, const char *label,
                   void (*done)(int result, const char *path))
{
    struct snapshot *snapshot;
    struct thread *self;
    int result = -EBUSY;

    if (!tracker_tracing())
        return -ENODATA;
    self = guard_enter();
    if (!self)
        return guard_inside() ? -EBUSY : -ENOMEM;
    if (!lock_try(&lock))
        goto out;
    if (clean_up(false)) {
        result = create(trigger, label, &snapshot);
        if (result == 0) {
            snapshot->done = done;
            pending = snapshot;
            image_start(&snapshot->image, write_snapshot, snapshot);
        }
    }
    lock_release(&lock);
out:
    guard_leave(self);
    return result;
}

void snapshot_finish(bool wait)
{
    struct thread *self = guard_enter();

    if (!self)
        return;
    if (wait) {
        lock_take(&lock);
        clean_up(true);
        lock_release(&lock);
    } else if (lock_try(&lock)) {
        clean_up(false);
        lock_release(&lock);
    }
    guard_leave(self);
}

void snapshot_forked(void)
{
    lock = (struct lock){ 0 };
    pending = NULL; /* its memory is a copy of the task's: left alone, it is small */
    sequence = 0;
    pauses = (struct snapshot_pauses){ 0, 0, 0 };
    snapshot_file_forget();
}

const struct snapshot_pauses *snapshot_pauses(void)
{
    return &pauses;
}
