#include "format/checksum.h"

#include <string.h>

#define MULTIPLIER 0x9e3779b97f4a7c15u /* 2^64 over the golden ratio, odd */

static uint64_t mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * MULTIPLIER;
    return state ^ (state >> 32);
}

void checksum_init(struct checksum *sum)
{
    sum->state = 0;
    sum->length = 0;
    sum->pending = 0;
}

void checksum_add(struct checksum *sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    size_t i = 0;

    for (; i < size && sum->length % 8 != 0; i++) {
        sum->pending |= (uint64_t)bytes[i] << (sum->length++ % 8 * 8);
        if (sum->length % 8 == 0) {
            sum->state = mix(sum->state, sum->pending);
            sum->pending = 0;
        }
    }
    for (; size - i >= 8; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, 8);
        sum->state = mix(sum->state, word);
        sum->length += 8;
    }
    for (; i < size; i++)
        sum->pending |= (uint64_t)bytes[i] << (sum->length++ % 8 * 8);
}

uint64_t checksum_value(const struct checksum *sum)
{
    return mix(mix(sum->state, sum->pending), sum->length);
}
