#include "cfi_fixture.h"

#include "unit.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((uintptr_t)4096)

/* Set the bounds of FIXTURE's CFI: the segment of HEADER in the library mapped at ELF. */
static void find_segment(struct cfi_fixture *fixture, const ElfW(Ehdr) *elf)
{
    const ElfW(Phdr) *segments = (const void *)((const char *)elf + elf->e_phoff);

    for (int i = 0; i < elf->e_phnum; i++) {
        uint8_t *start = (uint8_t *)elf + segments[i].p_vaddr;
        uint8_t *end = start + segments[i].p_memsz;

        if (segments[i].p_type == PT_LOAD && fixture->header >= start && fixture->header < end) {
            fixture->cfi = fixture->header;
            fixture->end = end;
        }
    }
}

void cfi_fixture_load(struct cfi_fixture *fixture, const char *path)
{
    struct dl_find_object object;
    uintptr_t first;
    size_t size;

    fixture->handle = dlopen(path, RTLD_NOW);
    assert_non_null(fixture->handle);
    assert_int_equal(_dl_find_object(dlsym(fixture->handle, "blank"), &object), 0);
    fixture->header = object.dlfo_eh_frame;
    fixture->cfi = NULL;
    find_segment(fixture, object.dlfo_map_start);
    assert_non_null(fixture->cfi);
    first = (uintptr_t)fixture->cfi & ~(PAGE - 1);
    size = (uintptr_t)fixture->end - first;
    assert_int_equal(mprotect((void *)first, size, PROT_READ | PROT_WRITE), 0);
}

uintptr_t cfi_fixture_symbol(const struct cfi_fixture *fixture, const char *symbol)
{
    void *address = dlsym(fixture->handle, symbol);

    assert_non_null(address);
    return (uintptr_t)address;
}

uint8_t *cfi_fixture_fde(const struct cfi_fixture *fixture, uintptr_t address)
{
    uint32_t count;
    int32_t entry[2];

    memcpy(&count, fixture->header + 8, sizeof(count));
    for (uint32_t i = 0; i < count; i++) {
        memcpy(entry, fixture->header + 12 + i * sizeof(entry), sizeof(entry));
        if ((uintptr_t)fixture->header + (uintptr_t)(intptr_t)entry[0] == address)
            return fixture->header + entry[1];
    }
    fail_msg("the fixture has no such function");
    return NULL;
}

uint8_t *cfi_fixture_program(const struct cfi_fixture *fixture, uintptr_t address)
{
    static const uint8_t mark[] = { 0x2e, 0x2a, 0x2e, 0x55, 0x2e, 0x2a };
    uint8_t *found = memmem(cfi_fixture_fde(fixture, address), 64, mark, sizeof(mark));

    assert_non_null(found);
    return found + sizeof(mark);
}
