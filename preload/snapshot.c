#include "preload/snapshot.h"

#include "format/control.h"
#include "preload/arena.h"
#include "preload/config.h"
#include "preload/cut.h"
#include "preload/graph.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/image.h"
#include "preload/lock.h"
#include "preload/message.h"
#include "preload/sampling.h"
#include "preload/snapshot_file.h"
#include "preload/snapshot_write.h"
#include "preload/syscall.h"
#include "preload/threads.h"
#include "preload/tracker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__thread const void *snapshot_returning;

/* A snapshot under way. */
struct snapshot {
    struct snapshot_origin origin;
    const char *path; /* NULL: make a name */
    struct cut cut;
    bool encoded;
    struct snapshot_file file;
    struct image image;
    int result;
    void (*done)(int result, const char *path);
    bool told;      /* DONE was */
    bool committed; /* if the task is killed now, another one can't begin anew */

    /* With the heap graph. */
    bool wants_graph;
    struct cfi_registers caller; /* of the thread that asks */
    uint32_t asking;             /* its tid */
    _Atomic uint32_t copying;    /* 1: the threads stand still, and the kernel copies */
    _Atomic uint32_t copied;     /* 1: the gate may open */
    bool begun_in_gate;          /* the cut is not ready when the task begins */
    bool has_copy;               /* there is a copy, which takes the blocks */
    struct threads threads;
    long mapped; /* /proc/self/smaps of the program, for its copy */
    struct resumption *resumption;
};

/* What the task tells its copy, in memory that they share. */
struct resumption {
    _Atomic uint32_t done; /* the threads of the program go on */
    uint64_t pause;        /* ns that they stood still */
};

/* ns that the gate may be closed, until the threads stand still, and while the kernel copies
 * the program, of which there may be terabytes. */
#define STOP_PATIENCE 1000000000u
#define COPY_PATIENCE 30000000000u

static struct lock lock;         /* held while one is taken */
static bool uncopyable;          /* the program is: a copy of it waits for one of its threads, which
                                  * stand still meanwhile (userfaultfd, UFFD_FEATURE_EVENT_FORK) */
static _Atomic uint32_t in_exec; /* the thread that is about to exec, 0: none */
static _Atomic uint32_t reaping; /* the thread that has the lock and waits for the end of … */
static struct image *reaped;     /* … this */
static struct snapshot *pending; /* begun, not yet cleaned up; under the lock */
static uint32_t sequence;
static struct snapshot_pauses pauses;

/* Whether snapshots by TRIGGER may be thinned: nobody asked for this one. The one at exit
 * is the last, so it is counted and stays. */
static bool is_thinned(enum snapshot_trigger trigger)
{
    return trigger == SNAPSHOT_BY_INTERVAL || trigger == SNAPSHOT_BY_GROWTH ||
           trigger == SNAPSHOT_AT_PEAK || trigger == SNAPSHOT_AT_EXIT ||
           trigger == SNAPSHOT_BEFORE_SECCOMP || trigger == SNAPSHOT_AT_MARK;
}

/* Whether a snapshot by TRIGGER is the last one of this process. */
static bool is_last(enum snapshot_trigger trigger)
{
    return trigger == SNAPSHOT_AT_EXIT || trigger == SNAPSHOT_BY_SIGNAL ||
           trigger == SNAPSHOT_BEFORE_SECCOMP;
}

/* Whether a snapshot by TRIGGER is to be without the list of blocks. */
static bool counters_only(enum snapshot_trigger trigger)
{
    return config->counters == CONTROL_COUNTERS_ALWAYS ||
           (config->counters == CONTROL_COUNTERS_BEFORE_EXIT && !is_last(trigger));
}

/* ---- the heap graph ----------------------------------------------------------------- */

static void set_and_wake(_Atomic uint32_t *word)
{
    atomic_store_explicit(word, 1, memory_order_release);
    SYSCALL_3(SYS_futex, word, FUTEX_WAKE, 1);
}

static void wait_for(_Atomic uint32_t *word)
{
    while (!atomic_load_explicit(word, memory_order_acquire))
        SYSCALL_4(SYS_futex, word, FUTEX_WAIT, 0, NULL);
}

/* The program may need the memory more than we do. */
static void offer_memory(void)
{
    long file = SYSCALL_4(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);

    if (file < 0)
        return;
    SYSCALL_3(SYS_write, file, "1000", 4);
    SYSCALL_1(SYS_close, file);
}

#define NO_GRAPH 255 /* exit status of the copy; others are an errno value, or 0 */

/* The copy: find the graph and write the file. */
static void write_in_copy(void *context)
{
    struct snapshot *snapshot = context;
    struct cut *cut = &snapshot->cut;
    struct graph *graph;
    int result;

    arena_forked();
    offer_memory();
    threads_find_waiting(&snapshot->threads, identity->pid);
    cut_take_blocks(cut);
    graph = arena_map(sizeof *graph, ARENA_OTHER);
    if (!graph || cut_encode(cut) < 0)
        SYSCALL_1(SYS_exit, NO_GRAPH);
    result = graph_find(graph, cut->blocks.data, cut->blocks.size - cut->tracked_size,
                        cut->block_count - cut->tracked_count, &snapshot->threads,
                        snapshot->origin.trigger == SNAPSHOT_AT_EXIT, snapshot->mapped);
    if (result < 0 || !cut_renew_modules(cut))
        SYSCALL_1(SYS_exit, NO_GRAPH);
    wait_for(&snapshot->resumption->done);
    graph->record.pause = snapshot->resumption->pause;
    cut->pause += graph->record.pause;
    result = snapshot_write(cut, &snapshot->origin, graph, snapshot->file.descriptor);
    SYSCALL_1(SYS_exit, -result);
}

/* Stop the program, copy it, let it go on. Returns the pid of the copy, or the error. */
static long copy_program(struct snapshot *snapshot)
{
    uint64_t begin = syscall_time(CLOCK_MONOTONIC);
    long pid;

    threads_stop(&snapshot->threads, identity->pid, snapshot->asking, &snapshot->caller);
    set_and_wake(&snapshot->copying);
    pid = image_copy(&snapshot->image, write_in_copy, snapshot);
    threads_resume(&snapshot->threads);
    snapshot->resumption->pause = syscall_time(CLOCK_MONOTONIC) - begin;
    set_and_wake(&snapshot->resumption->done);
    snapshot->has_copy = pid > 0;
    set_and_wake(&snapshot->copied);
    return pid;
}

/* Write the file from a copy of the program. -ECHILD if that can't be had, or was killed. */
static int write_with_graph(struct snapshot *snapshot)
{
    long pid = -ENOMEM;
    int status = -1;

    snapshot->mapped =
        SYSCALL_4(SYS_openat, AT_FDCWD, "/proc/self/smaps", O_RDONLY | O_CLOEXEC, 0);
    snapshot->resumption = arena_share(sizeof *snapshot->resumption);
    if (snapshot->resumption)
        pid = copy_program(snapshot);
    if (pid > 0)
        status = image_wait(&snapshot->image, threads_stopped_late);
    threads_finish(&snapshot->threads);
    if (snapshot->mapped >= 0)
        SYSCALL_1(SYS_close, snapshot->mapped);
    if (snapshot->resumption)
        arena_unreserve(snapshot->resumption, sizeof *snapshot->resumption);
    return status < 0 || status == NO_GRAPH ? -ECHILD : -status;
}

/* ---- the task ------------------------------------------------------------------------ */

/* -ECHILD: it was to be with the graph, and the copy that had it all is no more. */
static int write_whole(struct snapshot *snapshot)
{
    int result = -ECHILD;

    if (snapshot->wants_graph) {
        snapshot->wants_graph = false; /* there is one moment only */
        result = write_with_graph(snapshot);
        set_and_wake(&snapshot->copying); /* also if it was not to be */
        set_and_wake(&snapshot->copied);
        return result;
    }
    if (snapshot->has_copy)
        return -ECHILD;
    snapshot->committed = true;
    result = snapshot->encoded ? 0 : cut_encode(&snapshot->cut);
    snapshot->encoded = true;
    return result < 0 ? result
                      : snapshot_write(&snapshot->cut, &snapshot->origin, NULL,
                                       snapshot->file.descriptor);
}

/* Write the file of SNAPSHOT under the next name that is free. */
static int write_file(struct snapshot *snapshot)
{
    int result;

    if (!snapshot->origin.brief) /* it has a name of its own */
        ++sequence;
    result = snapshot_file_open(&snapshot->file, snapshot->path, snapshot->origin.label, &sequence);
    if (result < 0)
        return result;
    snapshot->origin.sequence = sequence;
    result = write_whole(snapshot);
    if (result == -ECHILD)
        sequence -= !snapshot->origin.brief; /* the number is for who begins anew */
    else
        snapshot->committed = true;
    return snapshot_file_close(&snapshot->file, result);
}

/* The task. */
static void write_snapshot(void *context)
{
    struct snapshot *snapshot = context;
    int result;

    do /* the number is in the file, too: another one means another file */
        result = write_file(snapshot);
    while (result == -EEXIST && !snapshot->path);
    set_and_wake(&snapshot->copying); /* also if there was no file */
    set_and_wake(&snapshot->copied);
    if (result == -ECHILD)
        return; /* another task begins anew: see settle() */
    if (!snapshot->begun_in_gate || snapshot->has_copy)
        cut_finish(&snapshot->cut);
    if (result == 0 && is_thinned(snapshot->origin.trigger))
        snapshot_file_keep(snapshot->file.name, snapshot->cut.time, (uint32_t)config->keep);
    snapshot->result = result;
    if (snapshot->done)
        snapshot->done(result, snapshot->file.name);
    snapshot->told = true;
}

/* With the gate closed: start the task, which copies the program first. Returns whether there is a
 * copy. */
static bool start_with_graph(void *context)
{
    struct snapshot *snapshot = context;

    THREADS_CAPTURE(&snapshot->caller);
    if (snapshot_returning) {
        snapshot->caller.value[CFI_RAX] = (uintptr_t)snapshot_returning;
        snapshot->caller.valid |= 1u << CFI_RAX;
    }
    snapshot->asking = syscall_gettid();
    snapshot->begun_in_gate = true;
    if (image_try_start(&snapshot->image, write_snapshot, snapshot)) {
        bool copied = image_wait_for(&snapshot->image, &snapshot->copying, STOP_PATIENCE) &&
                      image_wait_for(&snapshot->image, &snapshot->copied, COPY_PATIENCE);

        uncopyable |= snapshot->image.stuck;
        return copied && snapshot->has_copy;
    }
    snapshot->wants_graph = snapshot->begun_in_gate = false;
    return false;
}

/* Whether a snapshot by TRIGGER is to have the graph. */
static bool wants_graph(enum snapshot_trigger trigger)
{
    /* Where blocks are not known, who they point at seems lost. */
    return !counters_only(trigger) && !sampling_on &&
           (config->graph == CONTROL_GRAPH_ALWAYS ||
            (config->graph == CONTROL_GRAPH_AT_EXIT && is_last(trigger)));
}

/* Have all that SNAPSHOT needs without a copy of the program: if the blocks were left to that, it is
 * now of a later moment. */
static bool renew(struct snapshot *snapshot)
{
    int result;

    snapshot->wants_graph = snapshot->begun_in_gate = snapshot->has_copy = false;
    if (!snapshot->cut.blocks_left)
        return true;
    cut_finish(&snapshot->cut);
    memset(&snapshot->cut, 0, sizeof snapshot->cut);
    snapshot->cut.brief = snapshot->origin.brief;
    result = cut_take(&snapshot->cut, snapshot->origin.label, snapshot->origin.counters_only, NULL,
                      NULL);
    if (result < 0)
        snapshot->result = result;
    return result == 0;
}

/* The task of SNAPSHOT has ended. If it was killed, or its copy, who waits is told, unless another
 * task can begin anew: then false. */
static bool settle(struct snapshot *snapshot)
{
    if (snapshot->told)
        return true;
    if (snapshot->result == -EOWNERDEAD && snapshot->file.hidden[0])
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, snapshot->file.hidden, 0);
    if (!snapshot->committed) {
        snapshot->committed = true; /* once */
        if (renew(snapshot))
            return false;
    }
    if (snapshot->done)
        snapshot->done(snapshot->result, snapshot->result == 0 ? snapshot->file.name : NULL);
    snapshot->told = true;
    return true;
}

static void destroy(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    cut_finish(&snapshot->cut);
    arena_unmap(snapshot, sizeof *snapshot, ARENA_OTHER);
}

/* A snapshot for ORIGIN with its cut, from when the program goes on; it goes to PATH, and DONE is
 * told, if they are not NULL. With GRAPH its task has begun, if one could be had. */
static int create(const struct snapshot_origin *origin, const char *path,
                  void (*done)(int result, const char *path), bool graph,
                  struct snapshot **out_snapshot)
{
    struct snapshot *snapshot = arena_map(sizeof *snapshot, ARENA_OTHER);
    int result;

    if (!snapshot)
        return -ENOMEM;
    snapshot->origin = *origin;
    snapshot->origin.parent_pid = (uint32_t)SYSCALL_0(SYS_getppid);
    snapshot->path = path;
    snapshot->done = done;
    snapshot->result = -EOWNERDEAD; /* until the task says another one */
    snapshot->wants_graph = graph;
    snapshot->cut.brief = origin->brief;
    result = cut_take(&snapshot->cut, origin->brief ? NULL : snapshot->origin.label,
                      origin->counters_only, graph ? start_with_graph : NULL, snapshot);
    if (result < 0) {
        destroy(snapshot);
        return result;
    }
    pauses.count += !origin->brief;
    pauses.last = snapshot->cut.pause;
    if (pauses.longest < pauses.last)
        pauses.longest = pauses.last;
    *out_snapshot = snapshot;
    return 0;
}

/* The origin of a snapshot by TRIGGER named LABEL. */
static struct snapshot_origin origin_of(enum snapshot_trigger trigger, const char *label)
{
    struct snapshot_origin origin = { .trigger = trigger, .counters_only = counters_only(trigger) };

    identity_clean_name(label, origin.label);
    return origin;
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

/* Wait for the end of the task of IMAGE. Call with the lock. */
static void reap(struct image *image)
{
    reaped = image;
    atomic_store(&reaping, syscall_gettid());
    image_reap(image, true);
    atomic_store(&reaping, 0);
}

/* Clean up the pending snapshot, if it is done or WAIT. Call with the lock. */
static bool clean_up(bool wait)
{
    if (pending) {
        if (wait)
            reap(&pending->image);
        else if (!image_reap(&pending->image, false))
            return false;
        if (!settle(pending)) {
            image_start(&pending->image, write_snapshot, pending);
            return clean_up(wait);
        }
        if (pending->result < 0 && !pending->done)
            complain(pending->result);
        destroy(pending);
        pending = NULL;
    }
    return true;
}

static void nap(void)
{
    const struct timespec time = { .tv_nsec = 1000000 };

    SYSCALL_2(SYS_nanosleep, &time, NULL);
}

#define EXEC_PATIENCE 1000 /* naps: an exec that succeeds ends all other threads */

/* Take the lock for a snapshot by TRIGGER, to be complete when the lock is released. -EBUSY while
 * another thread is about to exec: nothing of ours may live then. */
static int begin_to_take(enum snapshot_trigger trigger)
{
    for (int naps = 0;; naps++) {
        uint32_t thread;

        lock_take(&lock);
        thread = atomic_load(&in_exec);
        if (!thread || thread == syscall_gettid())
            return 0;
        lock_release(&lock);
        if (trigger == SNAPSHOT_BY_SIGNAL || naps == EXEC_PATIENCE)
            return -EBUSY;
        nap();
    }
}

void snapshot_before_exec(void)
{
    struct thread *self = guard_enter();
    uint32_t own = syscall_gettid();

    if (self) {
        if (begin_to_take(SNAPSHOT_AT_EXIT) == 0) {
            clean_up(true);
            atomic_store(&in_exec, own);
            lock_release(&lock);
        }
        guard_leave(self);
        return;
    }
    /* In a handler that interrupted us. */
    if (atomic_load(&reaping) == own) {
        image_reap(reaped, true);
        atomic_store(&in_exec, own);
        return;
    }
    for (int naps = 0; naps < EXEC_PATIENCE; naps++, nap())
        if (lock_try(&lock)) {
            if (pending)
                image_reap(&pending->image, true);
            atomic_store(&in_exec, own);
            lock_release(&lock);
            return;
        }
}

void snapshot_exec_failed(void)
{
    uint32_t own = syscall_gettid();

    atomic_compare_exchange_strong(&in_exec, &own, 0);
}

/* Write SNAPSHOT, or begin to: at the end a signal that is deadly need not wait for that. */
static void run(struct snapshot *snapshot, enum snapshot_trigger trigger)
{
    if (trigger == SNAPSHOT_AT_EXIT || trigger == SNAPSHOT_BY_SIGNAL)
        image_start(&snapshot->image, write_snapshot, snapshot);
    else
        image_run(write_snapshot, snapshot);
}

int snapshot_take(enum snapshot_trigger trigger, const char *label, const char *path, bool graph)
{
    struct snapshot_origin origin;
    struct snapshot *snapshot;
    struct thread *self;
    int result;

    if (!tracker_tracing())
        return -ENODATA;
    self = guard_enter();
    if (!self)
        return guard_inside() ? -EBUSY : -ENOMEM;
    result = begin_to_take(trigger);
    if (result < 0)
        goto out;
    clean_up(true);
    origin = origin_of(trigger, label);
    result = create(&origin, path, NULL, !uncopyable && (graph || wants_graph(trigger)), &snapshot);
    if (result == 0) {
        if (!snapshot->image.pid)
            run(snapshot, trigger);
        if (snapshot->image.pid)
            reap(&snapshot->image);
        while (!settle(snapshot))
            image_run(write_snapshot, snapshot);
        result = snapshot->result;
        destroy(snapshot);
    }
    lock_release(&lock);
out:
    guard_leave(self);
    return result;
}

/* Begin a snapshot for ORIGIN, as create() has it. */
static int begin(const struct snapshot_origin *origin, const char *path,
                 void (*done)(int result, const char *path), bool graph)
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
    if (!atomic_load(&in_exec) && clean_up(false)) {
        result = create(origin, path, done, graph, &snapshot);
        if (result == 0) {
            pending = snapshot;
            if (!snapshot->image.pid)
                image_start(&snapshot->image, write_snapshot, snapshot);
        }
    }
    lock_release(&lock);
out:
    guard_leave(self);
    return result;
}

int snapshot_begin(enum snapshot_trigger trigger, const char *label, bool graph,
                   void (*done)(int result, const char *path))
{
    struct snapshot_origin origin = origin_of(trigger, label);

    return begin(&origin, NULL, done, !uncopyable && (graph || wants_graph(trigger)));
}

int snapshot_begin_brief(const char *path, void (*done)(int result, const char *path))
{
    struct snapshot_origin origin = {
        .trigger = SNAPSHOT_BY_REQUEST,
        .counters_only = true,
        .brief = true,
    };

    return begin(&origin, path, done, false);
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

/* ---- a look without a file ----------------------------------------------------------- */

struct look {
    struct cut cut;
    struct image image;
    int (*look)(struct cut *cut, void *context);
    void *context;
    int result;
};

static void look_in_copy(void *context)
{
    struct look *look = context;
    int result;

    arena_forked();
    offer_memory();
    result = cut_encode(&look->cut);
    if (result == 0)
        result = look->look(&look->cut, look->context);
    SYSCALL_1(SYS_exit, -result);
}

static void no_other(long pid, int status)
{
    (void)pid;
    (void)status;
}

static void look_in_task(void *context)
{
    struct look *look = context;
    long pid = image_copy(&look->image, look_in_copy, look);
    int status = pid > 0 ? image_wait(&look->image, no_other) : -1;

    look->result = status < 0 ? -ECHILD : -status;
}

int snapshot_look(int (*look)(struct cut *cut, void *context), void *context)
{
    struct look *looking;
    struct thread *self;
    int result;

    if (!tracker_tracing())
        return -ENODATA;
    self = guard_enter();
    if (!self)
        return guard_inside() ? -EBUSY : -ENOMEM;
    result = begin_to_take(SNAPSHOT_BY_API);
    if (result < 0)
        goto out;
    clean_up(true);
    result = -ENOMEM;
    looking = arena_map(sizeof *looking, ARENA_OTHER);
    if (looking) {
        looking->look = look;
        looking->context = context;
        looking->result = -ECHILD;
        result = cut_take(&looking->cut, NULL, false, NULL, NULL);
        if (result == 0) {
            if (image_try_start(&looking->image, look_in_task, looking))
                reap(&looking->image);
            result = looking->result;
        }
        cut_finish(&looking->cut);
        arena_unmap(looking, sizeof *looking, ARENA_OTHER);
    }
    lock_release(&lock);
out:
    guard_leave(self);
    return result;
}

void snapshot_forked(void)
{
    lock = (struct lock){ 0 };
    in_exec = reaping = 0;
    pending = NULL; /* its memory is a copy of the task's: left alone, it is small */
    sequence = 0;
    pauses = (struct snapshot_pauses){ 0, 0, 0 };
    snapshot_file_forget();
}

const struct snapshot_pauses *snapshot_pauses(void)
{
    return &pauses;
}
