#include "preload/attention.h"

#include <stddef.h>

static _Atomic uint32_t own; /* while there is no control page */

_Atomic uint32_t *_Atomic attention_word = &own;

void attention_move(_Atomic uint32_t *word)
{
    atomic_store_explicit(&own, 0, memory_order_relaxed);
    atomic_store_explicit(&attention_word, word ? word : &own, memory_order_release);
}
