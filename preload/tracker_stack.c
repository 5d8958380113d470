/* tracker_stack.c - the number of the stack that an event has. */
#include "preload/tracker_thread.h"

#include "preload/config.h"
#include "preload/roster.h"
#include "preload/syscall.h"
#include "preload/trie.h"

#include <sys/prctl.h>

_Atomic uint32_t tracker_limit_now;

/* ---- whose stack ---- */

void tracker_name_thread(struct thread *thread)
{
    char name[ROSTER_NAME_SIZE] = "";

    if (thread->number && !atomic_load(&guard_silent) &&
        SYSCALL_2(SYS_prctl, PR_GET_NAME, name) == 0)
        roster_name(thread->number, name, sizeof name);
}

/* The number of stack NUMBER in the thread of SELF, the calling one, where threads are told
 * apart. */
static __attribute__((noinline)) uint32_t of_thread(struct tracker_thread *self, uint32_t number)
{
    struct thread *thread = &self->guard;
    uint32_t found;

    if (thread->number == 0 && thread->shared)
        thread->number = roster_find(thread->tid);
    if (thread->number == 0) {
        thread->number = roster_enter(thread->tid);
        tracker_name_thread(thread);
    }
    if (thread->number == 0)
        return number;
    found = trie_of_thread(number, (uint16_t)thread->number);
    return found == TRIE_NONE ? number : found;
}

/* ---- which stack ---- */

uint32_t tracker_intern(struct tracker_thread *self, struct stack *stack, const struct memo *memo)
{
    uint32_t number = trie_find(stack->key.hash, stack->key.more);

    if (number == TRIE_NONE && (!memo || memo_frames(memo, stack)))
        number = trie_add(stack->frames, stack->count, stack->flags, stack->key.hash,
                          stack->key.more);
    if (number == TRIE_NONE)
        number = TRACKER_UNKNOWN_STACK;
    return config->threads ? of_thread(self, number) : number;
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

__attribute__((noinline)) uint32_t tracker_walk(struct tracker_thread *self,
                                                const struct stack_start *start)
{
    uint32_t number = MEMO_NONE;

    self->in_memo = tracker_limit() == 0 && memo_walk(&self->memo, &self->stack, start);
    if (!self->in_memo)
        stack_walk(&self->stack, start, tracker_limit());
    trie_expect(self->stack.key.hash);
    if (self->in_memo)
        number = memo_recall(&self->memo);
    return number;
}

uint32_t tracker_find_stack(struct tracker_thread *self, const struct stack_start *start)
{
    uint32_t number = MEMO_NONE;

    if (__builtin_expect(self->guard.fresh, false))
        refresh(self);
    if (__builtin_expect(tracker_limit() == 0, true))
        number = memo_find(&self->memo, start);
    if (__builtin_expect(number == MEMO_NONE, false))
        number = tracker_walk(self, start);
    return number;
}

uint32_t tracker_stack_number(struct tracker_thread *self, uint32_t number)
{
    if (__builtin_expect(number == MEMO_NONE, false)) {
        number = tracker_intern(self, &self->stack, self->in_memo ? &self->memo : NULL);
        if (self->in_memo)
            memo_number(&self->memo, number);
    }
    return number;
}
