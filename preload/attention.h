/* attention.h - the word that hooks look at: something is to be done besides recording.
 *
 * It lies in the control page (format/control.h), so that a request from outside is
 * seen by the same single load as our own triggers. Anybody may raise a bit, from
 * anywhere; control.c takes them.
 */
#ifndef PRELOAD_ATTENTION_H
#define PRELOAD_ATTENTION_H

#include "format/control.h"
#include "preload/ours.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The lowest byte is control_page.request. */
#define ATTENTION_REQUEST 0xffu

/* A request that asks us to do something has a bit besides CONTROL_BUSY. */
_Static_assert((CONTROL_WANTED & ~CONTROL_BUSY) && (CONTROL_FINISHED & ~CONTROL_BUSY), "bits");

enum attention_bit {
    ATTENTION_TICK = 1u << 8,   /* some milliseconds have gone by */
    ATTENTION_GROWTH = 1u << 9, /* the heap has grown by what was asked for */
    ATTENTION_PEAK = 1u << 10,  /* a new peak is behind us */
    ATTENTION_DEATH = 1u << 11, /* a signal is about to end the process */
    ATTENTION_AGAIN = 1u << 12, /* a handler was asked to look here, and could not */
    ATTENTION_AWAKE = 1u << 13, /* not something to do: hooks do not just pass on */
};

extern OURS _Atomic uint32_t *_Atomic attention_word;

/* From now on it is WORD, NULL: one of our own. What is raised in the old one is lost. */
void attention_move(_Atomic uint32_t *word);

/* The word itself. */
static inline _Atomic uint32_t *attention_load(void)
{
    return atomic_load_explicit(&attention_word, memory_order_relaxed);
}

/* Say whether hooks have more to do than to pass on, as they have until this is called. */
void attention_set_awake(bool awake);

/* Whether hooks just pass on. */
static inline bool attention_asleep(void)
{
    return __builtin_expect((atomic_load_explicit(attention_load(), memory_order_relaxed) &
                             ~(uint32_t)CONTROL_BUSY) == 0, false);
}

/* Whether there is something for control.c to do. A request that is being served
 * (CONTROL_BUSY) is not. */
static inline bool attention_needed(void)
{
    return __builtin_expect(atomic_load_explicit(attention_load(), memory_order_relaxed) &
                            ~(uint32_t)(CONTROL_BUSY | ATTENTION_AWAKE), false);
}

static inline void attention_raise(enum attention_bit bit)
{
    atomic_fetch_or_explicit(attention_load(), bit, memory_order_relaxed);
}

/* Take all bits that are raised, and see the request, which stays. */
static inline uint32_t attention_take(void)
{
    return atomic_fetch_and_explicit(attention_load(), ATTENTION_REQUEST | ATTENTION_AWAKE,
                                     memory_order_acquire) & ~(uint32_t)ATTENTION_AWAKE;
}

#endif
