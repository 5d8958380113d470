#include "model/suppression_text.h"

#include "model/suppressions.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 24 /* older versions of valgrind take no more */

static const char *const kinds[] = {
    [GRAPH_DEFINITELY_LOST] = "definite",
    [GRAPH_INDIRECTLY_LOST] = "indirect",
    [GRAPH_POSSIBLY_LOST] = "possible",
    [GRAPH_STILL_REACHABLE] = "reachable",
};

/* NAME, as far as it is a line. */
static void print_line(FILE *out, const char *prefix, const char *name)
{
    fputs(prefix, out);
    for (; *name; name++)
        fputc((unsigned char)*name < ' ' ? '?' : *name, out);
    fputc('\n', out);
}

/* Write the frame of SYMBOL, in the module PATH or in none. */
static void print_frame(FILE *out, const struct symbol *symbol, const char *path)
{
    /* What jumps to operator new is that for memcheck: new[]. */
    if (suppressions_is_new(symbol))
        fputs("   fun:_Zn?m*\n", out);
    else if (symbol->linker_name)
        print_line(out, "   fun:", symbol->linker_name);
    else
        print_line(out, "   obj:", path ? path : "*");
}

char *suppression_text(const struct heap *heap, struct symbols *symbols, uint32_t stack,
                       enum graph_class class, const char *name)
{
    unsigned count = 0;
    bool in_main = false; /* behind which valgrind shows no more */
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print_line(out, "{\n   ", *name ? name : "<no name>");
    fprintf(out, "   Memcheck:Leak\n   match-leak-kinds: %s\n", kinds[class]);
    for (uint32_t frame = heap->stacks[stack].frame; frame && count < FRAMES_MAX && !in_main;
         frame = heap->frames[frame].parent) {
        uint32_t module = heap->frames[frame].module;
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count && count < FRAMES_MAX; i++) {
            if (count == 0 && !suppressions_is_new(&list.symbols[i])) {
                fputs("   fun:*alloc*\n", out); /* which is none of our frames */
                count++;
            }
            print_frame(out, &list.symbols[i], module ? heap->modules[module - 1].path : NULL);
            count++;
            in_main |= list.symbols[i].function && strcmp(list.symbols[i].function, "main") == 0;
        }
    }
    if (count == 0)
        fputs("   fun:*alloc*\n", out);
    fputs("}\n", out);
    return fclose(out) == 0 ? text : NULL;
}
