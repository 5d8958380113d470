/* built_heap.h - what a snapshot builder describes, as a heap. */
#ifndef BUILT_HEAP_H
#define BUILT_HEAP_H

#include "unit.h"

#include "model/heap.h"
#include "snapshot_builder.h"

#include <stdbool.h>
#include <stdlib.h>

/* Parse what BUILDER describes, which is destroyed, as heap_parse() or heap_parse_with_edges(). */
static inline int built_heap_parse(struct snapshot_builder *builder, bool with_edges,
                                   struct heap **out_heap, struct error *error)
{
    size_t size;
    void *data = snapshot_builder_finish(builder, &size);
    int result = with_edges ? heap_parse_with_edges(data, size, "x.hds", out_heap, error)
                            : heap_parse(data, size, "x.hds", out_heap, error);

    snapshot_builder_destroy(builder);
    free(data);
    return result;
}

/* The same of what must be good, with its edges. */
static inline struct heap *built_heap(struct snapshot_builder *builder)
{
    struct error error = {.text = "untouched"};
    struct heap *heap = NULL;

    if (built_heap_parse(builder, true, &heap, &error) != 0)
        fail_msg("refused: %s", error.text);
    assert_string_equal(error.text, "untouched");
    return heap;
}

#endif
