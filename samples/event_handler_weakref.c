/* event_handler_weakref.c - event_handler_leak.c, mended by weak references.
 *
 *   event_handler_weakref [HANDLERS]      (default 1000)
 *
 * The registry still finds every handler there is, but it keeps none alive: it
 * holds weak references. A weak reference knows its handler as long as that
 * lives; when the last real reference is dropped the handler goes, and tells its
 * weak reference, which leaves the registry.
 *
 *   handlers ──▶ ┌─────┬─────┬───
 *                │  ●  │  ●  │  …
 *                └──┼──┴──┼──┴───
 *                   ▼     ▼
 *                weak_reference { handler, slot }
 *                   ┊ ▲      does not count
 *                   ▼ │
 *                event_handler { name, callbacks, references, weak }
 *
 * Compare the two files: what differs is the repair. The snapshots `before` and
 * `after` are taken at the same places.
 */
#include <stdio.h>
#include <stdlib.h>

#include "preload/heapdelta.h"

typedef void (*callback_function)(const char *event);

struct event_handler {
    char *name;
    callback_function *callbacks;
    size_t callback_count;
    size_t references;           /* who drops the last one frees the handler */
    struct weak_reference *weak; /* the registry's; does not count */
};

/* Leads to a handler without keeping it alive. */
struct weak_reference {
    struct event_handler *handler;
    size_t slot; /* its place in the registry */
};

/* The registry: every handler there is. */
static struct weak_reference **handlers;
static size_t handler_count;
static size_t handler_capacity;

/* The truth that is printed at the end. */
static size_t handlers_created;
static size_t handlers_freed;
static size_t events_seen;

static void out_of_memory(void)
{
    fputs("out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

/* Make room for CAPACITY handlers in the registry. */
static void registry_reserve(size_t capacity)
{
    handlers = realloc(handlers, capacity * sizeof *handlers);
    if (!handlers)
        out_of_memory();
    handler_capacity = capacity;
}

/* Enter HANDLER in the registry, which takes only a weak reference. */
static void registry_add(struct event_handler *handler)
{
    struct weak_reference *weak = malloc(sizeof *weak);

    if (!weak)
        out_of_memory();
    if (handler_count == handler_capacity)
        registry_reserve(2 * handler_capacity);
    *weak = (struct weak_reference){.handler = handler, .slot = handler_count};
    handler->weak = weak;
    handlers[handler_count++] = weak;
}

/* The handler of WEAK is gone: WEAK leaves the registry, whose last entry moves
 * into the gap. */
static void registry_forget(struct weak_reference *weak)
{
    handlers[weak->slot] = handlers[--handler_count];
    handlers[weak->slot]->slot = weak->slot;
    free(weak);
}

/* A new handler called handler_NUMBER. The caller holds a reference to it and
 * drops it with event_handler_release(). */
static struct event_handler *event_handler_new(size_t number)
{
    struct event_handler *handler = malloc(sizeof *handler);
    size_t size = (size_t)snprintf(NULL, 0, "handler_%zu", number) + 1;
    char *name = malloc(size);

    if (!handler || !name)
        out_of_memory();
    snprintf(name, size, "handler_%zu", number);
    *handler = (struct event_handler){.name = name, .references = 1};
    handlers_created++;
    registry_add(handler);
    return handler;
}

static void event_handler_release(struct event_handler *handler)
{
    if (--handler->references > 0)
        return;
    handler->weak->handler = NULL;
    registry_forget(handler->weak);
    free(handler->callbacks);
    free(handler->name);
    free(handler);
    handlers_freed++;
}

/* Let HANDLER call CALLBACK, after those it calls already. */
static void event_handler_register(struct event_handler *handler, callback_function callback)
{
    size_t size = (handler->callback_count + 1) * sizeof *handler->callbacks;

    handler->callbacks = realloc(handler->callbacks, size);
    if (!handler->callbacks)
        out_of_memory();
    handler->callbacks[handler->callback_count++] = callback;
}

static void event_handler_fire(const struct event_handler *handler, const char *event)
{
    for (size_t i = 0; i < handler->callback_count; i++)
        handler->callbacks[i](event);
}

/* Let every handler there is know of EVENT. All are held until the last one knows, for a
 * callback may drop the last other reference, which changes the registry. */
static void registry_fire(const char *event)
{
    size_t count = handler_count;
    struct event_handler **held = malloc((count + 1) * sizeof *held);

    if (!held)
        out_of_memory();
    for (size_t i = 0; i < count; i++) {
        held[i] = handlers[i]->handler;
        held[i]->references++;
    }
    for (size_t i = 0; i < count; i++) {
        event_handler_fire(held[i], event);
        event_handler_release(held[i]);
    }
    free(held);
}

static void count_event(const char *event)
{
    if (event[0] != '\0')
        events_seen++;
}

/* COUNT events, each with a handler that is needed only for this one. */
static void process_events(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct event_handler *handler = event_handler_new(i);
        char event[32];

        snprintf(event, sizeof event, "event_%zu", i);
        event_handler_register(handler, count_event);
        event_handler_fire(handler, event);
        event_handler_release(handler); /* the last reference: it goes */
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    size_t count = argc > 1 ? strtoul(argv[1], &end, 10) : 1000;

    if (argc > 2 || (end && (end == argv[1] || *end != '\0'))) {
        fprintf(stderr, "usage: %s [HANDLERS]\n", argv[0]);
        return EXIT_FAILURE;
    }
    registry_reserve(16);
    printf("processing %zu events\n", count); /* also gives stdout its buffer, before `before` */

    heapdelta_take_snapshot("before");
    process_events(count);
    heapdelta_take_snapshot("after");

    size_t alive = handlers_created - handlers_freed;
    size_t seen = events_seen;

    registry_fire("shutdown");
    printf("events seen       %zu\n", seen);
    printf("shutdown seen by  %zu\n", events_seen - seen);
    printf("handlers created  %zu\n", handlers_created);
    printf("handlers freed    %zu\n", handlers_freed);
    printf("handlers alive    %zu, %zu bytes each, %zu bytes together\n", alive,
           sizeof(struct event_handler), alive * sizeof(struct event_handler));
    return EXIT_SUCCESS;
}
