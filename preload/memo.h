/* memo.h - the stacks that a thread had before, so that a walk is mostly a comparison.
 *
 * A step of a walk depends on the rules, on the state it begins with and on the words it
 * reads (stack.h). So where the state is one that was seen before, and all the words that
 * the walk read from there to the outermost frame are what they were, the rest of the
 * stack is what it was: nothing is guessed. Comparing words is many times faster than
 * stepping, since no load waits for the one before.
 *
 *   frames   the last stack that was walked, outermost first:  main … f  g  h
 *   words    what the steps out of these frames read, in the same order
 *   entries  in sets by pc and sp of the newest frame: a whole stack, as the words of its
 *            newest frames and the frame below that it stands on.
 *                                          main … f ◀── g h     number 17
 *                                                 ◀── k         number 18
 *   recent   the numbers that were told last, by key: who comes again gets an entry
 *
 * An entry's words are told by how far from sp they are and by their values, ten bytes each: an
 * event has an entry of its own, and what it touches leaves the caches of the program.
 *
 * A walk steps until it comes to a frame that is among `frames` with its words unchanged;
 * an entry whose words are unchanged saves that, too, and knows the stack's number. A
 * frame that is written anew gets a new stamp, by which an entry that stood on it knows.
 * Most stacks of some programs come once in a while, and their entries would push out those
 * of others before they serve: so only one that is walked again soon gets one.
 *
 * rbp is part of the state only where a frame or one of its callers takes its CFA from
 * it: code that uses rbp for something else is met with any value there.
 *
 * Reads are those of a walk, in its order, and none after the first that differs: not a
 * word is touched that stepping would not. Walks that meet a signal frame, need more
 * registers or go astray are not remembered.
 *
 * A memo is its thread's own. Memory comes from the arena; on lack of it every walk steps.
 */
#ifndef PRELOAD_MEMO_H
#define PRELOAD_MEMO_H

#include "preload/stack.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMO_SETS 64u /* a power of two */
#define MEMO_WAYS 8u  /* where all allocate by the same wrapper, many stacks share a set */
#define MEMO_ENTRY_WORDS 20u /* so that most entries outlive the frames of other branches */
#define MEMO_RECENT 1024u    /* a power of two */
#define MEMO_NONE UINT32_MAX

/* Words are compared in groups. So before those of the frames comes a group that never differs, and
 * the last of an entry is there as often as one is missing to a group. */
#define MEMO_GROUP 4u
_Static_assert(MEMO_ENTRY_WORDS % MEMO_GROUP == 0, "an entry has full groups");

/* What a step begins with, and what it and those to its callers depend on. */
struct memo_frame {
    struct stack_state state;
    /* Its and its callers' key, and the power that the next one's is multiplied by: two
     * struct stack_key in pieces, for these would be padded. */
    uint64_t hash, hash_power;
    uint32_t more, more_power;
    bool bp_counts;              /* rbp is part of the state */
    uint32_t words_end;          /* its words and its callers' are those before this one */
    uint64_t stamp;              /* of no other frame, now or before; 0: no longer a frame */
};
_Static_assert(sizeof(struct memo_frame) == 64, "written for each new frame");

struct memo_group {
    uint64_t values[MEMO_GROUP];
    uint16_t places[MEMO_GROUP]; /* of the words, in words from sp */
};

struct memo_entry {
    struct stack_state state; /* pc 0: none */
    uint64_t stamp;           /* of the frame it stands on */
    uint32_t stand;           /* that frame's number */
    uint32_t stand_words;     /* its `words_end` */
    uint32_t number;
    uint8_t group_count;
    bool bp_counts;
    struct memo_group groups[MEMO_ENTRY_WORDS / MEMO_GROUP]; /* of its words, newest first */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct memo_entry) == 256, "four cache lines");

/* The number that was told for the stack with this key. */
struct memo_recent {
    uint64_t hash;
    uint32_t more;
    uint32_t number_plus; /* plus 1; 0: none */
};

/* Zeroed memory remembers nothing. */
struct memo {
    uint32_t generation;   /* stack_generation when it was made */
    uint32_t count;        /* frames, counted from 1: the frame before the first is empty */
    uint32_t capacity, word_capacity, fresh_capacity;
    uint32_t flags;        /* of the stack: enum snapshot_stack_flags */
    bool entered;          /* the outermost frame is entered by a return to its pc + 1 */
    bool has_entries, has_recent; /* or the memory of these was never touched */
    uint64_t last_stamp;
    uint32_t far;          /* walks on end that found little of what was remembered */
    struct memo_frame *frames;
    struct stack_word *words;
    struct memo_fresh *fresh; /* frames of the walk under way, newest first */
    struct stack_key newest;  /* of the stack walked last, which the number is told of */
    struct memo_recent recent[MEMO_RECENT]; /* by the low bits of the hash */
    uint8_t next_way[MEMO_SETS]; /* to be written anew */
    /* By which entries are passed over: a cache line for a set, where the entries have one each. */
    uint64_t heads[MEMO_SETS][MEMO_WAYS] __attribute__((aligned(64)));
    struct memo_entry entries[MEMO_SETS][MEMO_WAYS];
};

static inline bool memo_current(const struct memo *memo)
{
    return memo->generation == atomic_load_explicit(&stack_generation, memory_order_relaxed);
}

/* Forget everything: MEMO is another thread's now, or void. */
void memo_forget(struct memo *memo);

/* Walk the calling thread's stack from START, all frames, for what no entry knows. Sets key
 * and flags in STACK; the frames are remembered, and memo_frames() copies them. False if that
 * does not do, or does not pay, and stack_walk() is needed. */
bool memo_walk(struct memo *memo, struct stack *stack, const struct stack_start *start);

/* The number of the stack of the walk before, if it was told lately: now there is an entry, too.
 * MEMO_NONE: it is to be told by memo_number(). */
uint32_t memo_recall(struct memo *memo);

/* Copy the frames of the walk before to STACK, newest first. False on lack of memory. */
bool memo_frames(const struct memo *memo, struct stack *stack);

static inline struct memo_recent *memo_recent_of(struct memo *memo, const struct stack_key *key)
{
    return &memo->recent[key->hash % MEMO_RECENT];
}

/* The stack walked last has NUMBER. */
static inline void memo_number(struct memo *memo, uint32_t number)
{
    *memo_recent_of(memo, &memo->newest) =
        (struct memo_recent){ memo->newest.hash, memo->newest.more, number + 1 };
    memo->has_recent = true;
}

/* The set that the entries of stacks from PC and SP are in. */
static inline uint32_t memo_set(uintptr_t pc, uintptr_t sp)
{
    return (uint32_t)(pc + (sp >> 4)) % MEMO_SETS;
}

/* The head of an entry of stacks from PC and SP: the lower halves of both. */
static inline uint64_t memo_head(uintptr_t pc, uintptr_t sp)
{
    return (uint64_t)pc << 32 | (uint32_t)sp;
}

static inline bool memo_state_is(const struct stack_state *state, bool bp_counts, uintptr_t pc,
                                 uintptr_t sp, uintptr_t bp)
{
    return state->pc == pc && state->sp == sp && (!bp_counts || state->bp == bp);
}

static inline bool memo_differs(const struct stack_word *word)
{
    return *(const uint64_t *)word->address != word->value;
}

/* Whether all the words in memory from FIRST to before END, and what comes before to fill up a
 * group, are what they were. None is read after the first that differs, from the last. */
static inline bool memo_same(const struct stack_word *first, const struct stack_word *end)
{
    for (; end > first; end -= MEMO_GROUP)
        if (memo_differs(end - 1) || memo_differs(end - 2) || memo_differs(end - 3) ||
            memo_differs(end - 4))
            return false;
    return true;
}

/* The same for the words of ENTRY, whose state has SP, from the first. */
static inline __attribute__((always_inline)) bool memo_entry_same(const struct memo_entry *entry,
                                                                  uintptr_t sp)
{
    const struct memo_group *end = entry->groups + entry->group_count;
    const uint64_t *stack = (const uint64_t *)sp;

    for (const struct memo_group *group = entry->groups; group < end; group++)
        if (stack[group->places[0]] != group->values[0] ||
            stack[group->places[1]] != group->values[1] ||
            stack[group->places[2]] != group->values[2] ||
            stack[group->places[3]] != group->values[3])
            return false;
    return true;
}

/* Whether the stack from START is that of ENTRY. */
static inline __attribute__((always_inline)) bool
memo_is(const struct memo *memo, const struct memo_entry *entry, const struct stack_start *start)
{
    return memo_state_is(&entry->state, entry->bp_counts, start->pc - 1, start->sp, start->bp) &&
           memo->frames[entry->stand].stamp == entry->stamp &&
           memo_entry_same(entry, start->sp) &&
           memo_same(memo->words + MEMO_GROUP, memo->words + entry->stand_words);
}

/* The number of the calling thread's stack from START, MEMO_NONE if no entry knows it. */
static inline __attribute__((always_inline)) uint32_t memo_find(struct memo *memo,
                                                                const struct stack_start *start)
{
    uint32_t set = memo_set(start->pc - 1, start->sp);
    uint64_t head = memo_head(start->pc - 1, start->sp);

    if (__builtin_expect(!memo_current(memo), false))
        return MEMO_NONE;
    for (uint32_t way = 0; way < MEMO_WAYS; way++)
        if (memo->heads[set][way] == head && memo_is(memo, &memo->entries[set][way], start))
            return memo->entries[set][way].number;
    return MEMO_NONE;
}

#endif
