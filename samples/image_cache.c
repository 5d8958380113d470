/* image_cache.c - pictures that are loaded once for all who show them, and go with the
 * last of these: an exercise, solved.
 *
 *   image_cache
 *
 * The cache holds no picture itself. It knows at most MAX_SIZE; for a further one it
 * forgets the one it has known longest, which lives on with whoever shows it, but is
 * loaded again for the next who asks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/lib/weak_value_dict.h"
#include "samples/measure.h"
#include "samples/must.h"

struct image {
    struct object object;
    struct weakref *weakrefs;
    char *name;
    size_t width, height;
    unsigned char *pixels; /* 4 bytes each */
};

static void image_finish(void *object)
{
    struct image *image = object;

    free(image->name);
    free(image->pixels);
}

static const struct object_type image_type = {
    .name = "image",
    .size = sizeof(struct image),
    .finish = image_finish,
    .weakrefs_offset = offsetof(struct image, weakrefs),
};

static size_t image_pixel_bytes(const struct image *image)
{
    return 4 * image->width * image->height;
}

/* "Load" NAME: make a grey picture. */
static struct image *image_load(const char *name)
{
    struct image *image = must(object_init(malloc(sizeof(struct image)), &image_type));

    image->name = must(strdup(name));
    image->width = 64;
    image->height = 48;
    image->pixels = must(malloc(image_pixel_bytes(image)));
    memset(image->pixels, 0x80, image_pixel_bytes(image));
    return image;
}

static void image_footprint(const struct image *image, struct footprint *footprint)
{
    footprint_add(footprint, image, sizeof *image);
    footprint_add_string(footprint, image->name);
    footprint_add(footprint, image->pixels, image_pixel_bytes(image));
}

#define IMAGE_CACHE_UNLIMITED SIZE_MAX

struct image_cache {
    struct weak_value_dict *images;
    size_t max_size; /* 0: nothing is remembered */
    size_t hits;
    size_t misses;
};

typedef struct image *(*image_loader)(const char *name);

/* The picture NAME, by LOADER if it is not known, with a reference for the caller. */
static struct image *image_cache_get_or_load(struct image_cache *cache, const char *name,
                                             image_loader loader)
{
    struct image *image = weak_value_dict_get(cache->images, name);

    if (image) {
        cache->hits++;
        return image;
    }
    cache->misses++;
    image = loader(name);
    if (cache->max_size == 0)
        return image;
    if (weak_value_dict_count(cache->images) >= cache->max_size)
        weak_value_dict_remove_oldest(cache->images);
    must_succeed(weak_value_dict_set(cache->images, name, image));
    return image;
}

/* Bytes of all pictures that CACHE knows, as far as the pictures know themselves. */
static size_t image_cache_memory(const struct image_cache *cache)
{
    size_t count;
    void **images = must(weak_value_dict_values(cache->images, &count));
    struct footprint footprint = {0};

    for (size_t i = 0; i < count; i++) {
        image_footprint(images[i], &footprint);
        object_release(images[i]);
    }
    free(images);
    return footprint.requested;
}

static void image_cache_show(const struct image_cache *cache)
{
    printf("hits %zu, misses %zu, size %zu, pictures take %zu bytes\n", cache->hits,
           cache->misses, weak_value_dict_count(cache->images), image_cache_memory(cache));
}

/* Show COUNT different pictures on a screen, then again, in a cache with MAX_SIZE. */
static void run(size_t max_size, size_t count, const char *label)
{
    struct image_cache cache = {.images = must(weak_value_dict_new()), .max_size = max_size};
    struct image **screen = must(calloc(2 * count, sizeof *screen));
    struct footprint own = {0};

    for (size_t i = 0; i < 2 * count; i++) {
        char name[32];

        snprintf(name, sizeof name, "photo_%zu.jpg", i % count);
        screen[i] = image_cache_get_or_load(&cache, name, image_load);
    }
    image_cache_show(&cache);

    footprint_add(&own, screen, 2 * count * sizeof *screen);
    weak_value_dict_footprint(cache.images, &own);
    for (size_t i = 0; i < 2 * count; i++)
        if (i < count || screen[i] != screen[i - count]) /* loaded twice, or the same */
            image_footprint(screen[i], &own);
    measure_show(label, &own);

    for (size_t i = 0; i < 2 * count; i++)
        object_release(screen[i]);
    image_cache_show(&cache);
    free(screen);
    object_release(cache.images);
}

int main(void)
{
    puts("20 pictures, each shown twice, no limit:");
    measure_begin();
    run(IMAGE_CACHE_UNLIMITED, 20, "unlimited");
    puts("the same, 100 at most:");
    run(100, 20, "limit_100");
    puts("the same, 5 at most: each is forgotten before it is shown again");
    run(5, 20, "limit_5");
    puts("the same, none at all:");
    run(0, 20, "limit_0");
    measure_show("end", &(struct footprint){0});
    return EXIT_SUCCESS;
}
