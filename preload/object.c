#include "preload/object.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>

#define PAGE ((uintptr_t)4096)

/* The program headers, from the ELF header at the start of the mapping; only the first
 * page of it is known to be readable. */
static void find_headers(struct object *object)
{
    const ElfW(Ehdr) *elf = (const void *)object->start;

    if (object->end - object->start < PAGE || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->e_phentsize != sizeof(ElfW(Phdr)) || elf->e_phoff > PAGE ||
        elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) > PAGE)
        return;
    object->headers = (const void *)(object->start + elf->e_phoff);
    object->header_count = elf->e_phnum;
}

/* The executable's segments may be far apart; then the loader knows each on its own,
 * while the kernel tells where the program headers are. */
static void find_main(struct object *object)
{
    uintptr_t low = UINTPTR_MAX, high = 0;

    object->headers = (const void *)getauxval(AT_PHDR);
    object->header_count = object->headers ? (unsigned)getauxval(AT_PHNUM) : 0;
    for (unsigned i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = object->bias + header->p_vaddr, end = start + header->p_memsz;

        if (header->p_type != PT_LOAD)
            continue;
        low = start < low ? start : low;
        high = end > high ? end : high;
    }
    if (low < high) {
        object->start = low & ~(PAGE - 1);
        object->end = (high + PAGE - 1) & ~(PAGE - 1);
    }
}

bool object_find(uintptr_t address, struct object *out_object)
{
    struct dl_find_object found;

    if (_dl_find_object((void *)address, &found) != 0)
        return false;
    *out_object = (struct object){
        .start = (uintptr_t)found.dlfo_map_start,
        .end = (uintptr_t)found.dlfo_map_end,
        .bias = found.dlfo_link_map->l_addr,
        .is_main = found.dlfo_link_map->l_name[0] == '\0' && !found.dlfo_link_map->l_prev,
        .map = found.dlfo_link_map,
        .frame_header = found.dlfo_eh_frame,
    };
    if (out_object->is_main)
        find_main(out_object);
    else
        find_headers(out_object);
    return true;
}

bool object_is(uintptr_t address, const struct link_map *map, uintptr_t start, uintptr_t end)
{
    struct dl_find_object found;

    return _dl_find_object((void *)address, &found) == 0 && found.dlfo_link_map == map &&
           (uintptr_t)found.dlfo_map_start == start && (uintptr_t)found.dlfo_map_end == end;
}

bool object_segment(const struct object *object, const void *address, const uint8_t **out_start,
                    const uint8_t **out_end)
{
    for (unsigned i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = object->bias + header->p_vaddr;

        if (header->p_type == PT_LOAD && header->p_flags & PF_R &&
            (uintptr_t)address - start < header->p_memsz) {
            *out_start = (const uint8_t *)start;
            *out_end = *out_start + header->p_memsz;
            return true;
        }
    }
    return false;
}
