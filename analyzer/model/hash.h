/* hash.h - numbers for texts that stay the same from run to run (FNV-1a, 64 bits). */
#ifndef MODEL_HASH_H
#define MODEL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BEGIN 0xcbf29ce484222325u

/* HASH, continued by SIZE bytes at DATA. */
static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* HASH, continued by TEXT and a mark of its end, so that "ab", "c" differs from "a", "bc". */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = hash_bytes(hash, text, 1);
    return hash_bytes(hash, "\xff", 1);
}

#endif
