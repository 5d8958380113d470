#include "preload/memo.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/stack_step.h"

#include <string.h>

#define FIRST_FRAMES 128u
#define MAX_FRAMES (1u << 20)
#define NEAR 8u       /* new frames, or less than half of them all */
#define FAR_WALKS 4u  /* so many far ones on end, and only each */
#define FAR_TRIES 16u /* such one is tried again: the others just step */

/* A frame that was stepped out of, before what it depends on is known. */
struct memo_fresh {
    struct stack_state state;
    struct stack_reads reads;
};

/* What the words of all frames begin with. */
static const uint64_t nothing = 0;
static const struct stack_word filling = { (uintptr_t)&nothing, 0 };

/* Keep COUNT frames: what stood on others stands on nothing. */
static void keep(struct memo *memo, uint32_t count)
{
    for (uint32_t number = count + 1; number <= memo->count; number++)
        memo->frames[number].stamp = 0;
    memo->count = count;
}

void memo_forget(struct memo *memo)
{
    keep(memo, 0);
    memo->far = 0; /* that was another thread's way, or code that is gone */
    memo->generation = atomic_load_explicit(&stack_generation, memory_order_relaxed);
    /* 150 KiB: most threads that begin have not touched them. */
    if (memo->has_entries)
        memset(memo->entries, 0, sizeof memo->entries);
    if (memo->has_recent)
        memset(memo->recent, 0, sizeof memo->recent);
    memo->has_entries = memo->has_recent = false;
}

/* ---- memory ------------------------------------------------------------------- */

/* Make *ARRAY, of *CAPACITY elements of SIZE bytes, at least COUNT long. */
static bool make_room(void **array, uint32_t *capacity, size_t size, uint32_t count)
{
    uint32_t larger = *capacity ? *capacity : FIRST_FRAMES;
    void *memory;

    if (count <= *capacity)
        return true;
    while (larger < count)
        larger *= 2;
    if (larger > MAX_FRAMES)
        return false;
    memory = arena_resize(*array, *capacity * size, larger * size, ARENA_OTHER);
    if (!memory)
        return false;
    *array = memory;
    *capacity = larger;
    return true;
}

static bool fresh_room(struct memo *memo, uint32_t count)
{
    return __builtin_expect(count <= memo->fresh_capacity, true) ||
           make_room((void **)&memo->fresh, &memo->fresh_capacity, sizeof *memo->fresh, count);
}

/* Room for COUNT frames behind frame KNOWN. */
static bool room(struct memo *memo, uint32_t known, uint32_t count)
{
    uint32_t words = (known ? memo->frames[known].words_end : MEMO_GROUP) + 3 * count;

    if (__builtin_expect(known + count < memo->capacity && words <= memo->word_capacity, true))
        return true;
    return make_room((void **)&memo->frames, &memo->capacity, sizeof *memo->frames,
                     known + count + 1) &&
           make_room((void **)&memo->words, &memo->word_capacity, sizeof *memo->words, words);
}

/* ---- the walk ----------------------------------------------------------------- */

/* How many of the first COUNT words in memory differ or have one before them that does, looking
 * from the last. */
static inline uint32_t differing_words(const struct memo *memo, uint32_t count)
{
    const struct stack_word *first = memo->words + MEMO_GROUP, *word = memo->words + count;

    while (word >= first + MEMO_GROUP && !memo_differs(word - 1) && !memo_differs(word - 2) &&
           !memo_differs(word - 3) && !memo_differs(word - 4))
        word -= MEMO_GROUP;
    while (word > first && !memo_differs(word - 1))
        word--;
    return (uint32_t)(word - memo->words);
}

/* The newest of the frames up to KNOWN that the walk, having come to STATE, comes to by its
 * steps from there, if it is this one: then it is returned, and *OUT_MATCH is true.
 * Otherwise the newest one that it may come to later. */
static uint32_t match(const struct memo *memo, uint32_t known, const struct stack_state *state,
                      bool *out_match)
{
    const struct memo_frame *frames = memo->frames;
    uint32_t differing;

    *out_match = false;
    /* Mostly none or one: no branch, which would be guessed wrong. */
    known -= known && frames[known].state.sp < state->sp;
    while (known && frames[known].state.sp < state->sp)
        known--;
    if (!known || !memo_state_is(&frames[known].state, frames[known].bp_counts, state->pc,
                                 state->sp, state->bp))
        return known;
    differing = differing_words(memo, frames[known].words_end);
    if (differing == MEMO_GROUP) { /* what is before the first */
        *out_match = true;
        return known;
    }
    /* The step out of the frame that has this word leads elsewhere. */
    while (frames[known - 1].words_end >= differing)
        known--;
    return known - 1;
}

/* Walk with three registers until the stack is known. Returns how many frames are new;
 * *OUT_KNOWN is the one they stand on, 0 if they are all. -1 if that does not do. */
static int64_t walk(struct memo *memo, struct stack *stack, const struct stack_start *start,
                    uint32_t *out_known)
{
    struct stack_state state = { start->pc - 1, start->sp, start->bp };
    uint32_t known = memo->count;
    bool matches, entered = false;

    for (uint32_t count = 0;; count++) {
        known = match(memo, known, &state, &matches);
        if (matches) {
            *out_known = known;
            return count;
        }
        if (!fresh_room(memo, count + 1))
            return -1;
        memo->fresh[count].state = state;
        switch (stack_step(stack, &state, &memo->fresh[count].reads)) {
        case STACK_ON:
            if (memo->fresh[count].reads.elsewhere) /* may be unmapped when next compared */
                return -1;
            continue;
        case STACK_LOST:
            memo->flags = SNAPSHOT_STACK_TRUNCATED;
            break;
        case STACK_ENTRY:
            entered = true;
            /* fall through */
        case STACK_END:
            if (memo->fresh[count].reads.elsewhere)
                return -1;
            memo->flags = 0;
            break;
        case STACK_INTERRUPTED:
        case STACK_ASTRAY:
        case STACK_FULL:
            return -1;
        }
        memo->entered = entered;
        *out_known = 0;
        return count + 1;
    }
}

/* The key of FRAME at PC is that of its CALLER and its own. */
static inline void add_key(struct memo_frame *frame, const struct memo_frame *caller, uintptr_t pc)
{
    struct stack_key power = { caller->hash_power, caller->more_power };
    struct stack_key own = stack_key_times(stack_key_of(pc), power);
    struct stack_key next = stack_key_times(power, STACK_KEY_BASE);

    frame->hash = caller->hash + own.hash;
    frame->more = caller->more + own.more;
    frame->hash_power = next.hash;
    frame->more_power = next.more;
}

/* The key of a stack that begins with FRAME: its power is that of STACK_KEY_BEGIN, now. */
static struct stack_key key_of(const struct memo_frame *frame)
{
    return (struct stack_key){ frame->hash + frame->hash_power, frame->more + frame->more_power };
}

/* Put FRESH behind frame NUMBER - 1. */
static inline void append(struct memo *memo, uint32_t number, const struct memo_fresh *fresh)
{
    struct memo_frame *frame = &memo->frames[number];
    const struct memo_frame *caller = frame - 1;
    const struct stack_reads *reads = &fresh->reads;
    uint32_t count = reads->count;

    /* The caller's rbp is of interest to it, or not. */
    if (reads->saves_bp && !caller->bp_counts)
        count--;
    frame->state = fresh->state;
    frame->bp_counts = reads->uses_bp || (!reads->saves_bp && caller->bp_counts);
    add_key(frame, caller, fresh->state.pc + (number == 1 && memo->entered));
    frame->stamp = ++memo->last_stamp;
    frame->words_end = caller->words_end + count;
    /* Newest last: they are compared from the end, in the order of the walk. */
    for (uint32_t i = 0; i < count; i++)
        memo->words[frame->words_end - 1 - i] = reads->words[i];
}

/* Which entry of SET is to be another stack's: one that is void, or else each in turn. */
static uint32_t spare_way(struct memo *memo, uint32_t set)
{
    const struct memo_entry *entries = memo->entries[set];

    for (uint32_t way = 0; way < MEMO_WAYS; way++)
        if (memo->frames[entries[way].stand].stamp != entries[way].stamp)
            return way;
    memo->next_way[set] = (uint8_t)((memo->next_way[set] + 1) % MEMO_WAYS);
    return memo->next_way[set];
}

/* Put the words of FRAME of MEMO into ENTRY, behind its first COUNT. False if there is no room, or
 * one is too far from sp. */
static inline bool put_words(const struct memo *memo, const struct memo_frame *frame,
                             struct memo_entry *entry, uint32_t count)
{
    uint32_t first = frame[-1].words_end;

    if (frame->words_end - first > MEMO_ENTRY_WORDS - count)
        return false;
    for (uint32_t i = frame->words_end; i-- > first; count++) {
        struct memo_group *group = &entry->groups[count / MEMO_GROUP];
        uintptr_t distance = memo->words[i].address - entry->state.sp;

        if (distance % sizeof(uint64_t) || distance / sizeof(uint64_t) > UINT16_MAX)
            return false;
        group->places[count % MEMO_GROUP] = (uint16_t)(distance / sizeof(uint64_t));
        group->values[count % MEMO_GROUP] = memo->words[i].value;
    }
    return true;
}

/* Make an entry of the frames, whose stack has NUMBER. Its words are as many as it can hold: so it
 * is true for longest. */
static void enter(struct memo *memo, uint32_t number)
{
    const struct memo_frame *newest = &memo->frames[memo->count], *stand = newest;
    uint32_t set = memo_set(newest->state.pc, newest->state.sp), way = spare_way(memo, set);
    struct memo_entry *entry = &memo->entries[set][way];
    uint32_t count = 0;

    memo->has_entries = true;
    memo->heads[set][way] = memo_head(newest->state.pc, newest->state.sp);
    entry->state = newest->state;
    entry->bp_counts = newest->bp_counts;
    entry->number = number;
    while (stand > memo->frames && put_words(memo, stand, entry, count)) {
        stand--;
        count = newest->words_end - stand->words_end;
    }
    entry->stamp = stand->stamp;
    entry->stand = (uint32_t)(stand - memo->frames);
    entry->stand_words = stand->words_end;
    for (; count % MEMO_GROUP; count++) {
        struct memo_group *group = &entry->groups[count / MEMO_GROUP];

        group->places[count % MEMO_GROUP] = group->places[count % MEMO_GROUP - 1];
        group->values[count % MEMO_GROUP] = group->values[count % MEMO_GROUP - 1];
    }
    entry->group_count = (uint8_t)(count / MEMO_GROUP);
}

uint32_t memo_recall(struct memo *memo)
{
    const struct memo_recent *recent = memo_recent_of(memo, &memo->newest);

    if (recent->hash != memo->newest.hash || recent->more != memo->newest.more ||
        recent->number_plus == 0)
        return MEMO_NONE;
    enter(memo, recent->number_plus - 1);
    return recent->number_plus - 1;
}

/* Whether it pays to remember: a walk that found most of its frames new is far. */
static void note_distance(struct memo *memo, uint32_t count)
{
    if (count <= NEAR || count < memo->count / 2)
        memo->far = 0;
    else if (memo->far < FAR_WALKS)
        memo->far++;
}

bool memo_walk(struct memo *memo, struct stack *stack, const struct stack_start *start)
{
    uint32_t known;
    int64_t count;

    if (!memo_current(memo))
        memo_forget(memo);
    if (!stack_steps())
        return false;
    if (memo->far >= FAR_WALKS && ++memo->far % FAR_TRIES != 0)
        return false;
    stack_begin(stack, start->sp);
    count = walk(memo, stack, start, &known);
    if (count < 0 || !room(memo, known, (uint32_t)count)) {
        keep(memo, 0); /* it may be half of another stack */
        return false;
    }
    if (known == 0) {
        memo->frames[0] = (struct memo_frame){ .hash_power = 1, .more_power = 1,
                                               .words_end = MEMO_GROUP };
        for (uint32_t i = 0; i < MEMO_GROUP; i++)
            memo->words[i] = filling;
    }
    keep(memo, known);
    for (uint32_t i = (uint32_t)count; i-- > 0;)
        append(memo, ++known, &memo->fresh[i]);
    memo->count = known;
    note_distance(memo, (uint32_t)count);
    stack->key = memo->newest = stack_key_end(key_of(&memo->frames[known]), memo->flags);
    stack->flags = memo->flags;
    return true;
}

bool memo_frames(const struct memo *memo, struct stack *stack)
{
    if (!stack_make_room(stack, memo->count))
        return false;
    for (uint32_t i = memo->count; i > 0; i--)
        stack->frames[stack->count++] = memo->frames[i].state.pc + (i == 1 && memo->entered);
    return true;
}
