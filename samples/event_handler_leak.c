/* event_handler_leak.c - a registry that never lets go.
 *
 *   event_handler_leak [HANDLERS]      (default 1000)
 *
 * Each event gets a handler of its own, which is used once and released. But the
 * class keeps a list of all its handlers, and each entry of that list is a
 * reference too: no handler is ever freed. Nothing is lost in the sense of a leak
 * checker, for every handler can still be reached through `handlers`; the
 * program just grows with each event.
 *
 *   handlers ──▶ ┌─────┬─────┬─────┬───
 *                │  ●  │  ●  │  ●  │  …
 *                └──┼──┴──┼──┴──┼──┴───
 *                   ▼     ▼     ▼
 *                event_handler { name, callbacks, references = 1 }
 *
 * event_handler_weakref.c is the same program, mended. Two snapshots, `before`
 * and `after`, are taken where heapdelta is loaded; without it nothing happens.
 */
#include <stdio.h>
#include <stdlib.h>

#include "preload/heapdelta.h"

typedef void (*callback_function)(const char *event);

struct event_handler {
    char *name;
    callback_function *callbacks;
    size_t callback_count;
    size_t references; /* who drops the last one frees the handler */
};

/* The registry: every handler there is. */
static struct event_handler **handlers;
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

/* Enter HANDLER in the registry, which takes a reference. */
static void registry_add(struct event_handler *handler)
{
    if (handler_count == handler_capacity)
        registry_reserve(2 * handler_capacity);
    handler->references++; /* the leak: nobody ever drops this one */
    handlers[handler_count++] = handler;
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

/* Let every handler there is know of EVENT. */
static void registry_fire(const char *event)
{
    for (size_t i = handler_count; i-- > 0;)
        event_handler_fire(handlers[i], event);
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
        event_handler_release(handler); /* done with it, we think */
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
