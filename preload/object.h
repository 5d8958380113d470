/* object.h - what the loader has mapped at an address, in the loader's own words.
 *
 * By _dl_find_object(), which takes no lock and makes no system call; any thread, any
 * time. What is found stays valid as long as the object is loaded; that it is, while
 * object_find() looks, is the caller's to know.
 */
#ifndef PRELOAD_OBJECT_H
#define PRELOAD_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct object {
    uintptr_t start, end; /* all its segments lie in between, perhaps with holes */
    uintptr_t bias;       /* run-time address - address in the ELF file */
    bool is_main;         /* the executable */
    const struct link_map *map;
    const ElfW(Phdr) *headers; /* its program headers, NULL if they can't be had */
    unsigned header_count;
    const uint8_t *frame_header; /* .eh_frame_hdr, NULL: none */
};

/* The object at ADDRESS. False if there is none. */
bool object_find(uintptr_t address, struct object *out_object);

/* Whether MAP is the object at ADDRESS, and all it has mapped goes from START to END.
 * Looks at nothing of the object itself, which another thread may be unloading. */
bool object_is(uintptr_t address, const struct link_map *map, uintptr_t start, uintptr_t end);

/* The segment of OBJECT that ADDRESS lies in, which can be read from *OUT_START to
 * *OUT_END. False if there is none: what is between segments may not be readable. */
bool object_segment(const struct object *object, const void *address, const uint8_t **out_start,
                    const uint8_t **out_end);

#endif
