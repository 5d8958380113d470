#include "child.h"

#include "preload/arena.h"
#include "preload/stack.h"
#include "preload/trie.h"

#include <pthread.h>

/* ---- modules of our own -------------------------------------------------------- */

/* Module N has the addresses from N * 2^20. What it is called there is a number given
 * to each of its lives, but a name that comes back gets its number back, as it is with
 * modules.h. */
#define MODULE_BITS 20
#define PLACES      64
#define NUMBERS     64

static int names[PLACES]; /* of what is loaded there; 0: nothing */

static struct {
    int place, name;
    bool unloaded;
} numbers[NUMBERS + 1];
static uint32_t number_count;

static uint32_t find(uintptr_t address, bool *out_back)
{
    uintptr_t place = address >> MODULE_BITS;

    if (place >= PLACES || !names[place])
        return 0;
    for (uint32_t i = 1; i <= number_count; i++)
        if (numbers[i].place == (int)place && numbers[i].name == names[place]) {
            if (numbers[i].unloaded)
                *out_back = true;
            numbers[i].unloaded = false;
            return i;
        }
    assert_true(number_count < NUMBERS);
    numbers[++number_count].place = (int)place;
    numbers[number_count].name = names[place];
    return number_count;
}

static bool loaded(uint32_t number)
{
    assert_in_range(number, 1, number_count);
    return !numbers[number].unloaded;
}

static const struct trie_modules modules = { find, loaded };

static void load(int place, int name)
{
    names[place] = name;
}

static void unload(int place)
{
    for (uint32_t i = 1; i <= number_count; i++)
        if (numbers[i].place == place)
            numbers[i].unloaded = true;
    names[place] = 0;
    trie_refresh();
}

/* ---- stacks at random ------------------------------------------------------------ */

#define MAX_FRAMES 100u

struct frames {
    uint32_t count, flags;
    uintptr_t frames[MAX_FRAMES]; /* newest first */
};

static uint64_t seed_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Stack number SEED, always the same. Many share their outer frames. */
static void make(struct frames *stack, uint64_t seed)
{
    uint64_t inner = seed + 1, outer = seed % 37;
    uint32_t shared;

    stack->count = 1 + (uint32_t)(seed_next(&inner) % MAX_FRAMES);
    shared = (uint32_t)(seed_next(&inner) % (stack->count + 1));
    stack->flags = seed % 11 == 0;
    for (uint32_t i = stack->count; i-- > 0;)
        stack->frames[i] = 0x1000 + seed_next(stack->count - i <= shared ? &outer : &inner) % 5000;
    stack->frames[0] = 0x10000 + seed;
}

/* The number of the stack of COUNT FRAMES, newest first, with FLAGS. */
static uint32_t add(const uintptr_t *stack, uint32_t count, uint32_t flags)
{
    struct stack_key key = STACK_KEY_BEGIN;

    for (uint32_t i = 0; i < count; i++)
        key = stack_key_next(key, stack[i]);
    key = stack_key_end(key, flags);
    return trie_add(stack, count, flags, key.hash, key.more);
}

static uint32_t intern(const struct frames *stack)
{
    return add(stack->frames, stack->count, stack->flags);
}

/* Check that NUMBER tells what is in STACK. */
static void check(uint32_t number, const struct frames *stack)
{
    uint32_t frame;

    assert_in_range(number, 0, trie_stack_count() - 1);
    assert_int_equal(trie_stack(number)->flags, stack->flags);
    frame = trie_stack(number)->frame;
    for (uint32_t i = 0; i < stack->count; i++) {
        assert_in_range(frame, 1, trie_frame_count() - 1);
        assert_int_equal(trie_frame(frame)->address, stack->frames[i]);
        assert_true(trie_frame(frame)->parent < frame);
        frame = trie_frame(frame)->parent;
    }
    assert_int_equal(frame, 0);
}

/* ---- numbers --------------------------------------------------------------------- */

static void equal_stacks_have_one_number(void **state)
{
    static uint32_t made[5000];
    struct frames stack;

    (void)state;
    assert_true(trie_init(&modules));
    for (uint32_t i = 0; i < 5000; i++) {
        make(&stack, i);
        made[i] = intern(&stack);
        assert_int_equal(made[i], i); /* from 0, one after the other */
        check(made[i], &stack);
    }
    assert_int_equal(trie_stack_count(), 5000);
    for (uint32_t i = 5000; i-- > 0;) {
        make(&stack, i);
        assert_int_equal(intern(&stack), i);
        check(i, &stack);
    }
    assert_int_equal(trie_stack_count(), 5000);
}

static void different_stacks_have_different_numbers(void **state)
{
    uintptr_t frames[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    uint32_t count = 0;

    (void)state;
    assert_true(trie_init(&modules));
    /* each exchange of two */
    assert_int_equal(add(frames, 8, 0), count++);
    for (int i = 0; i < 8; i++)
        for (int j = i + 1; j < 8; j++) {
            uintptr_t kept = frames[i];

            frames[i] = frames[j];
            frames[j] = kept;
            assert_int_equal(add(frames, 8, 0), count++);
            frames[j] = frames[i];
            frames[i] = kept;
        }
    /* each part of it */
    for (uint32_t first = 0; first < 8; first++)
        for (uint32_t length = 1; length <= 8 - first; length++)
            if (length < 8)
                assert_int_equal(add(frames + first, length, 0), count++);
    /* how it ends */
    assert_int_equal(add(frames, 8, 1), count++);
    assert_int_equal(add(frames, 8, 2), count++);
    /* none at all, and frames that are nothing */
    assert_int_equal(add(NULL, 0, 0), count++);
    assert_int_equal(add(NULL, 0, 1), count++);
    for (uint32_t i = 1; i < 8; i++)
        assert_int_equal(add((uintptr_t[8]){ 0 }, i, 0), count++);
    assert_int_equal(trie_stack_count(), count);
}

static void outer_frames_are_shared(void **state)
{
    uintptr_t frames[300];

    (void)state;
    assert_true(trie_init(&modules));
    assert_int_equal(trie_frame_count(), 1);
    for (uintptr_t i = 0; i < 300; i++)
        frames[i] = 1000 - i;
    add(frames, 300, 0);
    assert_int_equal(trie_frame_count(), 301);
    for (uint32_t i = 0; i < 300; i++) /* its callers are there */
        add(frames + i, 300 - i, 0);
    assert_int_equal(trie_frame_count(), 301);
    frames[0]++; /* another call site of the same caller */
    add(frames, 300, 0);
    assert_int_equal(trie_frame_count(), 302);
    frames[0]--;
    frames[299]++; /* the outermost differs: all the others do, too */
    add(frames, 300, 0);
    assert_int_equal(trie_frame_count(), 602);
}

static void as_many_as_come_are_kept_apart(void **state)
{
    const uint32_t many = 200000;
    uintptr_t frames[4];

    (void)state;
    assert_true(trie_init(&modules));
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < many; i++) {
            frames[0] = i;
            frames[1] = i / 10;
            frames[2] = i / 1000;
            frames[3] = i / 100000;
            assert_int_equal(add(frames, 4, 0), i);
        }
    assert_int_equal(trie_stack_count(), many);
    assert_int_equal(trie_frame_count(), 1 + many + many / 10 + many / 1000 + 2);
    assert_true(arena_used(ARENA_STACKS) < many * 250);
}

/* ---- threads --------------------------------------------------------------------- */

#define THREADS 4
#define COMMON  20000u

static uint32_t numbers_of[THREADS][COMMON];

/* Intern all stacks, each thread in an order of its own. */
static void *intern_all(void *argument)
{
    uint32_t *made = argument;
    uint32_t first = (uint32_t)((made - numbers_of[0]) / COMMON) * 7919;
    struct frames stack;

    for (uint32_t i = 0; i < COMMON; i++) {
        uint32_t seed = (first + i * (first % 2 ? 1 : 3)) % COMMON;

        make(&stack, seed);
        made[seed] = intern(&stack);
        check(made[seed], &stack);
    }
    return NULL;
}

static void threads_agree_on_the_numbers(void **state)
{
    static bool taken[COMMON];
    pthread_t threads[THREADS];

    (void)state;
    assert_true(trie_init(&modules));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, intern_all, numbers_of[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(trie_stack_count(), COMMON);
    for (uint32_t i = 0; i < COMMON; i++) {
        for (int j = 1; j < THREADS; j++)
            assert_int_equal(numbers_of[j][i], numbers_of[0][i]);
        assert_false(taken[numbers_of[0][i]]);
        taken[numbers_of[0][i]] = true;
    }
}

/* ---- modules come and go ----------------------------------------------------------- */

#define IN(place, offset) (((uintptr_t)(place) << MODULE_BITS) + (offset))

static void frames_name_their_modules(void **state)
{
    uintptr_t frames[] = { IN(1, 5), IN(2, 5), 77, IN(1, 9) };
    uint32_t frame;

    (void)state;
    load(1, 'a');
    load(2, 'b');
    assert_true(trie_init(&modules));
    frame = trie_stack(add(frames, 4, 0))->frame;
    for (int i = 0; i < 4; i++, frame = trie_frame(frame)->parent) {
        uint32_t module = trie_frame(frame)->module;

        if (frames[i] == 77)
            assert_int_equal(module, 0);
        else
            assert_int_equal(numbers[module].place, frames[i] >> MODULE_BITS);
    }
}

static void the_next_at_an_address_is_another(void **state)
{
    uintptr_t plugin[] = { IN(1, 5), IN(2, 5) }, callee[] = { IN(2, 1), IN(1, 5), IN(2, 5) };
    uintptr_t other[] = { IN(2, 5) }, jit[] = { 5, IN(2, 5) };
    uint32_t first[2], second[2], host, generated;

    (void)state;
    load(1, 'a');
    load(2, 'h');
    assert_true(trie_init(&modules));
    host = add(other, 1, 0);
    generated = add(jit, 2, 0);
    first[0] = add(plugin, 2, 0);
    first[1] = add(callee, 3, 0);

    unload(1);
    load(1, 'b');
    second[0] = add(plugin, 2, 0);
    second[1] = add(callee, 3, 0);
    for (int i = 0; i < 2; i++)
        assert_int_not_equal(first[i], second[i]);
    assert_int_equal(numbers[trie_frame(trie_stack(first[0])->frame)->module].name, 'a');
    assert_int_equal(numbers[trie_frame(trie_stack(second[0])->frame)->module].name, 'b');
    assert_int_equal(add(plugin, 2, 0), second[0]);

    /* what does not lie in it is as before */
    assert_int_equal(add(other, 1, 0), host);
    assert_int_equal(add(jit, 2, 0), generated);

    /* and back: each again what it was, whether first seen as callee or as the newest */
    unload(1);
    load(1, 'a');
    assert_int_equal(add(callee, 3, 0), first[1]);
    assert_int_equal(add(plugin, 2, 0), first[0]);
    unload(1);
    load(1, 'b');
    assert_int_equal(add(plugin, 2, 0), second[0]);
    assert_int_equal(add(callee, 3, 0), second[1]);
    assert_int_equal(add(other, 1, 0), host);
}

static void while_unloaded_nothing_matches(void **state)
{
    uintptr_t frames[] = { IN(1, 5) };
    uint32_t loaded_number, unloaded_number;

    (void)state;
    load(1, 'a');
    assert_true(trie_init(&modules));
    loaded_number = add(frames, 1, 0);
    trie_refresh();
    assert_int_equal(add(frames, 1, 0), loaded_number);
    unload(1);
    unloaded_number = add(frames, 1, 0);
    assert_int_not_equal(unloaded_number, loaded_number);
    assert_int_equal(trie_frame(trie_stack(unloaded_number)->frame)->module, 0);
}

/* A program that loads and unloads a plug-in for ever does not make us grow. */
static void coming_and_going_is_free(void **state)
{
    struct frames stack;
    uint32_t stacks = 0, frames = 0;
    uint64_t used = 0;

    (void)state;
    load(2, 'h');
    assert_true(trie_init(&modules));
    for (int round = 0; round < 1000; round++) {
        for (int name = 'a'; name <= 'c'; name++) {
            load(1, name);
            for (uint64_t i = 0; i < 20; i++) {
                make(&stack, i);
                stack.frames[stack.count / 2] = IN(1, i);
                intern(&stack);
                make(&stack, i);
                intern(&stack);
            }
            unload(1);
        }
        if (round == 1) {
            stacks = trie_stack_count();
            frames = trie_frame_count();
            used = arena_used(ARENA_STACKS);
        }
    }
    assert_int_equal(stacks, 20 + 3 * 20);
    assert_int_equal(trie_stack_count(), stacks);
    assert_int_equal(trie_frame_count(), frames);
    assert_int_equal(arena_used(ARENA_STACKS), used);
    assert_int_equal(arena_used(ARENA_OTHER), 0);
}

/* ---- lack of memory ---------------------------------------------------------------- */

static bool intern_without_memory(void)
{
    const uint32_t many = 20000;
    static uint32_t made[20000];
    struct frames stack;
    bool all = trie_init(&modules);

    load(1, 'a');
    for (uint32_t i = 0; i < many; i++) {
        make(&stack, i);
        stack.count = stack.count % 5 + 1;
        stack.frames[0] = IN(1, i);
        made[i] = intern(&stack);
        all = all && made[i] != TRIE_NONE;
        if (made[i] != TRIE_NONE)
            check(made[i], &stack);
    }
    for (uint32_t i = 0; i < many; i++)
        if (made[i] != TRIE_NONE) {
            make(&stack, i);
            stack.count = stack.count % 5 + 1;
            stack.frames[0] = IN(1, i);
            assert_int_equal(intern(&stack), made[i]);
        }
    trie_refresh();
    unload(1);
    return all;
}

static void a_thread_has_stacks_of_its_own(void **state)
{
    uintptr_t frames[] = { 5, 6, 7 };
    uint32_t number, first, last, tracked;

    (void)state;
    assert_true(trie_init(&modules));
    number = add(frames, 3, 2);
    first = trie_of_thread(number, 1);
    last = trie_of_thread(number, UINT16_MAX);
    tracked = trie_of_domain(first, 1);
    assert_int_equal(trie_stack(number)->thread, 0);
    assert_int_equal(trie_stack(first)->thread, 1);
    assert_int_equal(trie_stack(last)->thread, UINT16_MAX);
    assert_int_equal(trie_stack(last)->frame, trie_stack(number)->frame);
    assert_int_equal(trie_stack(last)->flags, 2);
    assert_int_equal(trie_stack(tracked)->thread, 1);
    assert_int_equal(trie_stack(tracked)->domain, 1);
    assert_int_equal(trie_stack_count(), number + 4);
    assert_int_equal(trie_of_thread(number, 1), first);
    assert_int_equal(trie_of_thread(number, UINT16_MAX), last);
    assert_int_equal(trie_of_domain(first, 1), tracked);
    assert_int_equal(add(frames, 3, 2), number);
}

static void a_domain_has_stacks_of_its_own(void **state)
{
    uintptr_t frames[] = { 5, 6, 7 };
    uint32_t number, others[3];

    (void)state;
    assert_true(trie_init(&modules));
    number = add(frames, 3, 2);
    for (uint32_t i = 0; i < 3; i++) {
        others[i] = trie_of_domain(number, i + 1);
        assert_int_equal(others[i], number + 1 + i);
        assert_int_equal(trie_stack(others[i])->domain, i + 1);
        assert_int_equal(trie_stack(others[i])->frame, trie_stack(number)->frame);
        assert_int_equal(trie_stack(others[i])->flags, 2);
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(trie_of_domain(number, i + 1), others[i]);
    assert_int_equal(add(frames, 3, 2), number);
    assert_int_equal(trie_stack(number)->domain, 0);
    trie_refresh();
    assert_int_equal(trie_of_domain(number, 1), others[0]);
    assert_int_equal(trie_frame_count(), 4);
}

static void without_memory_there_is_no_number(void **state)
{
    (void)state;
    child_starve(intern_without_memory);
}

/* It needs memory for new tables: without it, what was known must still be found. */
static int refresh_with_lack(void *first_lacking)
{
    uintptr_t host[] = { 5, 6 }, plugin[] = { IN(1, 1), 6 };
    uint32_t number, other;

    load(1, 'a');
    assert_true(trie_init(&modules));
    number = add(host, 2, 0);
    other = add(plugin, 2, 0);
    arena_fail_after(*(unsigned long *)first_lacking);
    unload(1);
    arena_fail_after(0);
    assert_int_equal(add(host, 2, 0), number);
    trie_refresh(); /* the next time it succeeds */
    assert_int_equal(add(host, 2, 0), number);
    assert_int_not_equal(add(plugin, 2, 0), other);
    return 0;
}

static void a_refresh_without_memory_changes_nothing(void **state)
{
    (void)state;
    for (unsigned long lacking = 1; lacking <= 4; lacking++)
        assert_int_equal(child_run(refresh_with_lack, &lacking), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(equal_stacks_have_one_number),
        child_test(different_stacks_have_different_numbers),
        child_test(outer_frames_are_shared),
        child_test(as_many_as_come_are_kept_apart),
        child_test(threads_agree_on_the_numbers),
        child_test(frames_name_their_modules),
        child_test(the_next_at_an_address_is_another),
        child_test(while_unloaded_nothing_matches),
        child_test(coming_and_going_is_free),
        child_test(a_thread_has_stacks_of_its_own),
        child_test(a_domain_has_stacks_of_its_own),
        cmocka_unit_test(without_memory_there_is_no_number),
        cmocka_unit_test(a_refresh_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
