/* object.h - objects that count who holds them.
 *
 * An object begins with a struct object and lives until its last reference is
 * released; then its weak references learn of it (weakref.h), its type's finish()
 * lets go of what it owns, and its memory is freed.
 *
 *   struct point {                          ┌──────┬────────────┬───┬───┬───┐
 *       struct object object;               │ type │ references │ x │ y │ z │
 *       double x, y, z;                     └──┼───┴────────────┴───┴───┴───┘
 *   };                                         ▼
 *                                           struct object_type, one for all points
 *
 * The memory comes from the caller's own malloc, so that it is the caller's line
 * that a profiler shows.
 *
 * Threads: references may be taken and released from any; what an object contains
 * is its type's business.
 */
#ifndef SAMPLES_LIB_OBJECT_H
#define SAMPLES_LIB_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct object_type {
    const char *name;
    size_t size;                  /* of the whole structure */
    void (*finish)(void *object); /* let go of what OBJECT owns, not of OBJECT; may be NULL */
    size_t weakrefs_offset;       /* of the member `struct weakref *weakrefs`; 0: there is none,
                                   * and no weak reference can be made */
};

struct object {
    const struct object_type *type;
    atomic_size_t references;
};

/* Make MEMORY, which malloc returned for TYPE's size, an object of TYPE: zeroes but for
 * the header, with one reference that is the caller's. Returns MEMORY, also if NULL. */
void *object_init(void *memory, const struct object_type *type);

/* One more reference to OBJECT, for a caller who has or borrows one. Returns OBJECT. */
void *object_retain(void *object);

/* The same for a caller who has none and keeps OBJECT's memory in place by other
 * means; false if the last reference is gone. */
bool object_retain_if_alive(void *object);

/* Give a reference back. OBJECT may be NULL. */
void object_release(void *object);

/* How many hold OBJECT at the moment. */
size_t object_references(const void *object);

#endif
