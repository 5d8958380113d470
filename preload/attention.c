#include "preload/attention.h"

#include <stddef.h>

static _Atomic uint32_t own = ATTENTION_AWAKE; /* while there is no control page */
static _Atomic bool awake = true;

_Atomic uint32_t *_Atomic attention_word = &own;

void attention_set_awake(bool now)
{
    atomic_store(&awake, now);
    if (now)
        atomic_fetch_or(atomic_load(&attention_word), ATTENTION_AWAKE);
    else
        atomic_fetch_and(atomic_load(&attention_word), ~(uint32_t)ATTENTION_AWAKE);
}

void attention_move(_Atomic uint32_t *word)
{
    atomic_store_explicit(&own, ATTENTION_AWAKE, memory_order_relaxed);
    if (word)
        atomic_fetch_or(word, ATTENTION_AWAKE);
    atomic_store(&attention_word, word ? word : &own);
    attention_set_awake(atomic_load(&awake)); /* after the move: who changes it sees the word */
}
