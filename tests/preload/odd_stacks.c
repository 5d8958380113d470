/* odd_stacks.c - allocates on stacks that end early, or lie.
 *
 * Leaks blocks of WHOLE + n bytes where the stack can be walked to its end, and of
 * TRUNCATED + n bytes where it can't. Prints how many of each.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WHOLE 6000
#define TRUNCATED 7000
#define PAGE 4096

typedef void function(void);

void odd_blind(function *call);
void odd_lying(function *call, uintptr_t frame);
void odd_on_stack(function *call, void *top);

static void *volatile leaked;
static int whole, truncated;

static void leak_whole(void)
{
    leaked = malloc((size_t)(WHOLE + whole++));
}

static void leak_truncated(void)
{
    leaked = malloc((size_t)(TRUNCATED + truncated++));
}

/* The CFI leads to memory that can't be read, or to none. */
static void lies(void)
{
    const uintptr_t frames[] = {
        0, 1, 8, 4095, (uintptr_t)-1, (uintptr_t)-8, (uintptr_t)-16, (uintptr_t)-24,
        (uintptr_t)1 << 47, ((uintptr_t)1 << 47) - 16, (uintptr_t)1 << 63, 0xffffffffff600000,
        0xdeadbeefdeadbeef, (uintptr_t)lies,
    };
    char *hole = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile uintptr_t below = (uintptr_t)&frames - 512;

    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
        odd_lying(leak_truncated, frames[i]);
    for (int offset = -24; offset <= 24; offset += 4)
        odd_lying(leak_truncated, (uintptr_t)hole + PAGE + (uintptr_t)offset);
    munmap(hole, 3 * PAGE);
    odd_lying(leak_truncated, (uintptr_t)hole);
    odd_lying(leak_truncated, below);
}

/* A stack of SIZE bytes between two pages that can't be read. */
static char *guarded(size_t size)
{
    char *memory = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + PAGE, size, PROT_READ | PROT_WRITE) != 0)
        abort();
    return memory + PAGE;
}

static void other_stacks(void)
{
    char *stack = guarded(16 * PAGE), *top = stack + 16 * PAGE;
    char *heap = malloc(64 * 1024);

    odd_on_stack(leak_truncated, top); /* the return address would be in the guard page */
    memset(stack, 0, 16 * PAGE);
    odd_on_stack(leak_whole, top - 16); /* 0: that is how a stack ends */
    memset(top - 16, 0x5a, 16);
    odd_on_stack(leak_truncated, top - 16); /* no code there */
    munmap(stack, 16 * PAGE);

    heap = (char *)(((uintptr_t)heap + 15) & ~(uintptr_t)15);
    memset(heap, 0, 60 * 1024);
    odd_on_stack(leak_whole, heap + 56 * 1024);
    memset(heap, 0xff, 60 * 1024);
    odd_on_stack(leak_truncated, heap + 56 * 1024);

    /* where a stack was a moment ago there is another one, smaller */
    for (int pages = 16; pages >= 4; pages--) {
        stack = guarded((size_t)pages * PAGE);
        odd_on_stack(leak_whole, stack + pages * PAGE - 16);
        odd_on_stack(leak_truncated, stack + pages * PAGE);
        munmap(stack - PAGE, (size_t)(pages + 2) * PAGE);
    }
}

/* A stack above this one is there, is walked, and is no more when the CFI leads to it. */
static void *after_unmap(void *above)
{
    char *stack = above, *top = stack + 4 * PAGE;

    odd_on_stack(leak_whole, top - 16);
    mprotect(stack, 4 * PAGE, PROT_NONE); /* unmapped, the tracer itself may get the place */
    odd_lying(leak_truncated, (uintptr_t)top - 32);
    return NULL;
}

static void unmapped_stack(void)
{
    char *above = guarded(4 * PAGE);
    pthread_t thread;

    if (pthread_create(&thread, NULL, after_unmap, above) != 0)
        abort();
    pthread_join(thread, NULL);
}

/* As deep as it goes, with room for what malloc takes. */
static int dive(int depth, const char *bottom)
{
    char room[64];
    int result;

    __asm__ volatile("" : : "r"(room) : "memory");
    if (room - bottom < 6 * 1024) {
        leak_whole();
        return depth;
    }
    result = dive(depth + 1, bottom);
    __asm__ volatile("" : : "r"(room) : "memory");
    return result;
}

static void *on_small_stack(void *stack)
{
    leak_whole();
    dive(0, stack);
    odd_blind(leak_truncated);
    return NULL;
}

static void small_thread(void)
{
    char *stack = guarded(PTHREAD_STACK_MIN);
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, PTHREAD_STACK_MIN) != 0 ||
        pthread_create(&thread, &attributes, on_small_stack, stack) != 0)
        abort();
    pthread_join(thread, NULL);
    munmap(stack - PAGE, PTHREAD_STACK_MIN + 2 * PAGE);
}

int main(void)
{
    leak_whole();
    odd_blind(leak_truncated);
    leak_whole();
    lies();
    leak_whole();
    other_stacks();
    leak_whole();
    unmapped_stack();
    leak_whole();
    for (int i = 0; i < 3; i++)
        small_thread();
    leak_whole();
    printf("%d %d\n", whole, truncated);
    return 0;
}
