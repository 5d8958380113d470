/* weak_reference.c - an object, a weak reference to it, and a callback at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/cacheable_config.h"
#include "samples/lib/weakref.h"
#include "samples/measure.h"
#include "samples/must.h"

static void show(const char *moment, struct weakref *weak)
{
    struct cacheable_config *config = weakref_get(weak);

    if (config)
        printf("%s: CacheableConfig('%s', '%s')\n", moment, config->key, config->value);
    else
        printf("%s: gone\n", moment);
    object_release(config);
}

static void on_finalize(struct weakref *weak, void *data)
{
    (void)weak;
    printf("callback: %s is gone\n", (const char *)data);
}

int main(void)
{
    struct footprint alive = {0};
    struct footprint dead = {0};
    struct cacheable_config *config;
    struct weakref *weak;

    puts("an object and a weak reference to it");
    measure_begin();
    config = cacheable_config_new("app.name", "MyApp");
    weak = must(weakref_new(config, on_finalize, (void *)"app.name"));

    show("before", weak);
    cacheable_config_footprint(config, &alive);
    footprint_add(&alive, weak, sizeof *weak);
    measure_show("alive", &alive);

    puts("releasing the only strong reference");
    object_release(config);
    show("after", weak);
    footprint_add(&dead, weak, sizeof *weak);
    measure_show("dead", &dead);

    object_release(weak);
    return EXIT_SUCCESS;
}
