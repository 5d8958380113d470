/* A block in each kind of memory that can hold one. Prints, for each, its size, by which it
 * is known, the class it must have at exit, and where it is held. The blocks are made and
 * left by functions of their own, and what these leave on the stack is wiped. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))
#define PAGE  4096

static void *volatile in_variable;
static void *volatile chain;
static void *volatile inside;
static void *volatile overwritten;
static __thread void *volatile in_thread_variable;
static pthread_key_t keys[40];
static volatile int ready;
static int count;

/* A new block, of a size of its own. */
static APART void **make(const char *class, const char *where)
{
    size_t size = 1000 + 16 * (size_t)count++;

    printf("%zu %s %s\n", size, class, where);
    return calloc(1, size);
}

static APART void wipe(void)
{
    volatile char stack[8192];

    memset((char *)stack, 0, sizeof stack);
}

static APART void in_variables(void)
{
    void *volatile *link;

    in_variable = make("still_reachable", "variable");
    in_thread_variable = make("still_reachable", "thread-local");
    link = make("still_reachable", "chain");
    chain = (void *)link;
    *link = make("still_reachable", "chain-2");
    link = *link;
    *link = make("still_reachable", "chain-3");
    inside = (char *)make("possibly_lost", "inside") + 16;
}

static APART void in_keys(void)
{
    for (int i = 0; i < 40; i++)
        pthread_key_create(&keys[i], NULL);
    pthread_setspecific(keys[5], make("still_reachable", "key"));
    pthread_setspecific(keys[39], make("still_reachable", "high-key"));
}

static APART void lost(void)
{
    void *volatile *one, *volatile *other;

    overwritten = make("definitely_lost", "overwritten");
    overwritten = NULL;
    one = make("cycle", "cycle");
    other = make("cycle", "cycle-2");
    *one = (void *)other;
    *other = (void *)one;
    one = calloc(1, 400);
    one[20] = make("definitely_lost", "free-chunk");
    free((void *)one);
}

static void *run_and_end(void *unused)
{
    void *volatile here[64];

    (void)unused;
    for (int i = 0; i < 64; i++)
        here[i] = NULL;
    here[32] = make("definitely_lost", "ended-thread");
    return here[32] ? NULL : unused;
}

static void *wait_with_stack(void *unused)
{
    void *volatile here = make("still_reachable", "thread-stack");

    (void)unused;
    ready++;
    for (;;)
        pause();
    return here;
}

/* The block is in one register only, and the thread does not stop. */
static void *spin_with_register(void *unused)
{
    (void)unused;
    __asm__ volatile("movq %0, %%r13\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%ebx, %%ebx\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     :
                     : "a"(make("still_reachable", "register")), "m"(ready)
                     : "rbx", "rcx", "r13", "memory");
    return NULL;
}

static void *spin_with_vector(void *unused)
{
    (void)unused;
    __asm__ volatile("movq %0, %%xmm0\n\t"
                     "pslldq $8, %%xmm0\n\t"
                     "movdqa %%xmm0, %%xmm7\n\t"
                     "pxor %%xmm0, %%xmm0\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     :
                     : "a"(make("still_reachable", "vector")), "m"(ready)
                     : "xmm0", "xmm7", "memory");
    return NULL;
}

static APART void in_threads(void)
{
    void *(*const functions[])(void *) = { wait_with_stack, spin_with_register, spin_with_vector };
    pthread_t thread;

    pthread_create(&thread, NULL, run_and_end, NULL);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, functions[i], NULL);
        while (ready <= i)
            ;
    }
}

static APART void in_mapping(const char *class, const char *where, int flags, int file, int then)
{
    void **page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, file, 0);

    page[100] = make(class, where);
    mprotect(page, PAGE, then);
}

static APART void in_mappings(void)
{
    char name[] = "holders.XXXXXX";
    int file = mkstemp(name);

    if (file < 0 || ftruncate(file, PAGE) < 0)
        exit(1);
    unlink(name);
    in_mapping("still_reachable", "mapping", MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE);
    in_mapping("still_reachable", "shared", MAP_SHARED | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE);
    in_mapping("still_reachable", "file", MAP_PRIVATE, file, PROT_READ | PROT_WRITE);
    in_mapping("still_reachable", "read-only-file", MAP_PRIVATE, file, PROT_READ);
    in_mapping("definitely_lost", "forbidden", MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_NONE);
}

/* A file that is mapped, but not there any more: a look at it would be the end. */
static APART void gone(void)
{
    char name[] = "holders.XXXXXX";
    int file = mkstemp(name);

    if (file < 0 || ftruncate(file, 4 * PAGE) < 0)
        exit(1);
    unlink(name);
    mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (ftruncate(file, 0) < 0)
        exit(1);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    in_variables();
    wipe();
    in_keys();
    wipe();
    lost();
    wipe();
    in_threads();
    wipe();
    in_mappings();
    wipe();
    gone();
    wipe();
    return 0;
}
