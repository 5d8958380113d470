#include "preload/trie.h"

#include "preload/arena.h"
#include "preload/lock.h"

#include <stdatomic.h>

#define CHUNK (1u << 14) /* records of an array that grows without moving what is in it */
#define MAX_FRAMES (1u << 28)
#define FIRST_SLOTS 4096u /* of both hash tables; powers of two */

static struct trie_frame *_Atomic frame_chunks[MAX_FRAMES / CHUNK];
static struct trie_stack *_Atomic stack_chunks[TRIE_MAX_STACKS / CHUNK];
static _Atomic uint32_t frame_count = 1, stack_count;

/* hash → stack. `number` is written last: a reader that sees it sees the rest. */
struct entry {
    _Atomic uint64_t hash;
    _Atomic uint32_t hash_more;
    _Atomic uint32_t number; /* plus 1; 0: empty */
};

struct table {
    struct table *older; /* its predecessor, which others may still be reading */
    uint32_t slots;
    struct entry entries[];
};

static struct table *_Atomic table;

/* (parent, address) → frame; only under the lock. */
static uint32_t *children;
static uint32_t child_slots, child_count;

static struct lock lock;
static const struct trie_modules *modules;

/* ---- arrays ---------------------------------------------------------------- */

const struct trie_frame *trie_frame(uint32_t number)
{
    return atomic_load_explicit(&frame_chunks[number / CHUNK], memory_order_acquire) +
           number % CHUNK;
}

const struct trie_stack *trie_stack(uint32_t number)
{
    return atomic_load_explicit(&stack_chunks[number / CHUNK], memory_order_acquire) +
           number % CHUNK;
}

uint32_t trie_stack_count(void)
{
    return atomic_load_explicit(&stack_count, memory_order_acquire);
}

uint32_t trie_frame_count(void)
{
    return atomic_load_explicit(&frame_count, memory_order_acquire);
}

/* ---- children -------------------------------------------------------------- */

static uint32_t child_slot(uint32_t parent, uint64_t address)
{
    uint64_t hash = (address ^ (uint64_t)parent << 40 ^ parent) * 0x9e3779b97f4a7c15u;

    return (uint32_t)(hash >> 32) & (child_slots - 1);
}

/* Put frame NUMBER where it is found by its parent and address. There is room. */
static void child_add(uint32_t number)
{
    const struct trie_frame *frame = trie_frame(number);
    uint32_t slot = child_slot(frame->parent, frame->address);

    while (children[slot])
        slot = (slot + 1) & (child_slots - 1);
    children[slot] = number;
    child_count++;
}

/* Make room for one child more. */
static bool child_room(void)
{
    uint32_t *old = children, old_slots = child_slots;

    if (child_count + 1 <= child_slots / 4 * 3)
        return true;
    children = arena_map((size_t)old_slots * 2 * sizeof *children, ARENA_STACKS);
    if (!children) {
        children = old;
        return false;
    }
    child_slots = old_slots * 2;
    child_count = 0;
    for (uint32_t i = 0; i < old_slots; i++)
        if (old[i])
            child_add(old[i]);
    arena_unmap(old, old_slots * sizeof *old, ARENA_STACKS);
    return true;
}

/* The frame of ADDRESS called from PARENT, made if need be. 0 on lack of memory, or
 * if OUT_BACK says that its module, once unloaded, has just come back. */
static uint32_t child(uint32_t parent, uint64_t address, bool *out_back)
{
    uint32_t slot = child_slot(parent, address), number = trie_frame_count(), module;
    struct trie_frame *chunk;

    for (; children[slot]; slot = (slot + 1) & (child_slots - 1)) {
        const struct trie_frame *frame = trie_frame(children[slot]);

        if (frame->parent == parent && frame->address == address)
            return children[slot];
    }
    module = modules->find(address, out_back);
    if (*out_back || number == MAX_FRAMES || !child_room())
        return 0;
    chunk = atomic_load_explicit(&frame_chunks[number / CHUNK], memory_order_relaxed);
    if (!chunk) {
        chunk = arena_map(CHUNK * sizeof *chunk, ARENA_STACKS);
        if (!chunk)
            return 0;
        atomic_store_explicit(&frame_chunks[number / CHUNK], chunk, memory_order_release);
    }
    chunk[number % CHUNK].address = address;
    chunk[number % CHUNK].parent = parent;
    chunk[number % CHUNK].module = module;
    child_add(number);
    atomic_store_explicit(&frame_count, number + 1, memory_order_release);
    return number;
}

/* ---- stacks ---------------------------------------------------------------- */

static void entry_add(struct table *to, uint64_t hash, uint32_t hash_more, uint32_t number)
{
    uint32_t slot = (uint32_t)hash & (to->slots - 1);

    while (atomic_load_explicit(&to->entries[slot].number, memory_order_relaxed))
        slot = (slot + 1) & (to->slots - 1);
    atomic_store_explicit(&to->entries[slot].hash, hash, memory_order_relaxed);
    atomic_store_explicit(&to->entries[slot].hash_more, hash_more, memory_order_relaxed);
    atomic_store_explicit(&to->entries[slot].number, number + 1, memory_order_release);
}

static uint32_t entry_find(struct table *in, uint64_t hash, uint32_t hash_more)
{
    uint32_t slot = (uint32_t)hash & (in->slots - 1), number;

    for (;; slot = (slot + 1) & (in->slots - 1)) {
        struct entry *entry = &in->entries[slot];

        number = atomic_load_explicit(&entry->number, memory_order_acquire);
        if (number == 0)
            return TRIE_NONE;
        if (atomic_load_explicit(&entry->hash, memory_order_relaxed) == hash &&
            atomic_load_explicit(&entry->hash_more, memory_order_relaxed) == hash_more)
            return number - 1;
    }
}

/* For trie_expect(), which must not read in a table that may be gone: where the entries of the newest one
 * are, and how many. The two may be of different tables for a moment. */
static _Atomic uintptr_t expected_entries;
static _Atomic uint32_t expected_slots;

void trie_expect(uint64_t hash)
{
    uint32_t slots = atomic_load_explicit(&expected_slots, memory_order_relaxed);
    uintptr_t entries = atomic_load_explicit(&expected_entries, memory_order_relaxed);

    __builtin_prefetch((const void *)(entries + ((uint32_t)hash & (slots - 1)) * sizeof(struct entry)));
}

/* From now on MADE, which may be NULL, is the table. */
static void table_use(struct table *made)
{
    atomic_store_explicit(&table, made, memory_order_release);
    if (!made)
        return;
    atomic_store_explicit(&expected_entries, (uintptr_t)made->entries, memory_order_relaxed);
    atomic_store_explicit(&expected_slots, made->slots, memory_order_relaxed);
}

static size_t table_size(uint32_t slots)
{
    return sizeof(struct table) + (size_t)slots * sizeof(struct entry);
}

static struct table *table_make(uint32_t slots)
{
    struct table *made = arena_map(table_size(slots), ARENA_STACKS);

    if (made)
        made->slots = slots;
    return made;
}

/* Make room for one stack more. */
static bool table_room(void)
{
    struct table *old = atomic_load_explicit(&table, memory_order_relaxed), *made;

    if (trie_stack_count() + 1 <= old->slots / 2)
        return true;
    made = table_make(old->slots * 2);
    if (!made)
        return false;
    for (uint32_t i = 0; i < old->slots; i++) {
        uint32_t number = atomic_load_explicit(&old->entries[i].number, memory_order_relaxed);

        if (number)
            entry_add(made, atomic_load_explicit(&old->entries[i].hash, memory_order_relaxed),
                      atomic_load_explicit(&old->entries[i].hash_more, memory_order_relaxed),
                      number - 1);
    }
    made->older = old;
    table_use(made);
    return true;
}

/* The outermost frames of the stack added last: a new one mostly begins like that. */
#define PATH_FRAMES 256u

static struct {
    uint64_t address;
    uint32_t number;
} path[PATH_FRAMES];
static uint32_t path_count;

/* ---- unloaded modules ------------------------------------------------------- */

/* Whether frame NUMBER or one of its callers lies in an unloaded module. GONE has a
 * bit for each frame before it, a caller's number being less. */
static bool frame_gone(const uint8_t *gone, uint32_t number)
{
    const struct trie_frame *frame = trie_frame(number);

    return gone[frame->parent / 8] >> frame->parent % 8 & 1 ||
           (frame->module && !modules->loaded(frame->module));
}

/* Make both hash tables anew, of what lies in loaded modules. Call with the lock.
 * On lack of memory nothing changes. */
static void rebuild(void)
{
    uint32_t frames = trie_frame_count(), stacks = trie_stack_count();
    struct table *old = atomic_load_explicit(&table, memory_order_relaxed);
    struct table *made = table_make(old->slots);
    uint8_t *gone = arena_map(frames / 8 + 1, ARENA_OTHER);

    path_count = 0;
    if (!made || !gone) {
        arena_unmap(made, table_size(old->slots), ARENA_STACKS);
        goto out;
    }
    for (uint32_t i = 0; i < child_slots; i++)
        children[i] = 0;
    child_count = 0;
    for (uint32_t number = 1; number < frames; number++)
        if (frame_gone(gone, number))
            gone[number / 8] |= (uint8_t)(1u << number % 8);
        else
            child_add(number);
    for (uint32_t number = 0; number < stacks; number++) {
        const struct trie_stack *stack = trie_stack(number);

        if (!(gone[stack->frame / 8] >> stack->frame % 8 & 1))
            entry_add(made, stack->hash, stack->hash_more, number);
    }
    made->older = old;
    table_use(made);
out:
    arena_unmap(gone, frames / 8 + 1, ARENA_OTHER);
}

void trie_refresh(void)
{
    struct table *current, *older;

    if (!atomic_load_explicit(&table, memory_order_relaxed))
        return;
    rebuild();
    current = atomic_load_explicit(&table, memory_order_relaxed);
    while ((older = current->older)) { /* the gate is closed: nobody reads them */
        current->older = older->older;
        arena_unmap(older, table_size(older->slots), ARENA_STACKS);
    }
}

/* ---- adding a stack ---------------------------------------------------------- */

/* Add STACK, which is not in the table. Call with the lock. TRIE_NONE on lack of memory. */
static uint32_t stack_add(const struct trie_stack *stack)
{
    uint32_t number = trie_stack_count();
    struct trie_stack *chunk;

    if (number == TRIE_MAX_STACKS || !table_room())
        return TRIE_NONE;
    chunk = atomic_load_explicit(&stack_chunks[number / CHUNK], memory_order_relaxed);
    if (!chunk) {
        chunk = arena_map(CHUNK * sizeof *chunk, ARENA_STACKS);
        if (!chunk)
            return TRIE_NONE;
        atomic_store_explicit(&stack_chunks[number / CHUNK], chunk, memory_order_release);
    }
    chunk[number % CHUNK] = *stack;
    atomic_store_explicit(&stack_count, number + 1, memory_order_release);
    entry_add(atomic_load_explicit(&table, memory_order_relaxed), stack->hash, stack->hash_more,
              number);
    return number;
}

/* The newest of COUNT FRAMES, 0 for none, made if need be. Call with the lock. False as child(). */
static bool frames_add(const uintptr_t *frames, uint32_t count, uint32_t *out_frame,
                       bool *out_back)
{
    uint32_t frame = 0, depth = 0;

    for (; depth < path_count && depth < count && path[depth].address == frames[count - 1 - depth];
         depth++)
        frame = path[depth].number;
    path_count = depth;
    for (; depth < count; depth++) {
        uintptr_t address = frames[count - 1 - depth];

        frame = child(frame, address, out_back);
        if (frame == 0)
            return false;
        if (depth < PATH_FRAMES) {
            path[depth].address = address;
            path[depth].number = frame;
            path_count = depth + 1;
        }
    }
    *out_frame = frame;
    return true;
}

bool trie_init(const struct trie_modules *of_modules)
{
    modules = of_modules;
    children = arena_map(FIRST_SLOTS * sizeof *children, ARENA_STACKS);
    child_slots = FIRST_SLOTS;
    if (children)
        table_use(table_make(FIRST_SLOTS));
    return children && atomic_load_explicit(&table, memory_order_relaxed);
}

uint32_t trie_find(uint64_t hash, uint32_t hash_more)
{
    struct table *current = atomic_load_explicit(&table, memory_order_acquire);

    return current ? entry_find(current, hash, hash_more) : TRIE_NONE;
}

uint32_t trie_add(const uintptr_t *frames, uint32_t count, uint32_t flags, uint64_t hash,
                  uint32_t hash_more)
{
    struct trie_stack stack = { .flags = (uint16_t)flags, .hash = hash, .hash_more = hash_more };
    uint32_t number;
    bool back;

    if (!atomic_load_explicit(&table, memory_order_acquire))
        return TRIE_NONE;
    lock_take(&lock);
    do {
        back = false;
        number = trie_find(hash, hash_more);
        if (number == TRIE_NONE && frames_add(frames, count, &stack.frame, &back))
            number = stack_add(&stack);
        if (back)
            rebuild(); /* with what we know of the module from its last time */
    } while (back);
    lock_release(&lock);
    return number;
}

/* The number of STACK, whose frames are those of another, made if need be. TRIE_NONE on lack of
 * memory. */
static uint32_t intern_derived(const struct trie_stack *stack)
{
    uint32_t number = trie_find(stack->hash, stack->hash_more);

    if (number != TRIE_NONE)
        return number;
    lock_take(&lock);
    number = trie_find(stack->hash, stack->hash_more);
    if (number == TRIE_NONE)
        number = stack_add(stack);
    lock_release(&lock);
    return number;
}

uint32_t trie_of_domain(uint32_t of, uint32_t domain)
{
    struct trie_stack stack;

    if (!atomic_load_explicit(&table, memory_order_acquire))
        return TRIE_NONE;
    stack = *trie_stack(of);
    stack.domain = domain;
    stack.hash ^= (uint64_t)domain * 0x9e3779b97f4a7c15u;
    stack.hash_more ^= domain * 0x85ebca6bu;
    return intern_derived(&stack);
}

uint32_t trie_of_thread(uint32_t of, uint16_t thread)
{
    struct trie_stack stack;

    if (!atomic_load_explicit(&table, memory_order_acquire))
        return TRIE_NONE;
    stack = *trie_stack(of);
    stack.thread = thread;
    stack.hash ^= (uint64_t)thread * 0xc2b2ae3d27d4eb4fu;
    stack.hash_more ^= thread * 0xc2b2ae35u;
    return intern_derived(&stack);
}
