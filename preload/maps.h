/* maps.h - what is mapped in this process, read from /proc, and what of it can be looked at.
 *
 * No look faults: what is not readable, gone, or a device is not touched; of private
 * memory only the pages that were written to are, since the others hold nothing of the
 * program's; shared memory is copied by the kernel. For a process that nothing else changes:
 * the copy-on-write image (image.h). Memory comes from the arena.
 */
#ifndef PRELOAD_MAPS_H
#define PRELOAD_MAPS_H

#include "preload/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum area_flags {
    AREA_READ = 1,
    AREA_WRITE = 2,
    AREA_EXECUTE = 4,
    AREA_SHARED = 8,
    AREA_FILE = 16,    /* of a file, and not only in memory */
    AREA_STACK = 32,   /* of the main thread */
    AREA_HEAP = 64,    /* what brk() gave */
    AREA_HIDDEN = 128, /* a device, or the kernel's own: not to be looked at */
    AREA_OWN = 256,    /* the arena's: nothing of the program's, whatever was there before */
};

struct area {
    uintptr_t start, end;
    uint32_t flags;
    const char *name; /* as /proc has it */
};

struct maps {
    struct buffer text, areas; /* areas: struct area, by address */
    uint32_t count;
    uint32_t last;             /* the area looked at last */
    long page_file;            /* /proc/self/pagemap; negative: can't be had */
    long memory_file;          /* /proc/self/mem, if it was needed; 0: not yet */
    uint64_t *pages;           /* room to look at some pages */
    uintptr_t first_page;      /* of what maps_count() has read into it … */
    size_t page_count;         /* … and how many these are */
    uint64_t *copy;
    bool unswapped;            /* nothing is swapped out */
    uint64_t skipped;          /* bytes that could not be read */
};

/* Read MAPS, zeroed memory, of this process; or of the process PID, to be looked at with
 * maps_area(), maps_find() and maps_count() alone, and with nothing marked as the arena's. 0 or the
 * error. */
int maps_read(struct maps *maps);
int maps_read_of(struct maps *maps, uint32_t pid);

/* From START to END there are RESIDENT bytes that a copy of the process has not, or, if WIPED, has as
 * zeros: the program wants it so (MADV_DONTFORK, MADV_WIPEONFORK). */
typedef void maps_withheld(void *context, uintptr_t start, uintptr_t end, uint64_t resident,
                           bool wiped);

/* Visit all such memory that would be looked at. FILE is the process's /proc/PID/smaps, opened
 * before it was copied, for the copy can't tell; it is closed. */
void maps_find_withheld(long file, maps_withheld *visit, void *context);

/* What of some memory is there. */
struct maps_counts {
    uint64_t mapped, resident, swapped; /* bytes */
};

/* Add to COUNTS what is there from START to END, whole pages of one area. False, and nothing is
 * added but to `mapped`, if that can't be had. OWN: it is private memory, of no file, of the calling
 * process. Then mincore() tells as much in a tenth of the time, if nothing is swapped out. */
bool maps_count(struct maps *maps, uintptr_t start, uintptr_t end, bool own,
                struct maps_counts *counts);

/* Give the memory and descriptors of MAPS back. */
void maps_finish(struct maps *maps);

static inline const struct area *maps_area(const struct maps *maps, uint32_t number)
{
    return (const struct area *)maps->areas.data + number;
}

/* The area that ADDRESS lies in; NULL if there is none. */
const struct area *maps_find(const struct maps *maps, uintptr_t address);

/* Whether the SIZE bytes at ADDRESS lie in memory that can be read directly. */
bool maps_readable(const struct maps *maps, uintptr_t address, size_t size);

/* COUNT words that are at ADDRESS, to be read at WORDS. */
typedef void maps_visit(void *context, uintptr_t address, const uint64_t *words, size_t count);

/* Visit the words from START to END, in ascending pieces. Returns how many bytes were looked
 * at, or need not be. */
uint64_t maps_look(struct maps *maps, uintptr_t start, uintptr_t end, maps_visit *visit,
                   void *context);

#endif
