#include "samples/lib/weakref.h"

#include <pthread.h>
#include <stdlib.h>

static const struct object_type weakref_type = {
    .name = "weakref",
    .size = sizeof(struct weakref),
    .finish = weakref_finish,
};

/* Guards the lists of all objects, and target, next and link of all weak references. An
 * object whose list can still be reached under it has not been freed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Where OBJECT keeps its list of weak references. */
static struct weakref **list_of(struct object *object)
{
    return (struct weakref **)((char *)object + object->type->weakrefs_offset);
}

static void enter(struct weakref **list, struct weakref *ref)
{
    ref->next = *list;
    if (ref->next)
        ref->next->link = &ref->next;
    ref->link = list;
    *list = ref;
}

static void leave(struct weakref *ref)
{
    *ref->link = ref->next;
    if (ref->next)
        ref->next->link = ref->link;
    ref->next = NULL;
    ref->link = NULL;
}

void *weakref_init(void *memory, const struct object_type *type, void *target,
                   weakref_callback callback, void *data)
{
    struct weakref *ref = object_init(memory, type);

    if (!ref)
        return NULL;
    ref->target = target;
    ref->callback = callback;
    ref->data = data;
    pthread_mutex_lock(&lock);
    enter(list_of(target), ref);
    pthread_mutex_unlock(&lock);
    return ref;
}

struct weakref *weakref_new(void *target, weakref_callback callback, void *data)
{
    return weakref_init(malloc(sizeof(struct weakref)), &weakref_type, target, callback, data);
}

void weakref_finish(void *object)
{
    struct weakref *ref = object;

    pthread_mutex_lock(&lock);
    if (ref->link)
        leave(ref);
    pthread_mutex_unlock(&lock);
}

void *weakref_get(struct weakref *ref)
{
    struct object *target;

    /* A target whose count is 0 already waits for the lock in weakrefs_clear(): its
     * memory is still there to look at. */
    pthread_mutex_lock(&lock);
    target = ref->target;
    if (target && !object_retain_if_alive(target))
        target = NULL;
    pthread_mutex_unlock(&lock);
    return target;
}

void weakrefs_clear(struct object *object)
{
    struct weakref **list = list_of(object);
    struct weakref *called = NULL;
    struct weakref **end = &called;

    pthread_mutex_lock(&lock);
    while (*list) {
        struct weakref *ref = *list;

        leave(ref);
        ref->target = NULL;
        /* held until its callback has returned, unless it is dying, too */
        if (ref->callback && object_retain_if_alive(ref)) {
            *end = ref;
            end = &ref->next;
        }
    }
    pthread_mutex_unlock(&lock);

    while (called) {
        struct weakref *ref = called;

        called = ref->next;
        ref->callback(ref, ref->data);
        object_release(ref);
    }
}
