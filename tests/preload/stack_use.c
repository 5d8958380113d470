/* stack_use.c - prints how much of the caller's stack each allocator function touches.
 *
 * Each is called on a painted stack of its own: first cold (a call site and a
 * thread that nobody has seen), then warm. Prints "WHAT BYTES", the bytes below
 * the caller's frame that changed.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE (256 * 1024)
#define PAINT 0xa5

enum call { NOTHING, MALLOC, CALLOC, REALLOC, REALLOC_MOVED, MEMALIGN, FREE, CALLS };

static const char *const names[CALLS] = {
    "nothing", "malloc", "calloc", "realloc", "realloc-moved", "memalign", "free",
};

static unsigned char *stack;
static size_t used[CALLS];
static void *volatile block;

/* The bytes of the stack below FRAME that are no longer painted; paints them again. */
static size_t touched(unsigned char *frame)
{
    unsigned char *lowest = stack;
    size_t size;

    while (lowest < frame && *lowest == PAINT)
        lowest++;
    size = (size_t)(frame - lowest);
    while (lowest < frame - 256) /* what is nearer may be ours */
        *lowest++ = PAINT;
    return size;
}

/* The allocator was called CALL from the frame here; kept apart so that only the
 * allocator's own frames lie below. */
static __attribute__((noinline)) void *measure(void *unused)
{
    unsigned char *frame = __builtin_frame_address(0);

    touched(frame);
    used[NOTHING] = touched(frame);
    block = malloc(100);
    used[MALLOC] = touched(frame);
    block = realloc(block, 104);
    used[REALLOC] = touched(frame);
    block = realloc(block, 5000);
    used[REALLOC_MOVED] = touched(frame);
    free(block);
    used[FREE] = touched(frame);
    block = calloc(3, 50);
    used[CALLOC] = touched(frame);
    free(block);
    touched(frame);
    block = memalign(64, 200);
    used[MEMALIGN] = touched(frame);
    free(block);
    return unused;
}

static void in_context(void)
{
    measure(NULL);
}

static void paint(void)
{
    stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        exit(1);
    memset(stack, PAINT, STACK_SIZE);
}

static void print(const char *where)
{
    for (int i = MALLOC; i < CALLS; i++)
        printf("%s-%s %zu\n", where, names[i], used[i] > used[NOTHING] ? used[i] : used[NOTHING]);
}

int main(void)
{
    ucontext_t caller;
    ucontext_t callee;
    pthread_attr_t attributes;
    pthread_t thread;

    free(malloc(2000)); /* the first call in a process may do more */

    paint();
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_SIZE);
    if (pthread_create(&thread, &attributes, measure, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    print("thread-cold");

    for (int i = 0; i < 2; i++) {
        paint();
        getcontext(&callee);
        callee.uc_stack.ss_sp = stack;
        callee.uc_stack.ss_size = STACK_SIZE;
        callee.uc_link = &caller;
        makecontext(&callee, in_context, 0);
        swapcontext(&caller, &callee);
        print(i ? "context-warm" : "context-cold");
    }
    return 0;
}
