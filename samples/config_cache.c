/* config_cache.c - the plainest cache: a variable that holds what was loaded once.
 *
 *   config_cache [DIRECTORY]      where agents.conf and quality_rules.conf are looked for
 *
 * It is simple and it works, and it holds what it has for ever, unless somebody clears
 * it. A file that is missing is not an error: then there are defaults.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/lib/footprint.h"
#include "samples/lib/object.h"
#include "samples/measure.h"
#include "samples/must.h"

struct setting {
    char *key;
    char *value;
};

struct config {
    struct object object;
    size_t count;
    struct setting *settings;
};

/* The caches. */
static struct config *agents_config_cache;
static struct config *quality_rules_cache;

static const char *config_directory = ".";

static void config_finish(void *object)
{
    struct config *config = object;

    for (size_t i = 0; i < config->count; i++) {
        free(config->settings[i].key);
        free(config->settings[i].value);
    }
    free(config->settings);
}

static const struct object_type config_type = {
    .name = "config",
    .size = sizeof(struct config),
    .finish = config_finish,
};

static struct config *config_new(void)
{
    return must(object_init(malloc(sizeof(struct config)), &config_type));
}

static void config_add(struct config *config, const char *key, const char *value)
{
    size_t size = (config->count + 1) * sizeof *config->settings;

    config->settings = must(realloc(config->settings, size));
    config->settings[config->count++] =
        (struct setting){.key = must(strdup(key)), .value = must(strdup(value))};
}

static void config_footprint(const struct config *config, struct footprint *footprint)
{
    footprint_add(footprint, config, sizeof *config);
    footprint_add(footprint, config->settings, config->count * sizeof *config->settings);
    for (size_t i = 0; i < config->count; i++) {
        footprint_add_string(footprint, config->settings[i].key);
        footprint_add_string(footprint, config->settings[i].value);
    }
}

/* Read NAME.conf, lines of the form KEY = VALUE. Returns NULL if there is no such file. */
static struct config *load_config(const char *name)
{
    struct config *config;
    char path[4096];
    char line[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.conf", config_directory, name);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    config = config_new();
    while (fgets(line, sizeof line, file)) {
        char key[256];
        char value[256];

        if (sscanf(line, " %255[^= ] = %255[^\n]", key, value) == 2 && key[0] != '#')
            config_add(config, key, value);
    }
    fclose(file);
    return config;
}

static struct config *default_agents_config(void)
{
    struct config *config = config_new();

    config_add(config, "max_agents", "4");
    config_add(config, "timeout", "30");
    return config;
}

static struct config *default_quality_rules(void)
{
    struct config *config = config_new();

    config_add(config, "max_line_length", "100");
    return config;
}

/* What CACHE holds, loaded now if it is empty; the caller gets a reference of its own and
 * so keeps what it has, also when the cache is cleared. */
static struct config *load_cached(struct config **cache, const char *name,
                                  struct config *(*defaults)(void))
{
    if (!*cache) {
        *cache = load_config(name);
        printf("%s: %s\n", name, *cache ? "loaded from file" : "no file, defaults");
        if (!*cache)
            *cache = defaults();
    } else {
        printf("%s: from the cache\n", name);
    }
    return object_retain(*cache);
}

static struct config *load_agents_config(void)
{
    return load_cached(&agents_config_cache, "agents", default_agents_config);
}

static struct config *load_quality_rules(void)
{
    return load_cached(&quality_rules_cache, "quality_rules", default_quality_rules);
}

/* Let the caches go, for tests or to load changed files. */
static void clear_config_cache(void)
{
    object_release(agents_config_cache);
    object_release(quality_rules_cache);
    agents_config_cache = NULL;
    quality_rules_cache = NULL;
}

static void show(const struct config *config)
{
    for (size_t i = 0; i < config->count; i++)
        printf("    %s = %s\n", config->settings[i].key, config->settings[i].value);
}

int main(int argc, char **argv)
{
    struct footprint both = {0};
    struct footprint agents_only = {0};
    struct config *agents, *again, *rules;

    if (argc > 1)
        config_directory = argv[1];
    puts("two configurations, loaded when they are asked for");
    measure_begin();

    agents = load_agents_config();
    show(agents);
    rules = load_quality_rules();
    show(rules);
    again = load_agents_config();
    printf("same object: %s\n", agents == again ? "yes" : "no");
    object_release(again);
    object_release(rules);
    config_footprint(agents_config_cache, &both);
    config_footprint(quality_rules_cache, &both);
    measure_show("loaded", &both);

    puts("clearing the caches; one configuration is still in use");
    clear_config_cache();
    config_footprint(agents, &agents_only);
    measure_show("cleared", &agents_only);
    object_release(agents);
    measure_show("released", &(struct footprint){0});
    return EXIT_SUCCESS;
}
