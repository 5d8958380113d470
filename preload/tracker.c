#include "preload/tracker.h"

#include "preload/arena.h"
#include "preload/attention.h"
#include "preload/cfi.h"
#include "preload/config.h"
#include "preload/deferred.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/live_domains.h"
#include "preload/memo.h"
#include "preload/modules.h"
#include "preload/real.h"
#include "preload/roster.h"
#include "preload/series.h"
#include "preload/syscall.h"
#include "preload/timeline.h"
#include "preload/tracker_thread.h"
#include "preload/trie.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <time.h>

#define UNKNOWN_STACK 0u    /* made first: no frame, truncated */

_Atomic bool tracker_on, tracker_plain;
static _Atomic uint32_t frame_limit;
static bool untraced; /* for good: there is no memory, or this is a child of fork */
static _Atomic uint32_t era; /* raised when everything is forgotten */
static _Atomic uint64_t lost_in_handlers; /* blocks, for lack of room to put them aside */

static const struct trie_modules trie_modules = { modules_find, modules_loaded };

/* ---- going in and out ------------------------------------------------------- */

static inline struct tracker_thread *enter(void)
{
    return (struct tracker_thread *)guard_enter();
}

/* Why enter() gave NULL. */
static int not_entered(void)
{
    return guard_inside() ? -EBUSY : -ENOMEM;
}

static void take_deferred(struct tracker_thread *self);

static inline bool anything_deferred(const struct tracker_thread *self)
{
    return __builtin_expect(self->deferred != NULL, false) && deferred_first(self->deferred);
}

/* SELF comes out, after what handlers put aside is done. One may come in between. */
static __attribute__((noinline)) void leave_with_deferred(struct tracker_thread *self)
{
    do {
        if (anything_deferred(self))
            take_deferred(self);
        guard_leave(&self->guard);
    } while (anything_deferred(self) && enter() == self);
}

static inline void leave(struct tracker_thread *self)
{
    if (__builtin_expect(self->guard.noted, false)) {
        leave_with_deferred(self);
        return;
    }
    guard_leave(&self->guard);
    if (__builtin_expect(self->guard.noted, false))
        tracker_leave_late(self); /* the first one came just now */
}

void tracker_leave(struct tracker_thread *self)
{
    guard_pause(&self->guard);
    leave(self);
}

void tracker_leave_late(struct tracker_thread *self)
{
    if (self->guard.noted && enter() == self)
        leave_with_deferred(self);
}

#define TICK_EVENTS 64 /* look at the clock each so many events of a thread */

static int32_t tick_events = TICK_EVENTS;

/* How often all threads have allocated, and how many states of threads there are. */
static uint64_t all_allocations(uint32_t *out_threads)
{
    uint64_t sum = 0;

    *out_threads = 0;
    for (struct thread *state = guard_threads(); state; state = state->next) {
        sum += atomic_load_explicit(&((struct tracker_thread *)state)->allocations,
                                    memory_order_relaxed);
        ++*out_threads;
    }
    return sum;
}

static __attribute__((noinline)) void look_at_the_clocks(struct tracker_thread *self)
{
    uint32_t threads;

    if (timeline_due()) {
        timeline_add((uint64_t)tracker_size().current, tracker_live_blocks(), 0);
        attention_raise(ATTENTION_TICK);
    } else if (series_due(0, all_allocations(&threads))) {
        attention_raise(ATTENTION_TICK);
    }
    self->next_look = self->events + series_step();
}

/* Whether SELF has come so far that a moment of the series may be due. */
static inline bool has_come_far(const struct tracker_thread *self)
{
    return (int32_t)(self->events - self->next_look) >= 0;
}

/* SELF, which records, has recorded as many events as it was to. */
static __attribute__((noinline)) void look(struct tracker_thread *self)
{
    self->events += (uint32_t)tick_events;
    self->countdown = tick_events - 1;
    if (has_come_far(self) || timeline_due())
        look_at_the_clocks(self);
}

/* Count an event of SELF, which records, and see whether it is time for something. */
static inline void tick(struct tracker_thread *self)
{
    if (__builtin_expect(--self->countdown < 0, false))
        look(self);
}

void tracker_tick(struct tracker_thread *self)
{
    look(self);
    guard_pause(&self->guard);
    leave(self);
}

/* ---- counting ---------------------------------------------------------------- */

/* Both after counters_change_current(), which may end a peak: this is behind it. */

static inline void count_free(struct tracker_thread *self, const struct live_block *block)
{
    struct counter *counter = counters_touch(&self->counters, block->stack);
    bool temporary = block->address == self->newest;

    self->newest = temporary ? 0 : self->newest; /* another thread may get the address */
    if (counter) {
        counter->value[SNAPSHOT_FREES]++;
        counter->value[SNAPSHOT_FREED_BYTES] += block->size;
        counter->value[SNAPSHOT_TEMPORARY] += temporary;
    } else {
        self->lost_blocks++; /* what its stack counts is not right: that much is said */
    }
    tracker_add_own(&self->frees, 1);
}

static inline void count_allocation(struct tracker_thread *self, const struct live_block *block,
                                    bool reallocation)
{
    struct counter *counter = counters_touch(&self->counters, block->stack);

    self->newest = block->address;
    if (counter) {
        counter->value[SNAPSHOT_ALLOCATIONS]++;
        counter->value[SNAPSHOT_ALLOCATED_BYTES] += block->size;
        counter->value[SNAPSHOT_REALLOCATIONS] += reallocation;
    } else {
        self->lost_blocks++;
    }
    tracker_add_own(&self->allocations, 1);
}

static inline size_t usable_size(const void *block)
{
    return real_is_glibc ? real_usable_size(block) : 0;
}

/* What glibc gives for SIZE bytes: for blocks that are gone. */
static size_t usable_estimate(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;

    return real_is_glibc ? (chunk < 32 ? 32 : chunk) - 8 : 0;
}

/* The calling thread, whose state this is, has a name now. */
static void name_thread(struct thread *thread)
{
    char name[ROSTER_NAME_SIZE] = "";

    if (thread->number && !atomic_load(&guard_silent) &&
        SYSCALL_2(SYS_prctl, PR_GET_NAME, name) == 0)
        roster_name(thread->number, name, sizeof name);
}

/* The number of STACK, whose frames are in MEMO, if that is not NULL. */
static uint32_t intern(struct stack *stack, const struct memo *memo)
{
    uint32_t number = trie_find(stack->key.hash, stack->key.more);

    if (number == TRIE_NONE && (!memo || memo_frames(memo, stack)))
        number = trie_add(stack->frames, stack->count, stack->flags, stack->key.hash,
                          stack->key.more);
    return number == TRIE_NONE ? UNKNOWN_STACK : number;
}

/* The number of stack NUMBER in the thread of SELF, the calling one, where threads are told apart. */
static __attribute__((noinline)) uint32_t of_thread(struct tracker_thread *self, uint32_t number)
{
    struct thread *thread = &self->guard;
    uint32_t found;

    if (thread->number == 0 && thread->shared)
        thread->number = roster_find(thread->tid);
    if (thread->number == 0) {
        thread->number = roster_enter(thread->tid);
        name_thread(thread);
    }
    if (thread->number == 0)
        return number;
    found = trie_of_thread(number, (uint16_t)thread->number);
    return found == TRIE_NONE ? number : found;
}

/* Count BLOCK, which is out of the table and has USABLE bytes, as freed. */
static inline void take_away(struct tracker_thread *self, const struct live_block *block,
                             size_t usable)
{
    self->usable -= usable;
    counters_change_current(&self->counters, -(int64_t)block->size);
    count_free(self, block);
}

/* Count BLOCK, whose free was not seen. */
static __attribute__((noinline)) void miss(struct tracker_thread *self,
                                           const struct live_block *block)
{
    self->missed_frees++;
    take_away(self, block, usable_estimate(block->size));
}

/* Put a new block of USABLE bytes in; it may be gone by now. An OLD one, of OLD_USABLE bytes,
 * leaves at the same moment, if that is not NULL. */
static inline __attribute__((always_inline)) void
put(struct tracker_thread *self, struct live_block block, size_t usable, bool reallocation,
    const struct live_block *old, size_t old_usable)
{
    struct live_block missed;
    bool added = live_add(&block, &missed);
    size_t before = old ? old->size : 0;

    if (__builtin_expect(added && missed.address != 0, false))
        miss(self, &missed);
    counters_change_current(&self->counters, (int64_t)((added ? block.size : 0) - before));
    if (old) {
        self->usable -= old_usable;
        count_free(self, old);
    }
    if (__builtin_expect(added, true)) {
        self->usable += usable;
        count_allocation(self, &block, reallocation);
    } else {
        self->lost_blocks++;
    }
}

/* Put BLOCK back into the table, where it was before. */
static void put_back(struct tracker_thread *self, const struct live_block *block, size_t usable)
{
    struct live_block missed;

    if (!live_add(block, &missed)) {
        self->lost_blocks++;
        take_away(self, block, usable);
    } else if (missed.address != 0) {
        miss(self, &missed);
    }
}

static inline uint32_t limit(void)
{
    return atomic_load_explicit(&frame_limit, memory_order_relaxed);
}

/* The state of SELF was another thread's. */
static __attribute__((noinline)) void refresh(struct tracker_thread *self)
{
    self->guard.fresh = false;
    memo_forget(&self->memo);
    stack_forget_pages(&self->stack);
    for (uint32_t i = 0; self->deferred && i < DEFERRED_EVENTS; i++)
        stack_forget_pages(&self->deferred->events[i].stack);
}

/* Walk the stack of SELF, the calling thread, from START. */
static __attribute__((noinline)) void walk(struct tracker_thread *self,
                                           const struct stack_start *start)
{
    self->in_memo = limit() == 0 && memo_walk(&self->memo, &self->stack, start);
    if (!self->in_memo) {
        stack_walk(&self->stack, start, limit());
        return;
    }
    trie_expect(self->stack.key.hash);
    memo_enter(&self->memo);
}

/* The number of the stack of SELF, the calling thread, from START; MEMO_NONE: it is walked,
 * and stack_number() tells. */
static inline __attribute__((always_inline)) uint32_t
find_stack(struct tracker_thread *self, const struct stack_start *start)
{
    uint32_t number = MEMO_NONE;

    if (__builtin_expect(self->guard.fresh, false))
        refresh(self);
    if (__builtin_expect(limit() == 0, true))
        number = memo_find(&self->memo, start);
    if (__builtin_expect(number == MEMO_NONE, false))
        walk(self, start);
    return number;
}

/* The same, certainly: SELF records now, and find_stack() returned NUMBER. (Code that was
 * unloaded meanwhile is not in this stack, so the number holds.) */
static inline uint32_t stack_number(struct tracker_thread *self, uint32_t number)
{
    if (__builtin_expect(number == MEMO_NONE, false)) {
        number = intern(&self->stack, self->in_memo ? &self->memo : NULL);
        if (config->threads)
            number = of_thread(self, number);
        if (self->in_memo)
            memo_number(&self->memo, number);
    }
    return number;
}

/* ---- events in a handler that interrupted us ------------------------------------ */

/* Where to put aside an event of KIND in the calling thread, NULL if that can't be. */
static struct deferred_event *defer(enum deferred_kind kind, struct tracker_thread **out_self)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_self();
    struct deferred_event *event = NULL;

    *out_self = self;
    if (self && !self->deferred) {
        self->deferred = arena_map(sizeof *self->deferred, ARENA_OTHER);
        self->guard.noted = self->deferred != NULL;
    }
    if (self && self->deferred)
        event = deferred_begin(self->deferred);
    if (event) {
        event->kind = kind;
        event->listed = false;
        event->era = atomic_load_explicit(&era, memory_order_acquire);
    }
    return event;
}

static void defer_new(void *block, size_t size, bool reallocation,
                      const struct stack_start *start)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(DEFERRED_NEW, &self);

    if (!event) {
        atomic_fetch_add_explicit(&lost_in_handlers, 1, memory_order_relaxed);
        return;
    }
    stack_walk(&event->stack, start, limit());
    event->block = (struct live_block){ (uintptr_t)block, size, 0, epochs_current() };
    event->usable = usable_size(block);
    event->reallocation = reallocation;
    deferred_put(self->deferred);
}

static void defer_free(uintptr_t address)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(DEFERRED_FREE, &self);

    if (!event)
        return; /* noticed when the address comes back */
    event->block.address = address;
    deferred_put(self->deferred);
}

/* Take the block at ADDRESS out of the table, which is put aside as KIND at the same moment,
 * for a snapshot to know (tracker_settle()). NULL if it is not there or there is no room. */
static struct deferred_event *move_aside(uintptr_t address, enum deferred_kind kind)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(kind, &self);

    if (!event)
        return NULL;
    if (!live_try_remove(address, &event->block)) {
        deferred_cancel(self->deferred);
        return NULL;
    }
    event->usable = usable_size((const void *)address);
    deferred_put(self->deferred);
    return event;
}

/* The same now, since the real free follows, whatever the thread was interrupted at. NULL
 * also if the block is not there yet, or if the gate closes and can't be waited for: the
 * thread may hold it up, or be about to wait itself. */
static struct deferred_event *remove_now(uintptr_t address, enum deferred_kind kind)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_self();
    struct deferred_event *event;
    bool recording;

    if (!self)
        return NULL;
    recording = atomic_load_explicit(&self->guard.recording, memory_order_relaxed);
    if (!recording)
        guard_record(&self->guard);
    else if (atomic_load_explicit(&guard_closed, memory_order_acquire))
        return NULL;
    event = move_aside(address, kind);
    if (!recording)
        guard_pause(&self->guard);
    if (!event && self->deferred && deferred_expects(self->deferred, address))
        defer_free(address);
    return event;
}

/* Do what was put aside. */
static void take_deferred(struct tracker_thread *self)
{
    struct deferred_event *event;
    struct live_block old;

    for (; (event = deferred_first(self->deferred)); deferred_drop(self->deferred)) {
        guard_record(&self->guard);
        if (tracker_tracing() && event->era == atomic_load_explicit(&era, memory_order_relaxed))
            switch (event->kind) {
            case DEFERRED_NEW:
                event->block.stack = intern(&event->stack, NULL);
                if (config->threads)
                    event->block.stack = of_thread(self, event->block.stack);
                put(self, event->block, event->usable, event->reallocation, NULL, 0);
                break;
            case DEFERRED_HELD: /* the thread is not in this child of fork */
            case DEFERRED_BACK:
                put_back(self, &event->block, event->usable);
                break;
            case DEFERRED_GONE:
                take_away(self, &event->block, event->usable);
                break;
            case DEFERRED_DONE:
                break;
            case DEFERRED_FREE:
                if (live_remove(event->block.address, &old))
                    take_away(self, &old, usable_estimate(old.size));
                break;
            }
        guard_pause(&self->guard);
    }
}

/* ---- events ------------------------------------------------------------------ */

/* SELF, inside, has a new block, allocated by STACK as find_stack() said. (A function of its own:
 * what it needs of the caller's stack is not below a walk.) */
static __attribute__((noinline)) void record_allocated(struct tracker_thread *self, void *block,
                                                       size_t size, uint32_t stack)
{
    guard_record(&self->guard);
    if (tracker_tracing()) {
        stack = stack_number(self, stack);
        put(self, (struct live_block){ (uintptr_t)block, size, stack, epochs_current() },
            usable_size(block), false, NULL, 0);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_allocated_inside(struct tracker_thread *self, void *block, size_t size,
                              const struct stack_start *start, uint32_t stack)
{
    if (stack == MEMO_NONE || !tracker_is_plain()) {
        guard_pause(&self->guard); /* what follows may take long */
        stack = tracker_tracing() ? find_stack(self, start) : MEMO_NONE;
    }
    record_allocated(self, block, size, stack);
}

void tracker_allocated(void *block, size_t size, const struct stack_start *start)
{
    struct tracker_thread *self;

    if (!tracker_tracing())
        return;
    self = enter();
    if (__builtin_expect(self != NULL, true))
        record_allocated(self, block, size, find_stack(self, start));
    else
        defer_new(block, size, false, start);
}

void tracker_freed(void *block)
{
    struct tracker_thread *self;
    struct live_block old;

    if (!tracker_tracing())
        return;
    self = enter();
    if (!self) {
        remove_now((uintptr_t)block, DEFERRED_GONE);
        return;
    }
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &old)) {
        take_away(self, &old, usable_size(block));
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_realloc_begin(struct tracker_realloc *call, void *block)
{
    struct tracker_thread *self = enter();

    call->old.address = 0;
    call->aside = NULL;
    call->returned = false;
    if (!self) {
        call->aside = remove_now((uintptr_t)block, DEFERRED_HELD);
        return;
    }
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &call->old)) {
        call->usable = usable_size(block);
        call->next = self->in_flight;
        self->in_flight = call;
    }
    guard_pause(&self->guard);
    leave(self);
}

/* Take CALL out of SELF's calls under way. */
static void land(struct tracker_thread *self, const struct tracker_realloc *call)
{
    struct tracker_realloc **link = &self->in_flight;

    while (*link && *link != call)
        link = &(*link)->next;
    if (*link)
        *link = call->next;
}

/* CALL, in a handler that interrupted us, has come to an end: its old block is of KIND, if it
 * is not DONE. */
static void end_aside(const struct tracker_realloc *call, enum deferred_kind kind)
{
    enum deferred_kind held = DEFERRED_HELD;

    if (call->aside)
        atomic_compare_exchange_strong(&call->aside->kind, &held, kind);
}

/* A realloc in a handler that interrupted us became BLOCK. */
static __attribute__((noinline)) void defer_realloc(const struct tracker_realloc *call, void *block,
                                                    size_t size, const struct stack_start *start)
{
    end_aside(call, DEFERRED_GONE);
    if (block)
        defer_new(block, size, true, start);
}

/* CALL of SELF became BLOCK, allocated by STACK as find_stack() said. (As record_allocated().) */
static __attribute__((noinline)) void finish_realloc(struct tracker_thread *self,
                                                     struct tracker_realloc *call, void *block,
                                                     size_t size, uint32_t stack)
{
    guard_record(&self->guard);
    land(self, call);
    if (tracker_tracing()) {
        bool known = call->old.address != 0; /* it may have been forgotten meanwhile */
        bool stays = known && call->old.address == (uintptr_t)block;

        if (block)
            put(self,
                (struct live_block){ (uintptr_t)block, size, stack_number(self, stack),
                                     stays ? call->old.epoch : epochs_current() },
                usable_size(block), true, known ? &call->old : NULL, call->usable);
        else if (known)
            take_away(self, &call->old, call->usable);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_realloc_done(struct tracker_realloc *call, void *block, size_t size,
                          const struct stack_start *start)
{
    struct tracker_thread *self = enter();

    if (__builtin_expect(self != NULL, true))
        finish_realloc(self, call, block, size, block ? find_stack(self, start) : MEMO_NONE);
    else
        defer_realloc(call, block, size, start);
}

void tracker_realloc_failed(struct tracker_realloc *call)
{
    struct tracker_thread *self = enter();

    if (!self) {
        end_aside(call, DEFERRED_BACK);
        return;
    }
    guard_record(&self->guard);
    land(self, call);
    if (call->old.address && tracker_tracing())
        put_back(self, &call->old, call->usable);
    guard_pause(&self->guard);
    leave(self);
}

/* ---- what the program itself says ------------------------------------------------- */

/* Put a new block of DOMAIN in, allocated by STACK. */
static int track(struct tracker_thread *self, uint32_t domain, struct live_block block)
{
    struct live_block old;
    bool known;

    block.stack = trie_of_domain(block.stack, domain);
    if (block.stack == TRIE_NONE)
        return -ENOMEM;
    known = live_domains_remove(domain, block.address, &old);
    if (known) {
        block.epoch = old.epoch;
        take_away(self, &old, 0);
    }
    if (!live_domains_add(domain, &block, &old)) {
        self->lost_blocks++;
        return -ENOMEM;
    }
    if (old.address)
        take_away(self, &old, 0); /* another thread tracked it just now */
    counters_change_current(&self->counters, (int64_t)block.size);
    count_allocation(self, &block, known);
    return 0;
}

int tracker_track(uint32_t domain, uintptr_t block, size_t size, const struct stack_start *start)
{
    struct tracker_thread *self;
    int result = -ENODATA;
    uint32_t stack;

    if (!tracker_tracing())
        return -ENODATA;
    if (!domain || !block)
        return -EINVAL;
    self = enter();
    if (!self)
        return not_entered();
    stack = find_stack(self, start);
    guard_record(&self->guard);
    if (tracker_tracing()) {
        stack = stack_number(self, stack);
        result = track(self, domain, (struct live_block){ block, size, stack, epochs_current() });
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
    return result;
}

int tracker_untrack(uint32_t domain, uintptr_t block)
{
    struct tracker_thread *self;
    struct live_block old;
    int result = -ENODATA;

    if (!tracker_tracing())
        return -ENODATA;
    self = enter();
    if (!self)
        return not_entered();
    guard_record(&self->guard);
    if (tracker_tracing()) {
        result = 0;
        if (live_domains_remove(domain, block, &old))
            take_away(self, &old, 0);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
    return result;
}

/* Copy the newest SIZE frames of STACK to FRAMES; returns how many there are. */
static int copy_frames(const struct trie_stack *stack, void **frames, size_t size)
{
    int count = 0;

    for (uint32_t number = stack->frame; number; count++) {
        const struct trie_frame *frame = trie_frame(number);

        if ((size_t)count < size)
            frames[count] = (void *)frame->address;
        number = frame->parent;
    }
    return count;
}

int tracker_traceback(uintptr_t block, void **frames, size_t size, bool *out_complete)
{
    struct tracker_thread *self;
    struct live_block found;
    int result = -ENODATA;

    if (!tracker_tracing())
        return -ENODATA;
    self = enter();
    if (!self)
        return not_entered();
    guard_record(&self->guard);
    if (tracker_tracing())
        result = live_find(block, &found) ? 0 : -ENOENT;
    guard_pause(&self->guard);
    if (result == 0) {
        const struct trie_stack *stack = trie_stack(found.stack);

        result = copy_frames(stack, frames, size);
        *out_complete = stack->flags == 0;
    }
    leave(self);
    return result;
}

/* ---- modules ---------------------------------------------------------------------- */

void tracker_check_modules(void)
{
    if (modules_check()) {
        trie_refresh();
        stack_forget_rules();
    }
}

void tracker_unloaded(void)
{
    struct tracker_thread *self = enter();

    if (!self)
        return;
    if (guard_close() == 0) {
        tracker_check_modules();
        guard_open();
    }
    leave(self);
}

/* Whether the short way is open (tracker_event.h). */
static void set_plain(void)
{
    bool plain = tracker_tracing() && limit() == 0 && real_is_glibc && live_spaced && !guard_fences;

    atomic_store_explicit(&tracker_plain, plain, memory_order_release);
}

void tracker_set_tracing(bool on)
{
    atomic_store_explicit(&tracker_on, on, memory_order_release);
    set_plain();
    attention_set_awake(on);
}

/* ---- life ------------------------------------------------------------------- */

bool tracker_init(bool on)
{
    bool back;

    guard_init(sizeof(struct tracker_thread));
    if (config->threads)
        guard_thread_ends = name_thread;
    untraced = true; /* until there is something to trace with */
    if (!trie_init(&trie_modules) ||
        trie_add(NULL, 0, SNAPSHOT_STACK_TRUNCATED, 0, 0) != UNKNOWN_STACK)
        return false;
    cfi_init();
    live_spaced = real_is_glibc;
    modules_find(getauxval(AT_ENTRY), &back); /* the executable is always in the list */
    timeline_start();
    epochs_reset(0);
    tracker_set_tracing(on);
    untraced = false;
    return true;
}

/* Forget everything. Call with the gate closed. */
static void forget(void)
{
    live_clear();
    live_domains_clear();
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            call->old.address = 0;
        counters_clear(&thread->counters);
        atomic_store_explicit(&thread->allocations, 0, memory_order_relaxed);
        atomic_store_explicit(&thread->frees, 0, memory_order_relaxed);
        thread->next_look = thread->events;
        thread->missed_frees = thread->lost_blocks = thread->usable = 0;
        thread->newest = 0;
    }
    atomic_store_explicit(&lost_in_handlers, 0, memory_order_relaxed);
    counters_reset_current();
    timeline_clear();
    series_clear();
    epochs_reset(timeline_now());
    /* Last: what a handler puts aside meanwhile may still have an epoch of before. */
    atomic_fetch_add_explicit(&era, 1, memory_order_release);
}

/* Make the shared total the whole. Call with the gate closed. */
static void settle_counters(void)
{
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_settle(&((struct tracker_thread *)state)->counters);
}

/* What is to be done with the gate closed. */
enum change { START, STOP, CLEAR, RESET_PEAK, MARK };

static int change(enum change what, uint32_t new_limit, const char *label)
{
    struct tracker_thread *self;
    int result;

    if (untraced || atomic_load(&guard_silent))
        return -ENODATA;
    self = enter();
    if (!self)
        return not_entered();
    result = guard_close();
    if (result < 0)
        goto out;
    switch (what) {
    case START:
        if (tracker_tracing())
            break;
        atomic_store_explicit(&frame_limit, new_limit, memory_order_relaxed);
        tracker_check_modules(); /* while stopped nobody noticed */
        forget();
        tracker_set_tracing(true);
        break;
    case STOP:
        tracker_set_tracing(false);
        forget();
        break;
    case CLEAR:
        forget();
        break;
    case RESET_PEAK:
        settle_counters();
        counters_reset_peak();
        for (struct thread *state = guard_threads(); state; state = state->next)
            counters_forget_peak(&((struct tracker_thread *)state)->counters);
        break;
    case MARK:
        if (tracker_tracing())
            epochs_begin(label, timeline_now());
        else
            result = -ENODATA;
        break;
    }
    guard_open();
out:
    leave(self);
    return result;
}

int tracker_start(uint32_t new_limit)
{
    if (new_limit > CONFIG_MAX_FRAMES)
        return -EINVAL;
    return change(START, new_limit, NULL);
}

int tracker_stop(void)
{
    return change(STOP, 0, NULL);
}

int tracker_clear(void)
{
    return change(CLEAR, 0, NULL);
}

int tracker_reset_peak(void)
{
    return change(RESET_PEAK, 0, NULL);
}

int tracker_mark(const char *label)
{
    return change(MARK, 0, label);
}

uint32_t tracker_frame_limit(void)
{
    return limit();
}

void tracker_configure(uint32_t new_limit, bool exact_clock)
{
    atomic_store_explicit(&frame_limit, new_limit, memory_order_relaxed);
    set_plain();
    tick_events = exact_clock ? 1 : TICK_EVENTS;
    for (struct thread *state = guard_threads(); state; state = state->next)
        ((struct tracker_thread *)state)->countdown = 0;
}

/* CALL of THREAD will never end. Its block is what the real call made of it, by the stack
 * that the old one had, or what it was before. */
static void abandon(struct tracker_thread *thread, const struct tracker_realloc *call)
{
    struct live_block block = call->old;

    if (!call->old.address)
        return;
    if (!call->returned) {
        put_back(thread, &block, call->usable);
        return;
    }
    if (!call->block) {
        take_away(thread, &block, call->usable);
        return;
    }
    block.address = (uintptr_t)call->block;
    block.size = call->size;
    if (block.address != call->old.address)
        block.epoch = epochs_current();
    put(thread, block, usable_size(call->block), true, &call->old, call->usable);
}

#define REALLOC_NAPS 500 /* 10 ms: the allocator may wait for who forks */

void tracker_await_reallocs(void)
{
    const struct timespec nap = { .tv_nsec = 20000 };
    int naps = 0;

    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_realloc *call = ((struct tracker_thread *)state)->in_flight;

        while (state != guard_self() && call && naps < REALLOC_NAPS)
            if (atomic_load_explicit(&call->returned, memory_order_acquire))
                call = call->next;
            else if (naps++ < REALLOC_NAPS)
                SYSCALL_2(SYS_nanosleep, &nap, NULL);
    }
}

void tracker_forked(bool traced)
{
    struct thread *self = guard_self();

    if (!traced) {
        untraced = true;
        tracker_set_tracing(false);
        return;
    }
    /* The other threads are not in this process. What they were reallocating is, and
     * nobody will free it. */
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call && state != self;
             call = call->next)
            abandon(thread, call);
        if (state != self)
            thread->in_flight = NULL;
    }
}

/* ---- sums -------------------------------------------------------------------- */

void tracker_sum(struct tracker_totals *out_totals)
{
    struct tracker_totals totals = { 0, 0, 0, 0, 0 };

    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        totals.allocations += atomic_load_explicit(&thread->allocations, memory_order_relaxed);
        totals.frees += atomic_load_explicit(&thread->frees, memory_order_relaxed);
        totals.missed_frees += thread->missed_frees;
        totals.lost_blocks += thread->lost_blocks;
        totals.usable += thread->usable;
    }
    totals.lost_blocks += atomic_load_explicit(&lost_in_handlers, memory_order_relaxed);
    *out_totals = totals;
}

void tracker_sum_counters(uint32_t stack_count, struct counter_sum *sums)
{
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_all(&((struct tracker_thread *)state)->counters, stack_count, sums);
}

struct counters_size tracker_size(void)
{
    struct counters_size size = counters_size();

    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_size(&((struct tracker_thread *)state)->counters, &size);
    if (size.current < 0)
        size.current = 0; /* others allocate meanwhile */
    return size;
}

uint64_t tracker_live_blocks(void)
{
    uint64_t allocations = 0, frees = 0;

    /* First all frees: a block whose free is among them was allocated before. The other way
     * round there might be more frees than allocations. */
    for (struct thread *state = guard_threads(); state; state = state->next)
        frees += atomic_load_explicit(&((struct tracker_thread *)state)->frees,
                                      memory_order_acquire);
    for (struct thread *state = guard_threads(); state; state = state->next)
        allocations += atomic_load_explicit(&((struct tracker_thread *)state)->allocations,
                                            memory_order_relaxed);
    return allocations > frees ? allocations - frees : 0;
}

static void live_of_stack(uint32_t stack, uint64_t *out_bytes, uint64_t *out_blocks)
{
    *out_bytes = *out_blocks = 0;
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_live(&((struct tracker_thread *)state)->counters, stack, out_bytes, out_blocks);
}

void tracker_add_to_series(void)
{
    struct tracker_thread *self;
    uint32_t threads;

    if (!series_due(timeline_now(), all_allocations(&threads)) || !(self = enter()))
        return;
    if (guard_close() == 0) {
        uint64_t now = timeline_now(), allocations = all_allocations(&threads);

        if (tracker_tracing() && series_due(now, allocations))
            series_add(now, allocations, threads, trie_stack_count(), live_of_stack);
        guard_open();
    }
    leave(self);
}

/* Whether one of the calls under way before CALL has the same old block: its
 * real call has freed that, and another thread got the address and reallocates it, too. */
static bool in_flight_before(const struct tracker_realloc *call)
{
    for (struct thread *other = guard_threads(); other; other = other->next)
        for (struct tracker_realloc *before = ((struct tracker_thread *)other)->in_flight; before;
             before = before->next) {
            if (before == call)
                return false;
            if (before->old.address == call->old.address)
                return true;
        }
    return false;
}

/* What THREAD has put aside counts as it will be: freed, or alive. */
static void settle_deferred(struct tracker_thread *thread)
{
    struct deferred_event *event;

    for (uint32_t i = 0; (event = deferred_get(thread->deferred, i)); i++) {
        enum deferred_kind kind = event->kind; /* its handler may go on meanwhile */

        event->listed = false;
        if (event->era != atomic_load_explicit(&era, memory_order_relaxed))
            continue;
        if (kind == DEFERRED_HELD)
            event->listed = !live_meets(event->block.address, event->block.size);
        else if (kind == DEFERRED_BACK)
            event->listed = true;
        if (kind == DEFERRED_GONE || (kind == DEFERRED_HELD && !event->listed)) {
            take_away(thread, &event->block, event->usable);
            event->kind = DEFERRED_DONE;
        }
    }
}

void tracker_settle(void)
{
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            if (call->old.address &&
                (in_flight_before(call) || live_meets(call->old.address, call->old.size))) {
                take_away(thread, &call->old, call->usable);
                call->old.address = 0;
            }
        if (thread->deferred)
            settle_deferred(thread);
    }
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_end_peak(&((struct tracker_thread *)state)->counters);
}

void tracker_each_in_flight(void (*each)(void *context, const struct live_block *block),
                            void *context)
{
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;
        struct deferred_event *event;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            if (call->old.address)
                each(context, &call->old);
        for (uint32_t i = 0; thread->deferred && (event = deferred_get(thread->deferred, i)); i++)
            if (event->listed)
                each(context, &event->block);
    }
}
