#include "views/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* NAME without what would end a frame or a line. */
static void print_name(FILE *out, const char *name)
{
    for (; *name; name++) {
        if (*name == ';')
            fputc(':', out);
        else
            fputc((unsigned char)*name < ' ' ? ' ' : *name, out);
    }
}

int folded_print(FILE *out, const struct profile *profile, enum profile_value value)
{
    uint32_t *way = calloc(profile->node_count, sizeof(*way));

    if (!way)
        return -ENOMEM;
    for (uint32_t i = 1; i < profile->node_count; i++) {
        uint64_t number = profile_own(profile, i, 0, value);
        size_t length = 0;

        if (number == 0)
            continue;
        for (uint32_t node = i; node; node = profile->nodes[node].parent)
            way[length++] = node;
        while (length > 0) {
            print_name(out, profile->frames[profile->nodes[way[--length]].frame].name);
            fputc(length > 0 ? ';' : ' ', out);
        }
        fprintf(out, "%" PRIu64 "\n", number);
    }
    free(way);
    return 0;
}
