#include "walk.h"

#include "compare.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ALTERNATE_SIZE (4u << 20)

__thread struct walk walk;
volatile long walk_sink;

unsigned walk_below(unsigned limit)
{
    walk.random ^= walk.random << 13;
    walk.random ^= walk.random >> 7;
    walk.random ^= walk.random << 17;
    return (unsigned)(walk.random >> 20) % limit;
}

/* Returns at once. */
static int nothing(int depth)
{
    return depth;
}

int walk_end(int depth)
{
    if (walk.left > 0) {
        walk.left--;
        compare_stack();
    }
    return depth + (int)walk_sink;
}

__attribute__((noreturn)) static int jump_out(int depth)
{
    sigjmp_buf *way_out = walk.way_out;

    (void)depth;
    walk_end(depth);
    siglongjmp(*way_out, 1);
}

void walk_leave(int depth)
{
    sigjmp_buf *way_out = walk.way_out;

    walk_next(depth)(depth - 1);
    siglongjmp(*way_out, 1);
}

static unsigned length(walk_shape *const *shapes)
{
    unsigned count = 0;

    while (shapes[count])
        count++;
    return count;
}

walk_shape *walk_next(int depth)
{
    static unsigned generated, by_hand, cplusplus;
    unsigned which;

    if (!generated) { /* whoever else comes here writes the same */
        by_hand = length(walk_by_hand);
        cplusplus = length(walk_cplusplus);
        generated = length(walk_generated);
    }
    if (walk.left == 0)
        return nothing;
    if (walk.quiet > 0) {
        walk.quiet--;
        return nothing;
    }
    which = walk_below(1000);
    if (which < 20)
        walk.quiet = walk_below(60);
    if (which < 45 && walk.way_out)
        return jump_out;
    if (which < 70 && walk.catches)
        return walk_throw;
    if (depth <= 0 || which < 150)
        return walk_end;
    if (which < 400)
        return walk_by_hand[walk_below(by_hand)];
    if (which < 500 && cplusplus)
        return walk_cplusplus[walk_below(cplusplus)];
    return walk_generated[walk_below(generated)];
}

void walk_begin_thread(void)
{
    stack_t alternate = { .ss_size = ALTERNATE_SIZE };

    alternate.ss_sp = mmap(NULL, ALTERNATE_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (alternate.ss_sp == MAP_FAILED || sigaltstack(&alternate, NULL) != 0)
        abort();
    compare_begin_thread();
}

void walk_end_thread(void)
{
    stack_t alternate, off = { .ss_flags = SS_DISABLE };

    compare_end_thread();
    sigaltstack(&off, &alternate);
    munmap(alternate.ss_sp, alternate.ss_size);
}

void walk_run(uint64_t seed, uint64_t count)
{
    walk.random = seed * 0x9e3779b97f4a7c15u | 1;
    while (count > 0) {
        uint64_t tree = 1 + walk_below(300), left;
        unsigned depth = walk_below(100);

        walk.left = tree = tree < count ? tree : count;
        walk.quiet = 0;
        walk_next(100)((int)(depth < 80 ? depth % 30 : depth < 99 ? depth : 200));
        left = walk.left;
        count -= tree - left;
    }
}
