/* slow_realloc.c - an allocator whose realloc takes its time once the block has moved.
 *
 * It tells what it made of the last block of 4,000 bytes and more.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct slow_realloc_made {
    _Atomic uintptr_t address;
    _Atomic size_t size;
};

extern struct slow_realloc_made slow_realloc_made;
struct slow_realloc_made slow_realloc_made;

void *realloc(void *block, size_t size)
{
    const struct timespec time = {0, 300000};
    void *(*next)(void *, size_t) = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    void *moved = next(block, size);

    if (size >= 4000) {
        atomic_store(&slow_realloc_made.size, size);
        atomic_store(&slow_realloc_made.address, (uintptr_t)moved);
        nanosleep(&time, NULL);
    }
    return moved;
}
