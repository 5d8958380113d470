#include "model/type_names.h"

#include "model/dwarf_types.h"
#include "model/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct type_name {
    const char *text;
    uint32_t number;
    UT_hash_handle hh;
};

int type_names_init(struct type_names *names)
{
    names->strings = intern_create();
    names->texts = calloc(1, sizeof(*names->texts));
    names->count = names->capacity = 1;
    return names->strings && names->texts ? 0 : -ENOMEM;
}

uint32_t type_names_number(struct type_names *names, const char *text, bool array)
{
    struct dwarf_text both = {.length = 0};
    struct type_name *name;

    dwarf_text_append(&both, array ? "%s[]" : "%s", text);
    text = intern_string(names->strings, both.data);
    HASH_FIND(hh, names->known, &text, sizeof(text), name);
    if (name)
        return name->number;
    if (names->count == names->capacity) {
        size_t capacity = names->capacity < 64 ? 64 : 2 * names->capacity;
        const char **texts = reallocarray(names->texts, capacity, sizeof(*texts));

        if (!texts)
            return 0;
        names->texts = texts;
        names->capacity = capacity;
    }
    name = calloc(1, sizeof(*name));
    if (!text || !name)
        goto fail;
    name->text = text;
    name->number = (uint32_t)names->count;
    HASH_ADD(hh, names->known, text, sizeof(name->text), name);
    if (!name->hh.tbl) /* how uthash says that it found no memory */
        goto fail;
    names->texts[names->count++] = text;
    return name->number;

fail:
    free(name);
    return 0;
}

uint32_t type_names_of_layout(struct type_names *names, uint32_t layout, const char *text,
                              bool array)
{
    size_t at = 2 * (size_t)layout + array;

    if (at >= names->layout_count) {
        size_t count = 2 * at + 256;
        uint32_t *of_layout = reallocarray(names->of_layout, count, sizeof(*of_layout));

        if (!of_layout)
            return type_names_number(names, text, array);
        memset(of_layout + names->layout_count, 0,
               (count - names->layout_count) * sizeof(*of_layout));
        names->of_layout = of_layout;
        names->layout_count = count;
    }
    if (names->of_layout[at] == 0)
        names->of_layout[at] = type_names_number(names, text, array);
    return names->of_layout[at];
}

void type_names_finish(struct type_names *names)
{
    struct type_name *name, *next;

    HASH_ITER(hh, names->known, name, next)
    {
        HASH_DEL(names->known, name);
        free(name);
    }
    intern_destroy(names->strings);
    free(names->texts);
    free(names->of_layout);
}
