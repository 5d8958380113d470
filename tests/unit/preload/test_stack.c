/* test_stack.c - walks, compared with libunwind and libgcc, and walks through stacks that
 * are made up. PATH of cfi_fixture.S is given. */
#include "cfi_fixture.h"
#include "child.h"
#include "stack_frames.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/cfi.h"
#include "preload/stack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define MAX_FRAMES 30000u

static const char *fixture_path;
static struct stack stack;

/* ---- what others find -------------------------------------------------------------- */

static uintptr_t theirs[MAX_FRAMES];
static uint32_t their_count;

/* Whether PC is where a signal handler returns to: code that calls rt_sigreturn. */
static bool is_restorer(uintptr_t pc)
{
    static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

    return memcmp((const void *)pc, code, sizeof(code)) == 0;
}

/* Whether PC is where a function begins: what makecontext() lets its function return to. */
static bool is_entry(uintptr_t pc)
{
    unw_proc_info_t info;

    return unw_get_proc_info_by_ip(unw_local_addr_space, pc, &info, NULL) == 0 &&
           info.start_ip == pc;
}

/* Fill in `theirs` with libunwind, from the caller of the caller on. */
static __attribute__((noinline)) void unwind_by_libunwind(void)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc;
    bool interrupted = false;

    their_count = 0;
    assert_int_equal(unw_getcontext(&context), 0);
    assert_int_equal(unw_init_local(&cursor, &context), 0);
    for (int i = 0; unw_step(&cursor) > 0; i++) {
        assert_in_range(their_count, 0, MAX_FRAMES - 1);
        assert_int_equal(unw_get_reg(&cursor, UNW_REG_IP, &pc), 0);
        if (pc == 0)
            return;
        if (i > 0) /* what is entered by a return, or was interrupted, has not called */
            theirs[their_count++] = pc - !(interrupted || is_restorer(pc) || is_entry(pc));
        interrupted = is_restorer(pc);
    }
}

struct gcc_walk {
    uint32_t count;
    int skip;
};

static _Unwind_Reason_Code check_frame(struct _Unwind_Context *context, void *argument)
{
    struct gcc_walk *walk = argument;
    uintptr_t pc = _Unwind_GetIP(context);

    if (walk->skip-- > 0 || pc == 0)
        return _URC_NO_REASON;
    assert_in_range(walk->count, 0, stack.count - 1);
    assert_in_range(pc - stack.frames[walk->count], 0, 1);
    walk->count++;
    return _URC_NO_REASON;
}

static uint32_t checked; /* stacks */
static uint32_t deepest;

/* Walk from the caller on, as a hook does, and compare. */
static __attribute__((noinline)) void check(void)
{
    struct stack_start start = STACK_START();
    struct gcc_walk walk = { 0, 1 };

    errno = 99;
    stack_walk(&stack, &start, 0);
    assert_int_equal(errno, 99);
    assert_int_equal(stack.flags, 0);
    unwind_by_libunwind();
    assert_int_equal(stack.count, their_count);
    for (uint32_t i = 0; i < their_count; i++)
        assert_int_equal(stack.frames[i], theirs[i]);
    _Unwind_Backtrace(check_frame, &walk);
    assert_int_equal(walk.count, stack.count);
    checked++;
    deepest = stack.count > deepest ? stack.count : deepest;
}

static void recursion(void **state)
{
    (void)state;
    check();
    for (int depth = 0; depth < 20; depth++)
        frames_recursion(depth, check);
    frames_recursion(200, check);
    frames_recursion(20000, check);
    assert_int_equal(checked, 23);
    assert_true(deepest > 20000);
}

static void frames_of_all_shapes(void **state)
{
    (void)state;
    frames_large(check);
    for (int size = 1; size < 9000; size += 777)
        frames_alloca(size, check);
    frames_realigned(check);
    frames_saved_registers(3, check);
    frames_libc(check);
    assert_int_equal(checked, 1 + 12 + 1 + 3 + 1);
}

static void frames_that_take_all_registers(void **state)
{
    (void)state;
    frames_rbx(check);
    assert_int_equal(checked, 1);
}

static void signal_handlers_on_both_stacks(void **state)
{
    (void)state;
    frames_signal(0, check);
    frames_signal(1, check);
    assert_int_equal(checked, 2);
}

static void other_stacks(void **state)
{
    (void)state;
    frames_context(check);
    assert_int_equal(checked, 1);
}

static void inner(void)
{
    frames_rbx(check);
    check();
}

static void middle(void)
{
    frames_realigned(inner);
    check();
}

static void outer(void)
{
    frames_alloca(100, middle);
    frames_signal(1, middle);
}

static void outermost(void)
{
    frames_libc(outer);
    check();
}

static void all_in_one(void **state)
{
    (void)state;
    frames_context(outermost);
    assert_int_equal(checked, 7);
}

static void *in_thread(void *unused)
{
    frames_recursion(10, check);
    frames_realigned(check);
    frames_rbx(check);
    return unused;
}

static void threads_have_stacks_of_their_own(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(checked, 3);
}

/* ---- limits ---------------------------------------------------------------------------- */

static __attribute__((noinline)) void check_limits(void)
{
    static struct stack whole;
    struct stack_start start = STACK_START();

    stack_walk(&whole, &start, 0);
    assert_int_equal(whole.flags, 0);
    assert_true(whole.count > 10);
    for (uint32_t limit = 1; limit < whole.count + 2; limit++) {
        uint32_t wanted = limit < whole.count ? limit : whole.count;

        stack_walk(&stack, &start, limit);
        assert_int_equal(stack.flags, limit < whole.count ? SNAPSHOT_STACK_LIMITED : 0);
        assert_int_equal(stack.count, wanted);
        assert_memory_equal(stack.frames, whole.frames, wanted * sizeof(*stack.frames));
    }
}

static void the_newest_frames_are_kept(void **state)
{
    (void)state;
    frames_recursion(20, check_limits);
    frames_rbx(check_limits);
}

static bool enough;

static __attribute__((noinline)) void walk_without_memory(void)
{
    struct stack_start start = STACK_START();

    stack_walk(&stack, &start, 0);
    enough = stack.flags == 0;
    if (!enough) {
        uint32_t count = stack.count;

        assert_int_equal(stack.flags, SNAPSHOT_STACK_TRUNCATED);
        unwind_by_libunwind();
        assert_in_range(count, 0, their_count - 1);
        assert_memory_equal(stack.frames, theirs, count * sizeof(*theirs));
    }
    arena_fail_after(0);
    stack_walk(&stack, &start, 0);
    assert_int_equal(stack.flags, 0);
    assert_true(stack.count > 5000);
}

static bool starve(void)
{
    frames_recursion(5000, walk_without_memory);
    return enough;
}

static void without_memory_a_stack_is_truncated(void **state)
{
    (void)state;
    child_starve(starve);
}

/* ---- stacks made up -------------------------------------------------------------------- */

#define PAGES 8u
#define PAGE  4096u
#define WORDS (PAGES * PAGE / sizeof(uint64_t))

static struct cfi_fixture fixture;
static uint64_t *memory; /* PAGES that can be read, and one that can't */
static uint64_t *hole;

static void make_memory(void)
{
    cfi_fixture_load(&fixture, fixture_path);
    memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                  0);
    assert_true(memory != MAP_FAILED);
    hole = memory + WORDS;
    assert_int_equal(mprotect(hole, PAGE, PROT_NONE), 0);
}

/* A return address into a function whose CFA is rbp + 16. */
static uintptr_t by_rbp(void)
{
    return cfi_fixture_symbol(&fixture, "prologue") + 6;
}

/* Walk from a frame of PC, with SP and BP. */
static void walk(uintptr_t pc, const void *sp, uintptr_t bp)
{
    stack_walk(&stack, &(struct stack_start){ pc, (uintptr_t)sp, bp }, 0);
}

static void expect(uint32_t count, uint32_t flags)
{
    assert_int_equal(stack.count, count);
    assert_int_equal(stack.flags, flags);
}

/* Frames one behind the other from the word AT on, COUNT of them; returns behind the last. */
static uint64_t *chain(uint64_t *at, int count)
{
    for (int i = 0; i < count; i++, at += 4) {
        at[0] = (uintptr_t)(at + 4);
        at[1] = by_rbp();
    }
    return at;
}

static void a_return_address_of_0_is_the_end(void **state)
{
    uint64_t *end;

    (void)state;
    make_memory();
    end = chain(memory + 1, 20);
    end[1] = 0;
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(21, 0);
    for (uint32_t i = 0; i < 21; i++)
        assert_int_equal(stack.frames[i], by_rbp() - 1);
}

static void memory_that_cannot_be_read_is_not(void **state)
{
    uint64_t *end;

    (void)state;
    make_memory();
    end = chain(memory + 1, 3);
    end[1] = by_rbp();

    end[0] = (uintptr_t)hole; /* its frame lies there */
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(5, SNAPSHOT_STACK_TRUNCATED);
    end[0] = (uintptr_t)hole - 8; /* the return address does */
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(5, SNAPSHOT_STACK_TRUNCATED);
    end[0] = (uintptr_t)hole - 12; /* half of it */
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(5, SNAPSHOT_STACK_TRUNCATED);
    end[0] = (uintptr_t)hole - 16; /* nothing: 0 is the end */
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(5, 0);
}

static void no_register_leads_astray(void **state)
{
    const uintptr_t wild[] = {
        0, 1, 7, 8, 4095, (uintptr_t)-1, (uintptr_t)-8, (uintptr_t)-15, (uintptr_t)-16,
        (uintptr_t)-17, (uintptr_t)-24,
        (uintptr_t)-4096, (uintptr_t)1 << 47, ((uintptr_t)1 << 47) - 16,
        (uintptr_t)1 << 63, 0xffff800000000000, 0xffffffffff600000, 0xdeadbeefdeadbeef,
    };

    (void)state;
    make_memory();
    for (size_t i = 0; i < sizeof(wild) / sizeof(*wild); i++)
        for (size_t j = 0; j < sizeof(wild) / sizeof(*wild); j++) {
            walk(by_rbp(), (void *)wild[j], wild[i]);
            expect(1, SNAPSHOT_STACK_TRUNCATED);
            walk(cfi_fixture_symbol(&fixture, "realigned") + 20, (void *)wild[j], wild[i]);
            expect(1, SNAPSHOT_STACK_TRUNCATED);
            walk(cfi_fixture_symbol(&fixture, "blank") + 1, (void *)wild[j], wild[i]);
            expect(1, SNAPSHOT_STACK_TRUNCATED);
            walk(wild[i], memory, wild[j]);
            expect(1, SNAPSHOT_STACK_TRUNCATED);
        }
}

static void a_stack_only_goes_up(void **state)
{
    uint64_t *end;

    (void)state;
    make_memory();
    end = chain(memory + 1, 3);
    end[0] = (uintptr_t)(memory + 1); /* a circle */
    end[1] = by_rbp();
    walk(by_rbp(), memory, (uintptr_t)(memory + 1));
    expect(5, SNAPSHOT_STACK_TRUNCATED);
    walk(by_rbp(), end, (uintptr_t)(memory + 1));
    expect(1, SNAPSHOT_STACK_TRUNCATED);
}

/* What the kernel leaves for a signal handler, at WORDS: offsets of rbp, rsp, rip. */
static void make_signal_frame(uint64_t *words, uintptr_t pc, const void *sp, uintptr_t bp)
{
    words[120 / 8] = bp;
    words[160 / 8] = (uintptr_t)sp;
    words[168 / 8] = pc;
}

/* Make `blank_signal` a restorer as glibc has it; returns the address returned to. */
static uintptr_t make_restorer(void)
{
    static const uint8_t restorer[] = {
        0x0f, 4, 0x77, 0xa0, 0x01, 0x06, 0x10, 16, 3, 0x77, 0xa8, 0x01,
        0x10, 6, 3, 0x77, 0xf8, 0x00,
    };
    uintptr_t address = cfi_fixture_symbol(&fixture, "blank_signal");

    memcpy(cfi_fixture_program(&fixture, address), restorer, sizeof(restorer));
    memset(cfi_fixture_program(&fixture, address) + sizeof(restorer), 0,
           FIXTURE_PROGRAM_SIZE - sizeof(restorer));
    return address + 17;
}

static void an_interrupted_frame_has_its_own_pc(void **state)
{
    uintptr_t restorer;
    uint64_t *end;

    (void)state;
    make_memory();
    restorer = make_restorer();
    end = chain(memory + 101, 1);
    end[1] = 0;
    make_signal_frame(memory, by_rbp() - 1, memory + 100, (uintptr_t)(memory + 101));
    walk(restorer, memory, 0);
    expect(3, 0);
    assert_int_equal(stack.frames[0], restorer); /* entered by return, not by a call */
    assert_int_equal(stack.frames[1], by_rbp() - 1);
    assert_int_equal(stack.frames[2], by_rbp() - 1);

    /* any part of what the kernel left may be out of reach */
    for (size_t words = 0; words <= 168 / 8; words++) {
        walk(restorer, hole - words, 0);
        expect(1, SNAPSHOT_STACK_TRUNCATED);
    }
}

/* A handler may run on another stack, so a signal frame may lead anywhere, also back. */
static void signal_frames_in_a_circle_end(void **state)
{
    uintptr_t restorer;

    (void)state;
    make_memory();
    restorer = make_restorer();
    make_signal_frame(memory, restorer - 1, memory, 0);
    walk(restorer, memory, 0);
    assert_int_equal(stack.flags, SNAPSHOT_STACK_TRUNCATED);
    assert_in_range(stack.count, 1, 100000);
    make_signal_frame(memory, restorer - 1, memory + 200, 0);
    make_signal_frame(memory + 200, restorer - 1, memory, 0);
    walk(restorer, memory, 0);
    assert_int_equal(stack.flags, SNAPSHOT_STACK_TRUNCATED);
    assert_in_range(stack.count, 1, 100000);
}

static void the_process_begins_where_it_was_said(void **state)
{
    (void)state;
    make_memory();
    walk((uintptr_t)memory, memory + 100, 0); /* no module there */
    expect(1, SNAPSHOT_STACK_TRUNCATED);
    stack_init((uintptr_t)(memory + 100));
    for (int words = -2; words < 20; words++) {
        walk((uintptr_t)memory, memory + 100 + words, 0);
        expect(1, words >= 0 && words <= 8 ? 0 : SNAPSHOT_STACK_TRUNCATED);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        child_test(recursion),
        child_test(frames_of_all_shapes),
        child_test(frames_that_take_all_registers),
        child_test(signal_handlers_on_both_stacks),
        child_test(other_stacks),
        child_test(all_in_one),
        child_test(threads_have_stacks_of_their_own),
        child_test(the_newest_frames_are_kept),
        cmocka_unit_test(without_memory_a_stack_is_truncated),
        child_test(a_return_address_of_0_is_the_end),
        child_test(memory_that_cannot_be_read_is_not),
        child_test(no_register_leads_astray),
        child_test(a_stack_only_goes_up),
        child_test(an_interrupted_frame_has_its_own_pc),
        child_test(signal_frames_in_a_circle_end),
        child_test(the_process_begins_where_it_was_said),
    };

    if (argc != 2)
        return 2;
    fixture_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
