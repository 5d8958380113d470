#include "preload/real.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>


struct real real;
bool real_is_glibc;
uintptr_t real_stack_end;

char boot[BOOT_SIZE] __attribute__((aligned(64)));
static _Atomic size_t boot_used;

/* Whether FUNCTION lies in glibc itself. */
static bool in_glibc(const void *function)
{
    struct dl_find_object object;
    const char *name;

    if (_dl_find_object((void *)(uintptr_t)function, &object) != 0)
        return false;
    name = strrchr(object.dlfo_link_map->l_name, '/');
    return name && strcmp(name, "/libc.so.6") == 0;
}

void real_find(void)
{
    struct real found;
    const uintptr_t *stack_end = dlsym(RTLD_DEFAULT, "__libc_stack_end");

#define FIND(name) *(void **)&found.name = dlsym(RTLD_NEXT, #name);
    HOOKS_WITH_REAL(FIND)
#undef FIND
    real = found;
    real_stack_end = stack_end ? *stack_end : 0;
    real_is_glibc = in_glibc(*(void **)&real.malloc);
}

/* A block has its size in the word before it. */
void *boot_alloc(size_t size, size_t alignment)
{
    size_t used = atomic_load_explicit(&boot_used, memory_order_relaxed), begin;

    if (alignment < 16)
        alignment = 16;
    do {
        begin = (used + sizeof size + alignment - 1) & ~(alignment - 1);
        if (alignment > 64 || size > BOOT_SIZE || begin > BOOT_SIZE - size)
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&boot_used, &used, begin + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    memcpy(boot + begin - sizeof size, &size, sizeof size);
    return boot + begin;
}

void boot_range(uintptr_t *out_start, uintptr_t *out_end)
{
    *out_start = (uintptr_t)boot;
    *out_end = *out_start + atomic_load_explicit(&boot_used, memory_order_relaxed);
}

size_t boot_size(const void *block)
{
    size_t size;

    memcpy(&size, (const char *)block - sizeof size, sizeof size);
    return size;
}
