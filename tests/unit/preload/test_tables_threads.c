/* Threads that record stacks, and one that closes the gate and looks at all of them:
 * ThreadSanitizer looks on. */
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/roster.h"
#include "preload/trie.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define STACKS 300u
#define ROUNDS 3000u
#define LOOKS 40
#define DEPTH 6u

static _Atomic uint32_t wrong, ended;

static uint32_t find_module(uintptr_t address, bool *out_back)
{
    (void)address;
    (void)out_back;
    return 1;
}

static bool is_loaded(uint32_t module)
{
    (void)module;
    return true;
}

static const struct trie_modules modules = { find_module, is_loaded };

/* Stack WHICH: its newest frame, and a few that others have, too. */
static uint32_t make(uint32_t which, uintptr_t *frames)
{
    uint32_t count = 1 + which % DEPTH;

    for (uint32_t i = 0; i < count; i++)
        frames[i] = 0x1000 + (which >> i) * 16 + i;
    return count;
}

static bool is_stack(uint32_t number, uint32_t which)
{
    uintptr_t frames[DEPTH];
    uint32_t count = make(which, frames), frame = trie_stack(number)->frame, i = 0;

    for (; i < count && frame; i++, frame = trie_frame(frame)->parent) {
        if (trie_frame(frame)->address != frames[i])
            return false;
    }
    return i == count && !frame;
}

/* Record stack WHICH as thread NUMBER; it must be what it was. */
static void record(uint32_t which, uint16_t number)
{
    uint64_t hash = (which + 1) * 0x9e3779b97f4a7c15u;
    uint32_t stack = trie_find(hash, which);
    uintptr_t frames[DEPTH];

    if (stack == TRIE_NONE)
        stack = trie_add(frames, make(which, frames), 0, hash, which);
    stack = stack == TRIE_NONE ? stack : trie_of_thread(stack, number);
    if (stack == TRIE_NONE || trie_stack(stack)->thread != number || !is_stack(stack, which))
        wrong++;
    if (which % 7 == 0) {
        stack = trie_of_domain(stack, 3);
        if (stack == TRIE_NONE || trie_stack(stack)->domain != 3)
            wrong++;
    }
    if (epochs_current() == 0)
        wrong++;
}

static void *run(void *seed)
{
    uint32_t random = (uint32_t)(uintptr_t)seed;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct thread *self = guard_enter();

        if (!self) {
            wrong++;
            break;
        }
        guard_record(self);
        if (!self->number)
            self->number = roster_enter(self->tid);
        random = random * 1664525u + 1013904223u;
        record((random >> 8) % STACKS, (uint16_t)self->number);
        guard_pause(self);
        guard_leave(self);
    }
    ended++;
    return NULL;
}

/* With the gate closed: all stacks of threads are whole, and these are known. */
static void look(void)
{
    for (uint32_t i = 0; i < trie_stack_count(); i++) {
        const struct trie_stack *stack = trie_stack(i);

        if (stack->thread > roster_count() || (stack->thread && !roster_thread(stack->thread)->tid))
            wrong++;
        for (uint32_t frame = stack->frame; frame; frame = trie_frame(frame)->parent) {
            if (frame >= trie_frame_count())
                wrong++;
        }
    }
    trie_refresh();
    epochs_begin("look", 1);
}

static void tables_are_whole_at_the_gate(void **state)
{
    pthread_t threads[THREADS];
    int looks = 0;

    (void)state;
    guard_init(sizeof(struct thread));
    assert_true(trie_init(&modules));
    epochs_reset(0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(i + 1)), 0);
    while (looks < LOOKS || ended < THREADS) {
        if (guard_close() == 0) {
            look();
            guard_open();
        }
        looks++;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(roster_count(), THREADS);
    assert_in_range(trie_stack_count(), STACKS, STACKS * (2 * THREADS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_whole_at_the_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
