/* glibc.h - where glibc keeps what belongs to a thread, and its allocator's own memory.
 *
 * What it tells debuggers (the symbols _thread_db_*, made for libthread_db), and where there
 * is no symbol, what memory looks like: each such guess is checked against what must hold.
 */
#ifndef PRELOAD_GLIBC_H
#define PRELOAD_GLIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread's area, at its thread pointer TP (x86-64: variables lie below):
 *
 *     TP - static_size          TP                       TP + descriptor_size
 *       │ thread-local variables │ tcb, dtv, self, … tid … keys │
 *
 * The offsets are from TP. */
struct glibc_layout {
    bool known;
    size_t static_size, descriptor_size;
    size_t tid;          /* of the thread, a uint32_t; 0 once it has ended */
    size_t dtv;          /* pointer to the table of its modules' areas, of 16 bytes each */
    size_t keys;         /* pointers to tables of keys, the first of them in the descriptor */
    size_t key_tables;   /* how many */
    size_t modid;        /* in a struct link_map: the number of the module in the dtv */
};

extern const struct glibc_layout *const glibc_layout;

/* Find it. Takes the loader lock: call once, at the first event. */
void glibc_find(void);

#define GLIBC_KEYS_IN_TABLE 32u /* each a sequence number and the value, 16 bytes */
#define GLIBC_TCB_ALIGNMENT 64u

/* The stack and all of the memory that the thread at TP was given by pthread_create(). False
 * if it has none of that: the main thread. */
bool glibc_thread_memory(uintptr_t tp, uintptr_t *out_start, uintptr_t *out_end);

/* A heap of an arena that is not the main one begins at a multiple of this. */
#define GLIBC_HEAP_ALIGNMENT ((uintptr_t)64 << 20)

/* Whether HEAP, readable, of which SIZE bytes can be written to, is such a heap. Returns how
 * many bytes are its own, 0: it is none. */
size_t glibc_heap_size(uintptr_t heap, size_t size);

/* Where the main heap ends behind its CHUNK, which has been given out or not, and what the program
 * took by sbrk() begins; LIMIT if that does not begin before. ARENA is the main one. Looks at nothing
 * beyond LIMIT, whatever the chunks say. */
uintptr_t glibc_heap_end(uintptr_t arena, uintptr_t chunk, uintptr_t limit);

/* The chunk behind that of BLOCK, which the main heap gave out, not below LOW, where BLOCK ends. LIMIT
 * if the size of the chunk, which the program may have written over, leads elsewhere. */
uintptr_t glibc_next_chunk(uintptr_t block, uintptr_t low, uintptr_t limit);

/* Find the main arena's lists of free chunks among the SIZE bytes of writable data at DATA,
 * which are glibc's. False if they are not there. */
bool glibc_find_main_arena(uintptr_t data, size_t size, uintptr_t *out_start, uintptr_t *out_end);

#endif
