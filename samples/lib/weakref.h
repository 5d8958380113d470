/* weakref.h - references that do not keep their object alive.
 *
 * A weak reference leads to its object, the target, as long as somebody else holds
 * that; afterwards it leads nowhere. It is an object itself: object_release() it.
 *
 *   holder ──▶ weakref ┄┄┄┄▶ target { …, weakrefs }
 *                 ▲                          │       for the target to find them
 *                 └──────────────────────────┘       when it dies; no reference
 *
 * A type allows weak references by a member `struct weakref *weakrefs`, whose
 * offset it names: 8 bytes in each object, as Python's `__weakref__` slot.
 *
 * Threads: any may do anything at any time; a weakref_get() that races with the
 * target's last release has a reference or NULL, never a dying object. All weak
 * references share one lock, which is never held during a callback.
 */
#ifndef SAMPLES_LIB_WEAKREF_H
#define SAMPLES_LIB_WEAKREF_H

#include "samples/lib/object.h"

struct weakref;

/* Called once when the target of REF is dead, by the thread that released it last, and
 * only if REF is still held then. weakref_get(REF) is already NULL. */
typedef void (*weakref_callback)(struct weakref *ref, void *data);

struct weakref {
    struct object object;
    struct object *target; /* NULL: dead */
    weakref_callback callback;
    void *data;
    struct weakref *next;  /* the target's list */
    struct weakref **link; /* what points to us in that list; NULL: we are not in it */
};

/* A weak reference to TARGET, which the caller holds and whose type allows it.
 * CALLBACK may be NULL; DATA is passed to it and must live as long as it may be
 * called. Returns NULL if there is no memory. */
struct weakref *weakref_new(void *target, weakref_callback callback, void *data);

/* The same for a structure that begins with a struct weakref: MEMORY becomes an object
 * of TYPE, whose finish() must call weakref_finish(). MEMORY may be NULL. */
void *weakref_init(void *memory, const struct object_type *type, void *target,
                   weakref_callback callback, void *data);
void weakref_finish(void *ref);

/* The target of REF, with a reference that is the caller's; NULL if it is dead. */
void *weakref_get(struct weakref *ref);

/* OBJECT has lost its last reference: its weak references lead nowhere from now on, and
 * their callbacks are called. For object_release() only. */
void weakrefs_clear(struct object *object);

#endif
