/* The series: by point, what changed since the one before. */
#include "builder_parts.h"

#include "format/varint.h"

#include <stdlib.h>

/* What a stack held at the point before. */
struct held {
    uint64_t stack, bytes, blocks;
};

/* Find STACK in LIST, or add it as one that holds nothing. */
static struct held *find_held(struct snapshot_bytes *list, uint64_t stack)
{
    struct held fresh = {.stack = stack};
    size_t count = list->size / sizeof(fresh);

    for (size_t i = 0; i < count; i++) {
        if (((struct held *)list->data)[i].stack == stack)
            return (struct held *)list->data + i;
    }
    builder_bytes_add(list, &fresh, sizeof(fresh));
    return (struct held *)list->data + count;
}

void builder_put_series(const struct snapshot_builder *builder, struct snapshot_build *build)
{
    const uint64_t *point = (const uint64_t *)builder->points.data;
    const uint64_t *change = (const uint64_t *)builder->changes.data;
    size_t count = builder->points.size / (2 * sizeof(*point));
    struct snapshot_bytes payload = {0}, list = {0};
    uint64_t time = 0;

    for (size_t i = 0; i < count; i++, point += 2) {
        uint64_t stack = 0;

        builder_bytes_add_varint(&payload, varint_delta(point[0], time));
        builder_bytes_add_varint(&payload, point[1]);
        time = point[0];
        for (size_t j = 0; j < point[1]; j++, change += 3) {
            struct held *held = find_held(&list, change[0]);

            builder_bytes_add_varint(&payload, change[0] - stack);
            builder_bytes_add_varint(&payload, varint_delta(change[1], held->bytes));
            builder_bytes_add_varint(&payload, varint_delta(change[2], held->blocks));
            *held = (struct held){change[0], change[1], change[2]};
            stack = change[0];
        }
    }
    builder_put_section(builder, build, SNAPSHOT_SERIES, SNAPSHOT_VARINT, count, &payload);
    free(payload.data);
    free(list.data);
}
