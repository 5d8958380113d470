/* shapes.c - frames that the C library and the kernel have a part in. */
#include "compare.h"
#include "walk.h"

#include <dlfcn.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))
#define STACK_SIZE (4u << 20)
#define MAX_SWITCHES 2

int assembly_rbp_number(int depth, int number);
int assembly_rbp_passed(int depth);
int assembly_rbp_frame(int depth, int room);
int assembly_rbp_aside(int depth);
int assembly_rbp_in_r15(int depth, int number);
int assembly_cfa_r12(int depth);
int assembly_blind(int depth);
int assembly_on_stack(int depth, walk_shape *shape, void *top);
int assembly_on_own_stack(int depth, walk_shape *shape, void *top);

static NOINLINE int on(int depth)
{
    return walk_next(depth)(depth - 1) + 1;
}

static NOINLINE int rbp_number(int depth)
{
    return assembly_rbp_number(depth, (int)walk_below(3)) + 1;
}

static NOINLINE int rbp_frame(int depth)
{
    return assembly_rbp_frame(depth, (int)walk_below(4096)) + 1;
}

static NOINLINE int rbp_in_r15(int depth)
{
    return assembly_rbp_in_r15(depth, (int)walk_below(3)) + 1;
}

/* ---- recursion ------------------------------------------------------------------------ */

/* The same two return addresses again and again, with frames of the same size or not. */
static NOINLINE int recursion(int depth, int times)
{
    char room[64];
    int result;

    walk_use(room);
    if (times > 0 && walk_below(2))
        result = recursion(depth, times - 1) + 2;
    else if (times > 0)
        result = recursion(depth, times - 1) * 3;
    else
        result = on(depth);
    walk_use(room);
    return result;
}

static NOINLINE int recursion_with_rooms(int depth, int times)
{
    char *room = __builtin_alloca(walk_below(3) * 16 + 1);
    int result;

    walk_use(room);
    result = times > 0 ? recursion_with_rooms(depth, times - 1) + 1 : on(depth);
    walk_use(room);
    return result;
}

static NOINLINE int recursive(int depth)
{
    return recursion(depth, (int)walk_below(walk_below(20) ? 12 : 200)) + 1;
}

static NOINLINE int recursive_with_rooms(int depth)
{
    return recursion_with_rooms(depth, (int)walk_below(12)) + 1;
}

/* ---- old words on the stack -------------------------------------------------------------- */

/* A room that nobody writes to: return addresses of calls before are still in it. */
static NOINLINE int over_old_words(int depth)
{
    char room[700];
    int result;

    walk_end(0);
    walk_use(room);
    result = on(depth);
    walk_use(room);
    return result;
}

/* A room that is wider than an entry of the memo tells distances. */
static NOINLINE int over_a_wide_room(int depth)
{
    char *room;
    int result;

    if (walk.switches > 0 || walk.alternate_used || walk_below(4))
        return on(depth) + 1;
    room = __builtin_alloca(600000 + walk_below(3) * 16);
    walk_use(room);
    result = on(depth);
    walk_use(room);
    return result;
}

/* Two calls that leave the same words in the same place. */
static NOINLINE int twice_the_same(int depth)
{
    uint64_t random = walk.random;
    int result = on(depth);

    if (!walk.way_out && !walk.catches && walk.switches == 0)
        walk.random = random;
    return result + on(depth);
}

/* ---- callbacks ---------------------------------------------------------------------------- */

static int compare(const void *one, const void *two)
{
    int depth = walk.depth;

    walk.depth = -1;
    if (depth >= 0)
        walk_sink += on(depth);
    return *(const int *)one - *(const int *)two;
}

static NOINLINE int by_qsort(int depth)
{
    int numbers[3] = { 3, 1, 2 };

    walk.depth = depth;
    qsort(numbers, 3, sizeof(numbers[0]), compare);
    return numbers[0];
}

static NOINLINE int by_bsearch(int depth)
{
    int numbers[3] = { 1, 2, 3 };

    walk.depth = depth;
    return bsearch(&numbers[1], numbers, 3, sizeof(numbers[0]), compare) != NULL;
}

/* ---- jumps -------------------------------------------------------------------------------- */

/* Whatever is between here and there may be jumped over: what it changed is put back. */
static NOINLINE int by_jump(int depth)
{
    struct walk before = walk;
    unsigned blind = compare_blind;
    sigjmp_buf here;
    volatile int result = 0;

    if (sigsetjmp(here, 1) == 0) {
        walk.way_out = &here;
        result = on(depth);
    }
    before.random = walk.random;
    before.left = walk.left;
    before.quiet = walk.quiet;
    walk = before;
    compare_blind = blind;
    return result + on(depth);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void handler(int number)
{
    int depth = walk.depth;
    bool catches = walk.catches;

    walk.catches = false; /* an exception can't pass the kernel's frame */
    walk_sink += on(depth) + number;
    walk.catches = catches;
}

static NOINLINE int by_signal(int depth)
{
    walk.depth = depth;
    raise(SIGUSR1);
    return 1;
}

/* The signal comes between two instructions of this frame, not from a call. */
static NOINLINE int by_trap(int depth)
{
    if (walk.alternate_used)
        return on(depth);
    walk.alternate_used = true;
    walk.depth = depth;
    __asm__ volatile("int3");
    walk.alternate_used = false;
    return 2;
}

static __attribute__((constructor)) void set_handlers(void)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_NODEFER };

    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGTRAP, &action, NULL);
}

/* ---- other stacks ------------------------------------------------------------------------------ */

static __thread char *kept_stack; /* so that some are used again, and some are not */

static char *take_stack(void)
{
    char *stack = kept_stack;

    kept_stack = NULL;
    if (!stack)
        stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    walk.switches++;
    return stack;
}

static void drop_stack(char *stack)
{
    walk.switches--;
    if (!kept_stack && walk_below(2))
        kept_stack = stack;
    else
        munmap(stack, STACK_SIZE);
}

/* Nothing leaves the other stack but by its end. */
static struct walk close_ways_out(void)
{
    struct walk before = walk;

    walk.way_out = NULL;
    walk.catches = false;
    return before;
}

static void open_ways_out(struct walk before)
{
    walk.way_out = before.way_out;
    walk.catches = before.catches;
}

static __thread ucontext_t creator;

static void coroutine(void)
{
    walk_sink += on(walk.depth);
}

static NOINLINE int by_coroutine(int depth)
{
    ucontext_t creator_before = creator, context;
    struct walk before;
    unsigned blind = compare_blind;
    char *stack;

    if (walk.switches >= MAX_SWITCHES)
        return on(depth);
    before = close_ways_out();
    stack = take_stack();
    walk.depth = depth;
    compare_blind = 0; /* that stack begins anew */
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK_SIZE;
    context.uc_link = &creator;
    makecontext(&context, coroutine, 0);
    swapcontext(&creator, &context);
    creator = creator_before;
    compare_blind = blind;
    drop_stack(stack);
    open_ways_out(before);
    return 3;
}

/* Two stacks that take turns by jumps. */
struct turns {
    jmp_buf here, there;
    int depth;
    bool done;
};

static __thread struct turns *turns;

static int other_side(int depth)
{
    struct turns *mine = turns;

    for (volatile int i = 0; i < 3; i++) {
        walk_sink += on(mine->depth);
        if (_setjmp(mine->there) == 0)
            _longjmp(mine->here, 1);
    }
    mine->done = true;
    _longjmp(mine->here, 1);
    return depth;
}

static NOINLINE int by_turns(int depth)
{
    struct turns mine = { .depth = depth }, *turns_before = turns;
    struct walk before;
    volatile unsigned blind = compare_blind;
    char *volatile stack;

    if (walk.switches >= MAX_SWITCHES)
        return on(depth);
    before = close_ways_out();
    stack = take_stack();
    turns = &mine;
    compare_blind = 0;
    if (_setjmp(mine.here) == 0)
        assembly_on_own_stack(depth, other_side, stack + STACK_SIZE - 32);
    compare_blind = blind;
    while (!mine.done) {
        walk_sink += on(depth);
        compare_blind = 0;
        if (_setjmp(mine.here) == 0)
            _longjmp(mine.there, 1);
        compare_blind = blind;
    }
    turns = turns_before;
    drop_stack(stack);
    open_ways_out(before);
    return 5;
}

/* CFI leads from the other stack to this one: downwards that is taken for a lie. */
static NOINLINE int on_other_stack(int depth)
{
    struct walk before;
    unsigned blind = compare_blind;
    char *stack;
    int result;

    if (walk.switches >= MAX_SWITCHES)
        return on(depth);
    before = close_ways_out();
    stack = take_stack();
    if ((uintptr_t)stack > (uintptr_t)__builtin_frame_address(0))
        compare_blind++;
    result = assembly_on_stack(depth, on, stack + STACK_SIZE - 32);
    compare_blind = blind;
    drop_stack(stack);
    open_ways_out(before);
    return result;
}

static NOINLINE int on_own_stack(int depth)
{
    struct walk before;
    unsigned blind = compare_blind;
    char *stack;
    int result;

    if (walk.switches >= MAX_SWITCHES)
        return on(depth);
    before = close_ways_out();
    stack = take_stack();
    compare_blind = 0;
    result = assembly_on_own_stack(depth, on, stack + STACK_SIZE - 32);
    compare_blind = blind;
    drop_stack(stack);
    open_ways_out(before);
    return result;
}

static NOINLINE int through_blind(int depth)
{
    bool catches = walk.catches;
    int result;

    if (walk_below(3))
        return on(depth);
    walk.catches = false; /* nor does an exception get through */
    compare_blind++;
    result = assembly_blind(depth);
    compare_blind--;
    walk.catches = catches;
    return result;
}

/* ---- threads -------------------------------------------------------------------------------------- */

struct errand {
    struct walk walk;
    pthread_t thread;
};

static void *thread_main(void *argument)
{
    struct errand *errand = argument;

    walk_begin_thread();
    walk = errand->walk;
    walk_sink += on(walk.depth);
    errand->walk = walk;
    if (kept_stack)
        munmap(kept_stack, STACK_SIZE);
    walk_end_thread();
    return NULL;
}

/* A thread or two, the later one often on the stack of one that ended. */
static NOINLINE int by_thread(int depth)
{
    struct errand errands[2];
    unsigned count = 1 + walk_below(2);

    if (walk.switches >= MAX_SWITCHES || walk_below(4))
        return on(depth);
    for (unsigned i = 0; i < count; i++) {
        uint64_t share = count == 1 ? walk.left : walk.left / 4;

        walk.left -= share;
        errands[i].walk = (struct walk){
            .random = walk.random + i * 0x9e3779b97f4a7c16u, .left = share, .switches = walk.switches + 1,
            .depth = depth,
        };
        if (pthread_create(&errands[i].thread, NULL, thread_main, &errands[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(errands[i].thread, NULL);
        walk.left += errands[i].walk.left;
    }
    walk_below(2);
    return 4;
}

/* ---- libraries that come and go ---------------------------------------------------------------------- */

char **walk_plugins;
uint64_t walk_reused;

static NOINLINE int by_plugin(int depth)
{
    static void *last_place;
    static unsigned last_plugin;
    static bool busy; /* one at a time: the loader gives the next one the same place */
    unsigned plugins = 0, which;
    struct walk before;
    void *library, *place;
    walk_shape **shapes;
    int result;

    while (walk_plugins && walk_plugins[plugins])
        plugins++;
    if (plugins == 0 || walk.switches > 0 || busy || walk_below(8))
        return on(depth);
    busy = true;
    which = walk_below(plugins);
    before = close_ways_out(); /* and none that would leave it loaded */
    library = dlopen(walk_plugins[which], RTLD_LAZY | RTLD_LOCAL);
    if (!library || !(shapes = dlsym(library, "plugin_shapes")))
        abort();
    place = shapes;
    if (which != last_plugin && place == last_place)
        walk_reused++;
    last_place = place;
    last_plugin = which;
    result = shapes[walk_below(3)](depth);
    dlclose(library);
    compare_unloaded();
    open_ways_out(before);
    busy = false;
    return result;
}

walk_shape *const walk_by_hand[] = {
    on,
    rbp_number,
    rbp_number,
    assembly_rbp_passed,
    assembly_rbp_passed,
    rbp_frame,
    rbp_frame,
    assembly_rbp_aside,
    rbp_in_r15,
    assembly_cfa_r12,
    recursive,
    recursive_with_rooms,
    over_old_words,
    over_a_wide_room,
    twice_the_same,
    by_qsort,
    by_bsearch,
    by_jump,
    by_signal,
    by_trap,
    by_coroutine,
    by_turns,
    on_other_stack,
    on_own_stack,
    through_blind,
    by_thread,
    by_plugin,
    NULL,
};
