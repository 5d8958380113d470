#include "child.h"

#include "preload/arena.h"
#include "preload/guard.h"
#include "preload/syscall.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS      4
#define CLOSE_ROUNDS 500        /* at least, and as many as fit in … */
#define CLOSE_TIME   700000000u /* ns: a machine that is not busy does very many */

/* A state with something in it that takes two steps to change. Relaxed atomics:
 * nothing but the gate makes both steps look like one. */
struct counting {
    struct thread thread;
    _Atomic uint64_t first, second;
    _Atomic int entered; /* how often at the same time */
};

static _Atomic bool stop;

static void add_one(_Atomic uint64_t *number)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void step(struct counting *self)
{
    guard_record(&self->thread);
    add_one(&self->first);
    add_one(&self->second);
    guard_pause(&self->thread);
}

static void begin(void)
{
    guard_init(sizeof(struct counting));
}

/* ---- the gate ------------------------------------------------------------------ */

static void *record(void *unused)
{
    while (!stop) {
        struct counting *self = (struct counting *)guard_enter();

        assert_non_null(self);
        for (int i = 0; i < 50; i++)
            step(self);
        guard_leave(&self->thread);
    }
    return unused;
}

/* The sum over all threads; both counters of each must be equal. */
static uint64_t sum(void)
{
    uint64_t total = 0;

    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct counting *counting = (struct counting *)state;
        uint64_t second = atomic_load_explicit(&counting->second, memory_order_relaxed);

        assert_int_equal(atomic_load_explicit(&counting->first, memory_order_relaxed), second);
        total += second;
    }
    return total;
}

/* Close the gate again and again; nothing may move behind it, but for the closer. */
static void *close_often(void *rounds)
{
    uint64_t before = 0, end = syscall_time(CLOCK_MONOTONIC) + CLOSE_TIME;

    for (int i = 0; i < *(int *)rounds ||
                    (*(int *)rounds > 2 && syscall_time(CLOCK_MONOTONIC) < end); i++) {
        struct counting *self = (struct counting *)guard_enter();
        uint64_t total;

        assert_non_null(self);
        assert_int_equal(guard_close(), 0);
        total = sum();
        assert_true(total >= before);
        for (int j = 0; j < 20; j++)
            assert_int_equal(sum(), total);
        step(self); /* the closer itself may record */
        before = total + 1;
        assert_int_equal(sum(), before);
        guard_open();
        guard_leave(&self->thread);
    }
    return NULL;
}

static void check_cut(bool fences, int closers)
{
    pthread_t threads[THREADS], closing[2];
    int rounds = CLOSE_ROUNDS / closers;

    begin();
    if (fences)
        guard_fences = true;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record, NULL), 0);
    for (int i = 0; i < closers; i++)
        assert_int_equal(pthread_create(&closing[i], NULL, close_often, &rounds), 0);
    for (int i = 0; i < closers; i++)
        pthread_join(closing[i], NULL);
    stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(sum() > CLOSE_ROUNDS);
}

static void a_closed_gate_is_an_exact_cut(void **state)
{
    (void)state;
    check_cut(false, 1);
}

static void so_it_is_with_fences(void **state)
{
    (void)state;
    check_cut(true, 1);
}

static void two_may_want_to_close_it(void **state)
{
    (void)state;
    check_cut(false, 2);
}

static void the_kernel_offers_membarrier(void **state)
{
    (void)state;
    assert_true(guard_fences);
    begin();
    assert_false(guard_fences); /* since Linux 4.14; else the tests above only see fences */
}

static int pipe_ends[2];

static void *record_until_told(void *unused)
{
    struct thread *self = guard_enter();

    guard_record(self);
    assert_int_equal(write(pipe_ends[1], "x", 1), 1);
    while (!stop)
        sched_yield();
    guard_pause(self);
    assert_int_equal(write(pipe_ends[1], "y", 1), 1);
    guard_record(self); /* the gate is open: this does not wait */
    guard_pause(self);
    guard_leave(self);
    return unused;
}

static void closing_gives_up_after_a_second(void **state)
{
    struct thread *self;
    pthread_t thread;
    uint64_t before;
    char byte;

    (void)state;
    begin();
    self = guard_enter();
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, record_until_told, NULL), 0);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    before = syscall_time(CLOCK_MONOTONIC);
    assert_int_equal(guard_close(), -ETIMEDOUT);
    assert_in_range(syscall_time(CLOCK_MONOTONIC) - before, 900000000, 20000000000);
    guard_record(self);
    guard_pause(self);
    stop = true;
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    pthread_join(thread, NULL);
    assert_int_equal(guard_close(), 0);
    guard_open();
    guard_leave(self);
}

static void *record_once(void *unused)
{
    struct counting *self = (struct counting *)guard_enter();

    assert_int_equal(write(pipe_ends[1], "x", 1), 1);
    step(self);
    guard_leave(&self->thread);
    return unused;
}

/* Who wants to record while the gate is closed is held, but neither spins nor is lost. */
static void who_waits_goes_on_when_it_opens(void **state)
{
    struct thread *self;
    pthread_t threads[THREADS];
    char byte;

    (void)state;
    begin();
    self = guard_enter();
    assert_int_equal(pipe(pipe_ends), 0);
    for (int round = 0; round < 200; round++) {
        uint64_t total;

        assert_int_equal(guard_close(), 0);
        total = sum();
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, record_once, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
        assert_int_equal(sum(), total);
        guard_open();
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(sum(), total + THREADS);
    }
    guard_leave(self);
}

static _Atomic int signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void signals_wait_while_the_gate_is_closed(void **state)
{
    sigset_t before, now;

    (void)state;
    begin();
    signal(SIGUSR1, count_signal);
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(guard_close(), 0);
    raise(SIGUSR1);
    assert_int_equal(signals, 0);
    guard_open();
    assert_int_equal(signals, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    assert_false(sigismember(&now, SIGUSR1));
    assert_true(sigismember(&now, SIGUSR2));
}

static void a_forked_child_finds_the_gate_open(void **state)
{
    int status;
    pid_t child;
    sigset_t none;

    (void)state;
    sigemptyset(&none);
    begin();
    assert_int_equal(guard_close(), 0);
    child = fork();
    if (child == 0) {
        struct thread *self;

        signal(SIGALRM, SIG_DFL);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
        alarm(20); /* if it hangs */
        guard_forked(true);
        self = guard_enter();
        guard_record(self);
        guard_pause(self);
        guard_leave(self);
        _exit(guard_close() == 0 ? 0 : 1);
    }
    guard_open();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- inside -------------------------------------------------------------------- */

static struct thread *seen_in_handler;

static void enter_in_handler(int number)
{
    (void)number;
    seen_in_handler = guard_enter();
    if (seen_in_handler)
        guard_leave(seen_in_handler);
}

static void who_is_inside_does_not_enter_again(void **state)
{
    struct thread *self;

    (void)state;
    begin();
    assert_null(guard_self());
    signal(SIGUSR1, enter_in_handler);
    self = guard_enter();
    assert_non_null(self);
    assert_ptr_equal(guard_self(), self);
    assert_null(guard_enter());
    raise(SIGUSR1);
    assert_null(seen_in_handler);
    guard_leave(self);
    assert_ptr_equal(guard_self(), self);
    raise(SIGUSR1);
    assert_ptr_equal(seen_in_handler, self);
    assert_ptr_equal(guard_enter(), self);
    guard_leave(self);
    assert_int_equal(self->tid, syscall_gettid());
    assert_true(self->alive);
}

/* Enter, and see that nobody else is in here on this thread. */
static void enter_alone(void)
{
    struct counting *self = (struct counting *)guard_enter();

    if (!self)
        return;
    assert_int_equal(self->entered++, 0);
    step(self);
    assert_int_equal(--self->entered, 0);
    guard_leave(&self->thread);
}

static void interrupt(int number)
{
    (void)number;
    signals++;
    enter_alone();
}

static void *enter_until_told(void *unused)
{
    while (!stop)
        enter_alone();
    return unused;
}

static void handlers_may_interrupt_anywhere(void **state)
{
    pthread_t threads[2];
    int rounds = 2;

    (void)state;
    begin();
    signal(SIGUSR1, interrupt);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter_until_told, NULL), 0);
    while (signals < 2000) {
        for (int i = 0; i < 2; i++)
            pthread_kill(threads[i], SIGUSR1);
        if (signals % 100 == 0)
            close_often(&rounds);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    sum();
}

static bool enter_without_memory(void)
{
    struct thread *self = guard_enter();

    arena_fail_after(0);
    if (self) {
        guard_leave(self);
        return true;
    }
    self = guard_enter(); /* when there is some again */
    assert_non_null(self);
    guard_leave(self);
    return false;
}

static void without_memory_nobody_enters(void **state)
{
    (void)state;
    begin(); /* the children have it from here */
    child_starve(enter_without_memory);
}

/* ---- the lives of threads -------------------------------------------------------- */

static unsigned states_made(void)
{
    unsigned count = 0;

    for (struct thread *state = guard_threads(); state; state = state->next)
        count++;
    return count;
}

static void *step_once(void *unused)
{
    struct counting *self = (struct counting *)guard_enter();

    assert_non_null(self);
    assert_int_equal(self->thread.tid, syscall_gettid());
    step(self);
    guard_leave(&self->thread);
    return unused;
}

static void run_short_threads(int count)
{
    pthread_t threads[8];

    for (int i = 0; i < count; i += 8) {
        for (int j = 0; j < 8; j++)
            assert_int_equal(pthread_create(&threads[j], NULL, step_once, NULL), 0);
        for (int j = 0; j < 8; j++)
            pthread_join(threads[j], NULL);
    }
}

static void states_of_finished_threads_serve_again(void **state)
{
    (void)state;
    begin();
    assert_true(guard_watch_threads());
    run_short_threads(2000);
    assert_in_range(states_made(), 1, 8);
    assert_int_equal(guard_threads_seen(), 2000);
    assert_int_equal(sum(), 2000); /* what is summed up in them stays */
    for (struct thread *thread = guard_threads(); thread; thread = thread->next)
        assert_false(thread->alive);
}

static void unwatched_threads_keep_theirs(void **state)
{
    (void)state;
    begin();
    run_short_threads(80);
    assert_int_equal(states_made(), 80);
    assert_int_equal(sum(), 80);
}

#define KEYS 6

static pthread_key_t keys[KEYS];
static _Atomic int destructions;
static __thread int rounds_of[KEYS];
static __thread struct thread *own_state;

/* Comes again in each round, uses the guard as an allocation would, and takes a "snapshot". */
static void destroy(void *argument)
{
    uintptr_t number = (uintptr_t)argument - 1;
    struct counting *self = (struct counting *)guard_enter();

    destructions++;
    assert_non_null(self);
    assert_int_equal(self->thread.tid, syscall_gettid());
    if (++rounds_of[number] < PTHREAD_DESTRUCTOR_ITERATIONS) {
        assert_ptr_equal(&self->thread, own_state);
        pthread_setspecific(keys[number], argument);
    }
    step(self);
    assert_int_equal(guard_close(), 0);
    step(self);
    guard_open();
    step(self);
    guard_leave(&self->thread);
}

static void *end_with_destructors(void *unused)
{
    step_once(NULL);
    own_state = guard_self();
    for (uintptr_t i = 0; i < KEYS; i++)
        pthread_setspecific(keys[i], (void *)(i + 1));
    return unused;
}

static void destructors_of_all_rounds_are_served(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    begin();
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(pthread_key_create(&keys[i], destroy), 0);
        if (i == KEYS / 2 - 1)
            assert_true(guard_watch_threads()); /* some run before, some behind it */
    }
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, end_with_destructors, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    assert_int_equal(destructions, 20 * THREADS * KEYS * PTHREAD_DESTRUCTOR_ITERATIONS);
    assert_int_equal(sum(), (uint64_t)20 * THREADS + 3 * (uint64_t)destructions);
    assert_in_range(states_made(), 1, THREADS + 1); /* one for all the departed */
}

static int from_departed[2], to_departed[2];

/* Records, in the last round of all, when its state is given up, until it is told. */
static void record_departed(void *argument)
{
    uintptr_t round = (uintptr_t)argument;
    struct thread *self;
    char byte = 0;

    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(keys[0], (void *)(round + 1));
        return;
    }
    self = guard_enter();
    assert_null(guard_self());
    guard_record(self);
    assert_int_equal(write(from_departed[1], &byte, 1), 1);
    assert_int_equal(read(to_departed[0], &byte, 1), 1);
    guard_pause(self);
    guard_leave(self);
}

static void *end_recording(void *unused)
{
    step_once(NULL);
    pthread_setspecific(keys[0], (void *)1);
    return unused;
}

static void a_forked_child_does_not_wait_for_the_departed(void **state)
{
    pthread_t thread;
    char byte = 0;
    int status;
    pid_t child;

    (void)state;
    begin();
    assert_int_equal(pipe(from_departed), 0);
    assert_int_equal(pipe(to_departed), 0);
    assert_true(guard_watch_threads());
    assert_int_equal(pthread_key_create(&keys[0], record_departed), 0);
    assert_int_equal(pthread_create(&thread, NULL, end_recording, NULL), 0);
    assert_int_equal(read(from_departed[0], &byte, 1), 1);
    child = fork();
    if (child == 0) {
        guard_forked(false);
        _exit(guard_close() == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(write(to_departed[1], &byte, 1), 1);
    pthread_join(thread, NULL);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(the_kernel_offers_membarrier),
        child_test(a_closed_gate_is_an_exact_cut),
        child_test(so_it_is_with_fences),
        child_test(two_may_want_to_close_it),
        child_test(closing_gives_up_after_a_second),
        child_test(who_waits_goes_on_when_it_opens),
        child_test(signals_wait_while_the_gate_is_closed),
        child_test(a_forked_child_finds_the_gate_open),
        child_test(who_is_inside_does_not_enter_again),
        child_test(handlers_may_interrupt_anywhere),
        child_test(without_memory_nobody_enters),
        child_test(states_of_finished_threads_serve_again),
        child_test(unwatched_threads_keep_theirs),
        child_test(destructors_of_all_rounds_are_served),
        child_test(a_forked_child_does_not_wait_for_the_departed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
