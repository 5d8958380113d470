#include "views/fields.h"

#include "views/utf8.h"

#include <errno.h>
#include <stdlib.h>

int fields_init(struct fields *fields)
{
    *fields = (struct fields){0};
    fields->stream = open_memstream(&fields->data, &fields->size);
    return fields->stream ? 0 : -ENOMEM;
}

void fields_finish(struct fields *fields)
{
    if (fields->stream)
        fclose(fields->stream);
    free(fields->data);
    free(fields->starts);
}

void fields_begin(struct fields *fields)
{
    if (fields->count == fields->room) {
        size_t room = fields->room ? fields->room * 2 : 64;
        size_t *starts = reallocarray(fields->starts, room, sizeof(*starts));

        if (!starts) {
            fields->failed = true;
            return;
        }
        fields->starts = starts;
        fields->room = room;
    }
    if (fields->count > 0)
        fputc('\0', fields->stream);
    fields->starts[fields->count++] = (size_t)ftell(fields->stream);
}

int fields_end(struct fields *fields)
{
    bool failed = ferror(fields->stream) || fields->failed;

    failed |= fclose(fields->stream) != 0;
    fields->stream = NULL;
    return failed ? -ENOMEM : 0;
}

const char *fields_get(const struct fields *fields, size_t number)
{
    return fields->data + fields->starts[number];
}

size_t *fields_measure(const struct fields *fields, size_t per_row)
{
    size_t *widths = calloc(per_row + 1, sizeof(*widths));

    for (size_t i = 0; widths && i < fields->count; i++) {
        size_t width = utf8_width(fields_get(fields, i));

        if (width > widths[i % per_row])
            widths[i % per_row] = width;
    }
    return widths;
}

void fields_print_spaces(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}
