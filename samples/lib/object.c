#include "samples/lib/object.h"

#include <stdlib.h>
#include <string.h>

#include "samples/lib/weakref.h"

void *object_init(void *memory, const struct object_type *type)
{
    struct object *object = memory;

    if (!object)
        return NULL;
    memset(object, 0, type->size);
    object->type = type;
    atomic_init(&object->references, 1);
    return object;
}

void *object_retain(void *memory)
{
    struct object *object = memory;

    atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    return object;
}

bool object_retain_if_alive(void *memory)
{
    struct object *object = memory;
    size_t references = atomic_load_explicit(&object->references, memory_order_relaxed);

    while (references > 0)
        if (atomic_compare_exchange_weak_explicit(&object->references, &references, references + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

void object_release(void *memory)
{
    struct object *object = memory;

    /* What other threads did to the object before they released it comes before its end. */
    if (!object ||
        atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) > 1)
        return;
    if (object->type->weakrefs_offset)
        weakrefs_clear(object);
    if (object->type->finish)
        object->type->finish(object);
    free(object);
}

size_t object_references(const void *memory)
{
    const struct object *object = memory;

    return atomic_load_explicit(&object->references, memory_order_relaxed);
}
