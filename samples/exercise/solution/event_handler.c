/* event_handler.c - the exercise, mended by weak references.
 *
 *   event_handler [ROUNDS]      (default 10)
 *
 * The registry still finds all handlers there are, but holds none of them. When a handler
 * loses its last user it goes, and its weak reference leaves the registry with it:
 *
 *   registry ──▶ weakref ┄┄┄┄▶ handler ◀── its users
 *      ▲                          ┊ dies
 *      └──── registry_forget() ◀┄┄┘
 *
 * Compare with ../event_handler.c: what differs is the repair.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/heapdelta.h"
#include "samples/lib/object.h"
#include "samples/lib/weakref.h"
#include "samples/must.h"

typedef void (*callback_function)(const char *event);

struct event_handler {
    struct object object;
    struct weakref *weakrefs;
    char *name;
    callback_function *callbacks;
    size_t callback_count;
};

/* All handlers there are, for event_handler_fire_all(). */
static struct weakref **registry;
static size_t registry_count;
static size_t registry_capacity;

/* What the program tells of itself at its end. */
static size_t handlers_created;
static size_t handlers_freed;
static size_t events_heard;

static void registry_reserve(size_t capacity)
{
    registry = must(realloc(registry, capacity * sizeof *registry));
    registry_capacity = capacity;
}

/* The handler of REF is dead: REF leaves the registry, whose last one fills the gap. The
 * search begins at the end, for most handlers do not grow old. */
static void registry_forget(struct weakref *ref, void *data)
{
    size_t i = registry_count - 1;

    (void)data;
    while (registry[i] != ref)
        i--;
    registry[i] = registry[--registry_count];
    object_release(ref);
}

static void registry_add(struct event_handler *handler)
{
    if (registry_count == registry_capacity)
        registry_reserve(2 * registry_capacity);
    registry[registry_count++] = must(weakref_new(handler, registry_forget, NULL));
}

static void event_handler_finish(void *object)
{
    struct event_handler *handler = object;

    free(handler->name);
    free(handler->callbacks);
    handlers_freed++;
}

static const struct object_type event_handler_type = {
    .name = "event_handler",
    .size = sizeof(struct event_handler),
    .finish = event_handler_finish,
    .weakrefs_offset = offsetof(struct event_handler, weakrefs),
};

/* A new handler, entered in the registry. The caller lets it go with object_release(). */
static struct event_handler *event_handler_new(const char *name)
{
    struct event_handler *handler = must(malloc(sizeof *handler));

    object_init(handler, &event_handler_type);
    handler->name = must(strdup(name));
    handlers_created++;
    registry_add(handler);
    return handler;
}

/* Let HANDLER call CALLBACK, after those it calls already. */
static void event_handler_register(struct event_handler *handler, callback_function callback)
{
    size_t size = (handler->callback_count + 1) * sizeof callback;

    handler->callbacks = must(realloc(handler->callbacks, size));
    handler->callbacks[handler->callback_count++] = callback;
}

/* Let HANDLER hear of EVENT. */
static void event_handler_fire(struct event_handler *handler, const char *event)
{
    for (size_t i = 0; i < handler->callback_count; i++)
        handler->callbacks[i](event);
}

/* Let all handlers there are hear of EVENT. A callback may let handlers go or create some,
 * which changes the registry, so the way is through a copy of it. */
static void event_handler_fire_all(const char *event)
{
    size_t count = registry_count;
    struct weakref **refs = must(malloc((count + 1) * sizeof *refs));

    for (size_t i = 0; i < count; i++)
        refs[i] = object_retain(registry[i]);
    for (size_t i = 0; i < count; i++) {
        struct event_handler *handler = weakref_get(refs[i]);

        if (handler)
            event_handler_fire(handler, event);
        object_release(handler);
        object_release(refs[i]);
    }
    free(refs);
}

static void count_event(const char *event)
{
    if (event[0] != '\0')
        events_heard++;
}

/* A round: 1000 events, each with a handler that is needed only for this one. */
static void process_events(void)
{
    for (int i = 0; i < 1000; i++) {
        struct event_handler *handler;
        char name[32];
        char event[32];

        snprintf(name, sizeof name, "handler_%d", i);
        snprintf(event, sizeof event, "event_%d", i);
        handler = event_handler_new(name);
        event_handler_register(handler, count_event);
        event_handler_fire(handler, event);
        object_release(handler);
    }
}

/* How many hear of EVENT. */
static size_t hear(const char *event)
{
    size_t before = events_heard;

    event_handler_fire_all(event);
    return events_heard - before;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 10;
    struct event_handler *server;

    printf("%d rounds of 1000 events\n", rounds);
    registry_reserve(16);
    server = event_handler_new("server");
    event_handler_register(server, count_event);

    heapdelta_take_snapshot("round_0");
    for (int round = 1; round <= rounds; round++) {
        char label[32];

        process_events();
        snprintf(label, sizeof label, "round_%d", round);
        heapdelta_take_snapshot(label);
    }

    printf("events heard          %zu\n", events_heard);
    printf("handlers created      %zu\n", handlers_created);
    printf("handlers alive        %zu\n", handlers_created - handlers_freed);
    printf("shutdown is heard by  %zu\n", hear("shutdown"));
    object_release(server);
    printf("and afterwards by     %zu\n", hear("too late"));
    free(registry); /* with the leak this would have been the handlers' last trace */
    return EXIT_SUCCESS;
}
