/* trie.h - a stack becomes a small number, and the frames of all stacks a tree.
 *
 *   table            stacks              frames (each names its caller)
 *   hash ──▶ number ──▶ {frame, flags} ──▶ {address, module, parent} ──▶ … ──▶ root
 *
 * The table answers for a known stack in one look-up, without a lock. A new stack
 * is added to the tree under one lock. Numbers of stacks count from 0, of frames
 * from 1 (0 is the root); both only grow.
 *
 * Stacks are told apart by 96 bits of hash over all frames, which their finder gives: two
 * different ones of 10^6 share it with a chance of about 10^-17.
 *
 * When a module is unloaded, its frames no longer match (trie_refresh()), so that
 * another library at the same addresses gets frames of its own; when the same
 * module comes back they match again.
 *
 * Call everything but trie_stack() and trie_frame() while recording (guard.h).
 */
#ifndef PRELOAD_TRIE_H
#define PRELOAD_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_MAX_STACKS (1u << 26)
#define TRIE_NONE UINT32_MAX

struct trie_frame {
    uint64_t address;
    uint32_t parent;
    uint32_t module; /* as trie_modules.find gave it */
};

struct trie_stack {
    uint32_t frame; /* the newest; 0: none */
    uint16_t flags; /* enum snapshot_stack_flags */
    uint16_t thread; /* whose it is; 0: threads are not told apart */
    uint64_t hash;
    uint32_t hash_more;
    uint32_t domain; /* on whose behalf; 0: the allocator */
};

/* How the trie learns of modules. */
struct trie_modules {
    /* A number for the module at ADDRESS, 0: none. OUT_BACK is set if it is one that
     * was unloaded and has just come back, else left alone. */
    uint32_t (*find)(uintptr_t address, bool *out_back);
    bool (*loaded)(uint32_t module); /* whether MODULE is where it was */
};

/* Take the memory for the first stacks. False if there is none: then every stack
 * is TRIE_NONE. */
bool trie_init(const struct trie_modules *modules);

/* The number of the stack with this hash; TRIE_NONE if there is none. */
uint32_t trie_find(uint64_t hash, uint32_t hash_more);

/* That number will soon be asked for. */
void trie_expect(uint64_t hash);

/* The same, made if need be: it has COUNT FRAMES, newest first, and FLAGS. TRIE_NONE on
 * lack of memory. */
uint32_t trie_add(const uintptr_t *frames, uint32_t count, uint32_t flags, uint64_t hash,
                  uint32_t hash_more);

/* The number of the stack with the frames of stack NUMBER, which is of domain 0, on behalf of
 * DOMAIN (not 0), made if need be. TRIE_NONE on lack of memory. */
uint32_t trie_of_domain(uint32_t number, uint32_t domain);

/* The number of the stack with the frames of stack NUMBER, which is of no thread, in THREAD
 * (not 0), made if need be. TRIE_NONE on lack of memory. */
uint32_t trie_of_thread(uint32_t number, uint16_t thread);

/* Match only frames in loaded modules from now on. Call with the gate closed. */
void trie_refresh(void);

/* How many there are. Frames are counted with the root. */
uint32_t trie_stack_count(void);
uint32_t trie_frame_count(void);

/* Stack NUMBER, frame NUMBER (not 0): below their counts, these never change. */
const struct trie_stack *trie_stack(uint32_t number);
const struct trie_frame *trie_frame(uint32_t number);

#endif
