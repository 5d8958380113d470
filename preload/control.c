#include "preload/control.h"

#include "format/control.h"
#include "preload/arena.h"
#include "preload/attention.h"
#include "preload/config.h"
#include "preload/counters.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/message.h"
#include "preload/path.h"
#include "preload/real.h"
#include "preload/signals.h"
#include "preload/snapshot.h"
#include "preload/syscall.h"
#include "preload/timeline.h"
#include "preload/tracker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096u
#define WAKING_NAP_NS 50000
#define WAKING_NAPS 1000u /* 50 ms: who asked may have been killed */
#define SERVING_NAP_NS 100000
#define SERVING_NAPS 10000u /* a second: a handler that interrupted us would wait for itself */
#define MEMORY_DIRECTORY "/dev/shm" /* where nobody asked for files: none of the program's */

/* Until there is a page, and where none can be had. */
static struct control_page no_page;
static struct control_page *page = &no_page;

static char page_path[PATH_SIZE]; /* empty: it has no file */
static bool closed;               /* nothing is begun any more */
static uint64_t next_interval;    /* ns since tracing began */
static _Atomic uint32_t serving;  /* threads that do what is raised */

/* What the page tells of this tracing; times in ns since 1970. */
static struct {
    bool on;                        /* there is one; else times are of its end */
    uint64_t since, start_bytes;    /* its beginning, and what was live then */
    uint64_t mark_time, mark_bytes; /* the last mark, 0: none, and what was live then */
} tracing;

_Static_assert(offsetof(struct control_page, request) % 4 == 0, "a word");

/* ---- the page ---------------------------------------------------------------------- */

static bool make_path(void)
{
    const size_t size = sizeof page_path;

    page_path[0] = '\0';
    return path_append(page_path, size, config->out ? config->out : MEMORY_DIRECTORY) &&
           path_append(page_path, size, "/.") && path_append(page_path, size, identity->program) &&
           path_append(page_path, size, ".") &&
           path_append_number(page_path, size, identity->pid, 1) &&
           path_append(page_path, size, CONTROL_SUFFIX);
}

/* The messages of an earlier image of this process, or of this one before an exec that
 * failed, go into MADE; FILE is its page. */
static void take_over_messages(long file, struct control_page *made)
{
    const size_t offset = offsetof(struct control_page, message_count);

    SYSCALL_4(SYS_pread64, file, &made->message_count, sizeof *made - offset, offset);
}

/* Make the file and map it, where there was one before in its place: other threads look
 * there. NULL if that can't be. */
static struct control_page *map_page(void)
{
    static const struct control_page empty;
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    uint64_t all = ~(uint64_t)0, before;
    bool again = page != &no_page;
    long file, earlier, mapped = -1, written;

    if (!make_path())
        return NULL;
    earlier = config->out ? SYSCALL_4(SYS_openat, AT_FDCWD, page_path,
                                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
                          : -1;
    SYSCALL_3(SYS_unlinkat, AT_FDCWD, page_path, 0);
    file = SYSCALL_4(SYS_openat, AT_FDCWD, page_path, flags, 0600);
    if (file < 0)
        goto out;
    /* Written, not only made longer, so that the disk has room for it. */
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    written = SYSCALL_3(SYS_write, file, &empty, sizeof empty);
    if (written == (long)sizeof empty && SYSCALL_2(SYS_ftruncate, file, CONTROL_SIZE) < 0)
        written = -EFBIG;
    if (written == -EFBIG)
        syscall_take_back_xfsz();
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    if (written == (long)sizeof empty)
        mapped = SYSCALL_6(SYS_mmap, again ? page : NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE,
                           MAP_SHARED | (again ? MAP_FIXED : 0), file, 0);
    SYSCALL_1(SYS_close, file);
    if (mapped > -4096 && mapped < 0)
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, page_path, 0);
    else if (earlier >= 0)
        take_over_messages(earlier, (struct control_page *)mapped);
out:
    if (earlier >= 0)
        SYSCALL_1(SYS_close, earlier);
    return mapped > -4096 && mapped < 0 ? NULL : (struct control_page *)mapped;
}

/* Fill in what does not change. The magic comes last: who reads it may read all. */
static void describe(struct control_page *made)
{
    made->version = CONTROL_VERSION;
    made->size = CONTROL_SIZE;
    made->pid = identity->pid;
    made->signal = (uint32_t)signals_request();
    memcpy(made->run, identity->run, sizeof made->run);
    atomic_thread_fence(memory_order_release);
    memcpy(made->magic, CONTROL_MAGIC, sizeof made->magic);
}

/* Tracing begins, or ends, as `status` has it. */
static void set_tracing(bool on, uint64_t now)
{
    tracing.on = on;
    tracing.since = now;
    tracing.start_bytes = (uint64_t)tracker_size().current;
    tracing.mark_time = tracing.mark_bytes = 0;
}

static void publish(void)
{
    struct counters_size size = tracker_size();
    bool on = tracker_tracing();

    if (on != tracing.on) /* also by the API, where it is noticed at the next tick */
        set_tracing(on, syscall_time(CLOCK_REALTIME));
    page->state = closed ? CONTROL_ENDED : on ? CONTROL_TRACING : CONTROL_OFF;
    page->snapshots = snapshot_pauses()->count;
    page->live_bytes = (uint64_t)size.current;
    page->live_blocks = tracker_live_blocks();
    page->peak_bytes = (uint64_t)size.peak;
    page->since = tracing.since;
    page->start_bytes = tracing.start_bytes;
    page->mark_time = tracing.mark_time;
    page->mark_bytes = tracing.mark_bytes;
    page->tracer_bytes = arena_used_together();
    page->last_pause = snapshot_pauses()->last;
    page->longest_pause = snapshot_pauses()->longest;
    page->updated = syscall_time(CLOCK_REALTIME);
}

void control_open(void)
{
    struct control_page *made = map_page();

    closed = false;
    if (made) {
        describe(made);
        page = made;
        message_set_page(made);
        attention_move((_Atomic uint32_t *)&made->request);
    } else {
        page_path[0] = '\0';
    }
    publish();
}

void control_init(void)
{
    next_interval = config->interval * 1000000;
    counters_watch(config->growth, config->peak);
    tracing.on = tracker_tracing();
    tracing.since = identity->start_time;
    control_open();
}

void control_signal_changed(void)
{
    page->signal = (uint32_t)signals_request();
}

/* Begin nothing any more. */
static void end(void)
{
    closed = true;
    page->state = CONTROL_ENDED;
}

void control_end_before_exec(void)
{
    const struct timespec nap = { .tv_nsec = WAKING_NAP_NS };

    end();
    /* Who asks sets `waking`, then reads the state: one of us two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < WAKING_NAPS && *(volatile uint32_t *)&page->waking; i++)
        SYSCALL_2(SYS_nanosleep, &nap, NULL);
}

void control_close(void)
{
    end();
    /* `run` says the messages, and removes the file; where there is none, nobody would. */
    if (page_path[0] && !(config->out && page->message_count > 0))
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, page_path, 0);
    page_path[0] = '\0';
}

bool control_lost(const void *address)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    if (page == &no_page || (uintptr_t)address - (uintptr_t)page >= CONTROL_SIZE ||
        SYSCALL_6(SYS_mmap, page, CONTROL_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) !=
            (long)(uintptr_t)page)
        return false;
    attention_move(attention_load()); /* as awake as before */
    message_set_page(NULL);
    return true;
}

void control_before_seccomp(void)
{
    end();
    attention_move(NULL);
    if (!config->out)
        control_close(); /* who else would remove its file? */
}

void control_after_seccomp(bool was_tracing)
{
    if (config->out && was_tracing)
        message_keep("no snapshot at exit: the program has put itself under seccomp, which may "
                     "forbid it; what was alive then is in the snapshot \"seccomp\"");
}

void control_forked(void)
{
    atomic_store(&serving, 0); /* of the other threads */
    message_set_page(NULL);
    if (page != &no_page)
        SYSCALL_2(SYS_munmap, page, CONTROL_SIZE);
    page = &no_page;
    memset(&no_page, 0, sizeof no_page);
    page_path[0] = '\0';
    attention_move(NULL);
    set_tracing(tracker_tracing(), syscall_time(CLOCK_REALTIME));
}

/* ---- requests ----------------------------------------------------------------------- */

/* Set the request from FROM to TO; false if it is not FROM. */
static bool move_request(enum control_request from, enum control_request to)
{
    _Atomic uint32_t *word = attention_load();
    uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);

    do
        if ((seen & ATTENTION_REQUEST) != from)
            return false;
    while (!atomic_compare_exchange_weak(word, &seen, (seen & ~ATTENTION_REQUEST) | to));
    return true;
}

int control_mark(const char *label)
{
    int result = tracker_mark(label);

    if (result == 0) {
        tracing.mark_time = syscall_time(CLOCK_REALTIME);
        tracing.mark_bytes = (uint64_t)tracker_size().current;
        publish();
    }
    return result;
}

static uint32_t taken_number; /* of the request that is being served: who asked may give up */

/* Answer the request. May be called in the task that writes the snapshot. */
static void answer(int result, const char *path)
{
    size_t length = result == 0 && path ? strlen(path) : 0;
    struct tracker_totals totals;

    /* Not path_append(): others can write there meanwhile. */
    if (length >= sizeof page->path)
        length = 0;
    memcpy(page->path, path, length);
    page->path[length] = '\0';
    page->error = result;
    tracker_sum(&totals);
    page->events = totals.allocations + totals.frees;
    publish();
    atomic_thread_fence(memory_order_release);
    page->reply = taken_number;
    move_request(CONTROL_BUSY, CONTROL_FINISHED);
}

/* Begin what the request asks for that a task does; ANSWER is called then. */
static int begin_request(enum control_verb verb, const char *label)
{
    static char path[CONTROL_PATH_SIZE]; /* of the one that is being written */

    if (verb == CONTROL_SNAPSHOT)
        return snapshot_begin(SNAPSHOT_BY_REQUEST, label, false, answer);
    memcpy(path, page->path, sizeof path);
    path[sizeof path - 1] = '\0';
    return path[0] == '/' ? snapshot_begin_brief(path, answer) : -EINVAL;
}

static void serve_request(void)
{
    char label[CONTROL_LABEL_SIZE];
    int result;

    if (!move_request(CONTROL_WANTED, CONTROL_BUSY))
        return;
    taken_number = page->number;
    memcpy(label, page->label, sizeof label);
    label[sizeof label - 1] = '\0';
    switch (page->verb) {
    case CONTROL_SNAPSHOT:
    case CONTROL_WATCH:
        result = begin_request(page->verb, label);
        if (result == -EBUSY)
            move_request(CONTROL_BUSY, CONTROL_WANTED); /* another is being written */
        if (result == -EBUSY || result == 0)
            return;
        break;
    case CONTROL_MARK:
        result = control_mark(label);
        break;
    case CONTROL_START:
        result = tracker_start((uint32_t)config->nframe);
        break;
    case CONTROL_STOP:
        result = tracker_stop();
        break;
    default:
        result = -EINVAL;
    }
    answer(result, NULL);
}

/* ---- our own triggers ------------------------------------------------------------------ */

static void tick(void)
{
    snapshot_finish(false);
    publish();
    tracker_add_to_series();
    if (config->interval && timeline_now() >= next_interval &&
        snapshot_begin(SNAPSHOT_BY_INTERVAL, NULL, false, NULL) == 0)
        next_interval = timeline_now() + config->interval * 1000000; /* from this cut on */
}

/* A snapshot because of WHY. Each one is wanted, so one that is being written is waited
 * for: a program that grows faster than files are written is held up. */
static void trigger(enum snapshot_trigger why)
{
    snapshot_finish(true);
    snapshot_begin(why, NULL, false, NULL);
}

/* Do what is raised now. */
static void serve(uint32_t bits)
{
    if (bits & ATTENTION_DEATH)
        signals_die();
    if (closed)
        return;
    move_request(CONTROL_FINISHED, CONTROL_IDLE);
    snapshot_finish(false); /* before another request: who asked for a lost one is told */
    if (bits & ATTENTION_TICK)
        tick();
    if (bits & ATTENTION_GROWTH)
        trigger(SNAPSHOT_BY_GROWTH);
    if (bits & ATTENTION_PEAK)
        trigger(SNAPSHOT_AT_PEAK);
    serve_request();
}

static void serve_all(void)
{
    const uint32_t by_handlers = ATTENTION_DEATH | ATTENTION_AGAIN;

    if (atomic_load(&guard_silent) || syscall_getpid() != identity->pid)
        return; /* a child of vfork or a bare clone: all this is its parent's */
    if (guard_inside()) {
        attention_raise(ATTENTION_AGAIN); /* in a handler that interrupted us */
        return;
    }
    /* What a handler leaves while we serve: there may be no next event. */
    do
        serve(attention_take());
    while (atomic_load_explicit(attention_load(), memory_order_relaxed) & by_handlers);
}

void control_serve(void)
{
    atomic_fetch_add(&serving, 1);
    serve_all();
    /* In a child of fork, which one of our handlers made in between, there may be nobody any more. */
    for (uint32_t count = atomic_load(&serving);
         count > 0 && !atomic_compare_exchange_weak(&serving, &count, count - 1);)
        ;
}

void control_serve_returning(const void *block)
{
    snapshot_returning = block;
    control_serve();
    snapshot_returning = NULL;
}

void control_wait_for_others(void)
{
    const struct timespec nap = { .tv_nsec = SERVING_NAP_NS };

    for (unsigned i = 0; i < SERVING_NAPS && atomic_load(&serving) > 0; i++)
        SYSCALL_2(SYS_nanosleep, &nap, NULL);
}
