/* real.h - the allocator below us, and what serves the calls before it is found.
 *
 * Looking functions up may itself allocate. Such calls are served from a small
 * static arena, whose pointers the hooks recognise by boot_owns() for good: they
 * are never given to the real allocator.
 */
#ifndef PRELOAD_REAL_H
#define PRELOAD_REAL_H

#include "preload/hooks.h"
#include "preload/ours.h"

#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REAL_MEMBER(name) __typeof__(&name) name;

struct real {
    HOOKS_WITH_REAL(REAL_MEMBER)
};

/* The functions; all NULL until real_find(). */
extern OURS struct real real;

/* Whether the real malloc is glibc's, whose block headers real_usable_size() knows. */
extern OURS bool real_is_glibc;

/* Where ld.so found the stack of the process to begin; 0 if it does not say. */
extern uintptr_t real_stack_end;

/* Look the functions up. Takes the loader lock: call once, at the first event. */
void real_find(void);

/* The usable size of BLOCK, which glibc's malloc gave out. Reads the word before it. */
static inline size_t real_usable_size(const void *block)
{
    const size_t *words = block;
    size_t header;

    __asm__("" : "+r"(words)); /* the compiler knows of a block from malloc that it begins there */
    header = words[-1];
    if (__builtin_expect(header & 2, false)) /* mapped on its own */
        return (header & ~(size_t)7) - 16;
    return (header & ~(size_t)7) - 8;
}

/* SIZE bytes of the static arena, zeroed, aligned to ALIGNMENT (a power of two); NULL
 * if it is full. Never given back. */
void *boot_alloc(size_t size, size_t alignment);

#define BOOT_SIZE ((size_t)64 * 1024)
extern OURS char boot[BOOT_SIZE];

/* Whether BLOCK came from boot_alloc(). */
static inline bool boot_owns(const void *block)
{
    return __builtin_expect((uintptr_t)block - (uintptr_t)boot < BOOT_SIZE, false);
}

/* Where the blocks from boot_alloc() lie. */
void boot_range(uintptr_t *out_start, uintptr_t *out_end);

/* How many bytes BLOCK, from boot_alloc(), has. */
size_t boot_size(const void *block);

#endif
