#include "model/loader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int loader_no_memory(const struct loader *loader)
{
    return error_set(loader->error, -ENOMEM, "%s: not enough memory to load the snapshot",
                     loader->sections->path);
}

int loader_allocate(const struct loader *loader, size_t count, size_t size, void *out_array)
{
    void *array = calloc(count > 0 ? count : 1, size);

    if (!array)
        return loader_no_memory(loader);
    *(void **)out_array = array;
    return 0;
}

int loader_string(const struct loader *loader, enum snapshot_kind kind, size_t at, uint32_t offset,
                  const char **out_string)
{
    if (offset >= loader->owned->strings_size)
        return DAMAGE(loader, kind, at, "there is no string %" PRIu32, offset);
    *out_string = loader->owned->strings + offset;
    return 0;
}

struct cursor cursor_at(const struct loader *loader, enum snapshot_kind kind)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[kind];

    return (struct cursor){
        .kind = kind,
        .begin = payload->data,
        .at = payload->data,
        .end = payload->data + payload->size,
    };
}

int cursor_end(const struct loader *loader, const struct cursor *cursor)
{
    if (cursor->at == cursor->end)
        return 0;
    return DAMAGE(loader, cursor->kind, (size_t)(cursor->at - cursor->begin),
                  "bytes behind its last record");
}
