/* modules.h - what is mapped where: executable and shared objects that frames lie in.
 *
 * A module is found when the first address in it is seen (object.h, without a lock);
 * its build-id and segments are read from its own mapped headers. Numbers count from 1
 * and are never given to another module; one that is unloaded stays known, and gets its
 * number back if it is loaded again at the same place.
 *
 * modules_find() is for one thread at a time (the trie's lock), modules_check()
 * for a closed gate. Memory comes from the arena; on lack of it a module is unknown.
 */
#ifndef PRELOAD_MODULES_H
#define PRELOAD_MODULES_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULES_BUILD_ID_MAX 32

struct module_segment {
    uintptr_t address;
    size_t size;
    uint64_t file_offset;
    uint32_t flags; /* PF_R, PF_W, PF_X */
};

struct module {
    uintptr_t start, end, bias;
    const struct link_map *link_map; /* to notice that it went */
    const char *path;
    const struct module_segment *segments;
    uint32_t segment_count;
    uint32_t generation;
    uint32_t flags; /* enum snapshot_module_flags */
    size_t tls_size; /* of its thread-local variables; 0: none */
    uint32_t build_id_size;
    uint8_t build_id[MODULES_BUILD_ID_MAX];
    uintptr_t build_id_address; /* where it was read */
};

/* The number of the module at ADDRESS, 0: none. Sets *OUT_BACK if it was unloaded
 * before. */
uint32_t modules_find(uintptr_t address, bool *out_back);

/* Whether module NUMBER is loaded. */
bool modules_loaded(uint32_t number);

/* Look which modules are gone. Returns whether any has gone since the last time. */
bool modules_check(void);

/* How many there are; module NUMBER (from 1). */
uint32_t modules_count(void);
const struct module *modules_get(uint32_t number);

#endif
