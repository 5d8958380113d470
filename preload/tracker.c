#include "preload/tracker_thread.h"

#include "preload/epochs.h"
#include "preload/live_domains.h"
#include "preload/modules.h"
#include "preload/sampling.h"
#include "preload/trie.h"

#include <errno.h>

void tracker_leave(struct tracker_thread *self)
{
    guard_pause(&self->guard);
    tracker_out(self);
}

/* ---- where not all blocks are recorded ---- */

/* Another so many blocks of the calling thread, whose state is SELF, were passed over. */
static __attribute__((noinline)) void look_outside(struct tracker_thread *self)
{
    if (tracker_enter() != self)
        return;
    guard_record(&self->guard);
    if (tracker_tracing())
        tracker_look(self);
    guard_pause(&self->guard);
    tracker_out(self);
}

/* Whether a new block of SIZE bytes is not to be recorded. */
static inline bool passes_over(size_t size)
{
    struct thread *state = guard_current;
    struct tracker_thread *self = (struct tracker_thread *)state;

    if (__builtin_expect(!sampling_on, true))
        return false;
    if (guard_is_state(state))
        state->detour = true;
    if (sampling_takes(size))
        return false;
    if (guard_is_state(state)) {
        self->newest = 0; /* it is not that any more */
        if (__builtin_expect(--self->countdown < 0, false))
            look_outside(self);
    }
    return true;
}

/* ---- events ---- */

/* SELF, inside, has a new block, allocated by STACK as tracker_find_stack() said. (A function of
 * its own: what it needs of the caller's stack is not below a walk.) */
static __attribute__((noinline)) void record_allocated(struct tracker_thread *self, void *block,
                                                       size_t size, uint32_t stack)
{
    guard_record(&self->guard);
    if (tracker_tracing()) {
        live_place((uintptr_t)block); /* it comes while the number is looked for */
        stack = tracker_stack_number(self, stack);
        counters_expect(&self->counters, stack);
        tracker_put(self, (struct live_block){ (uintptr_t)block, size, stack, epochs_current() },
            tracker_usable(block), false, NULL, 0);
        tracker_count_down(self);
    }
    guard_pause(&self->guard);
    tracker_out(self);
}

void tracker_allocated_inside(struct tracker_thread *self, void *block, size_t size,
                              const struct stack_start *start, uint32_t stack)
{
    if (stack == MEMO_NONE || !tracker_is_plain()) {
        guard_pause(&self->guard); /* what follows may take long */
        if (tracker_tracing() && passes_over(size)) {
            tracker_out(self);
            return;
        }
        if (tracker_is_plain())
            stack = tracker_walk(self, start);
        else
            stack = tracker_tracing() ? tracker_find_stack(self, start) : MEMO_NONE;
    }
    record_allocated(self, block, size, stack);
}

void tracker_allocated(void *block, size_t size, const struct stack_start *start)
{
    struct tracker_thread *self;

    if (!tracker_tracing() || passes_over(size))
        return;
    self = tracker_enter();
    if (__builtin_expect(self != NULL, true))
        record_allocated(self, block, size, tracker_find_stack(self, start));
    else
        tracker_defer_new(block, size, false, start);
}

void tracker_freed(void *block)
{
    struct tracker_thread *self;
    struct live_block old;

    if (!tracker_tracing())
        return;
    self = tracker_enter();
    if (!self) {
        tracker_remove_now((uintptr_t)block, DEFERRED_GONE);
        return;
    }
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &old)) {
        tracker_take_away(self, &old, tracker_usable(block));
        tracker_count_down(self);
    }
    guard_pause(&self->guard);
    tracker_out(self);
}

void tracker_realloc_begin(struct tracker_realloc *call, void *block)
{
    struct tracker_thread *self = tracker_enter();

    call->old.address = 0;
    call->aside = NULL;
    call->returned = false;
    if (!self) {
        call->aside = tracker_remove_now((uintptr_t)block, DEFERRED_HELD);
        return;
    }
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &call->old)) {
        call->usable = tracker_usable(block);
        call->next = self->in_flight;
        self->in_flight = call;
    }
    guard_pause(&self->guard);
    tracker_out(self);
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

/* CALL of SELF became BLOCK, allocated by STACK as tracker_find_stack() said. (As
 * record_allocated().) */
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
            tracker_put(self,
                (struct live_block){ (uintptr_t)block, size, tracker_stack_number(self, stack),
                                     stays ? call->old.epoch : epochs_current() },
                tracker_usable(block), true, known ? &call->old : NULL, call->usable);
        else if (known)
            tracker_take_away(self, &call->old, call->usable);
        tracker_count_down(self);
    }
    guard_pause(&self->guard);
    tracker_out(self);
}

void tracker_realloc_done(struct tracker_realloc *call, void *block, size_t size,
                          const struct stack_start *start)
{
    struct tracker_thread *self;

    if (block && passes_over(size))
        block = NULL; /* as good as freed */
    self = tracker_enter();
    if (__builtin_expect(self != NULL, true))
        finish_realloc(self, call, block, size,
                       block ? tracker_find_stack(self, start) : MEMO_NONE);
    else
        tracker_defer_realloc(call, block, size, start);
}

void tracker_realloc_failed(struct tracker_realloc *call)
{
    struct tracker_thread *self = tracker_enter();

    if (!self) {
        tracker_end_aside(call, DEFERRED_BACK);
        return;
    }
    guard_record(&self->guard);
    land(self, call);
    if (call->old.address && tracker_tracing())
        tracker_put_back(self, &call->old, call->usable);
    guard_pause(&self->guard);
    tracker_out(self);
}

/* ---- what the program itself says ------------------------------------------------- */

/* Put a new block of DOMAIN in, allocated by STACK. */
static int track(struct tracker_thread *self, uint32_t domain, struct live_block block)
{
    struct live_block old;
    uint64_t weight;
    bool known;

    block.stack = trie_of_domain(block.stack, domain);
    if (block.stack == TRIE_NONE)
        return -ENOMEM;
    known = live_domains_remove(domain, block.address, &old);
    if (known) {
        block.epoch = old.epoch;
        tracker_take_away(self, &old, 0);
    }
    if (!live_domains_add(domain, &block, &old)) {
        self->lost_blocks++;
        return -ENOMEM;
    }
    if (old.address)
        tracker_take_away(self, &old, 0); /* another thread tracked it just now */
    weight = tracker_weight(&block);
    counters_change_current(&self->counters, (int64_t)(weight * block.size));
    tracker_count_allocation(self, &block, weight, known);
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
    if (passes_over(size))
        return tracker_untrack(domain, block);
    self = tracker_enter();
    if (!self)
        return tracker_not_entered();
    stack = tracker_find_stack(self, start);
    guard_record(&self->guard);
    if (tracker_tracing()) {
        stack = tracker_stack_number(self, stack);
        result = track(self, domain, (struct live_block){ block, size, stack, epochs_current() });
        tracker_count_down(self);
    }
    guard_pause(&self->guard);
    tracker_out(self);
    return result;
}

int tracker_untrack(uint32_t domain, uintptr_t block)
{
    struct tracker_thread *self;
    struct live_block old;
    int result = -ENODATA;

    if (!tracker_tracing())
        return -ENODATA;
    self = tracker_enter();
    if (!self)
        return tracker_not_entered();
    guard_record(&self->guard);
    if (tracker_tracing()) {
        result = 0;
        if (live_domains_remove(domain, block, &old))
            tracker_take_away(self, &old, 0);
        tracker_count_down(self);
    }
    guard_pause(&self->guard);
    tracker_out(self);
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
    self = tracker_enter();
    if (!self)
        return tracker_not_entered();
    guard_record(&self->guard);
    if (tracker_tracing())
        result = live_find(block, &found) ? 0 : -ENOENT;
    guard_pause(&self->guard);
    if (result == 0) {
        const struct trie_stack *stack = trie_stack(found.stack);

        result = copy_frames(stack, frames, size);
        *out_complete = stack->flags == 0;
    }
    tracker_out(self);
    return result;
}

/* ---- modules ---- */

void tracker_check_modules(void)
{
    if (modules_check()) {
        trie_refresh();
        stack_forget_rules();
    }
}

void tracker_unloaded(void)
{
    struct tracker_thread *self = tracker_enter();

    if (!self)
        return;
    if (guard_close() == 0) {
        tracker_check_modules();
        guard_open();
    }
    tracker_out(self);
}
