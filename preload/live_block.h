/* live_block.h - what is known of a block. */
#ifndef PRELOAD_LIVE_BLOCK_H
#define PRELOAD_LIVE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct live_block {
    uintptr_t address; /* 0: none */
    size_t size;       /* as requested */
    uint32_t stack;    /* number in the trie */
    uint32_t epoch;
};

#endif
