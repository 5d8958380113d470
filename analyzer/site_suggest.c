#include "site_suggest.h"

#include "suggest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 256
#define NEAR      4096u /* bytes that an address may lie beside a block */

struct search {
    struct suggestion suggestion;
    char word[WORD_SIZE];      /* the nearest so far, in full */
    const char *file;          /* of FILE:LINE; NULL: no line was typed */
    size_t file_length;
    uint64_t line, line_off;   /* how far the nearest line is; UINT64_MAX: none yet */
};

/* Hold WORD against what was typed. What is suggested then is AS. */
static void try(struct search *search, const char *word, const char *as)
{
    const char *before = search->suggestion.nearest;

    suggestion_try(&search->suggestion, word);
    if (search->suggestion.nearest == before)
        return;
    snprintf(search->word, sizeof(search->word), "%s", as);
    search->suggestion.nearest = search->word;
}

/* Functions are named without their parameters, and may be typed without what they are members
 * of. */
static void try_function(struct search *search, const char *function)
{
    size_t length = strcspn(function, "(");
    char name[WORD_SIZE];
    const char *last;

    if (length == 0 || length >= sizeof(name) || strchr(function, '<'))
        return;
    memcpy(name, function, length);
    name[length] = '\0';
    last = strrchr(name, ':');
    try(search, name, name);
    if (last)
        try(search, last + 1, name);
}

/* Lines of the same file go by their distance, not by how they are written. */
static void try_line(struct search *search, const char *file, uint64_t line)
{
    uint64_t off = line > search->line ? line - search->line : search->line - line;

    if (strlen(file) != search->file_length || strncmp(file, search->file, search->file_length) != 0 ||
        off >= search->line_off)
        return;
    search->line_off = off;
    snprintf(search->word, sizeof(search->word), "%s:%" PRIu64, file, line);
    search->suggestion.nearest = search->word;
}

static void try_symbol(struct search *search, const struct symbol *symbol)
{
    char place[WORD_SIZE];
    const char *file;

    if (symbol->function && !search->file)
        try_function(search, symbol->function);
    if (!symbol->file)
        return;
    file = basename(symbol->file);
    if (!search->file) {
        try(search, file, file);
        return;
    }
    try_line(search, file, symbol->line);
    if (search->line_off != UINT64_MAX)
        return;
    snprintf(place, sizeof(place), "%s:%" PRIu32, file, symbol->line);
    try(search, place, place);
}

static bool is_line(const char *typed, struct search *search)
{
    const char *colon = strrchr(typed, ':');

    if (!colon || !isdigit((unsigned char)colon[1]) || colon[1 + strspn(colon + 1, "0123456789")])
        return false;
    search->file = strrchr(typed, '/') ? strrchr(typed, '/') + 1 : typed;
    search->file_length = (size_t)(colon - search->file);
    search->line = strtoull(colon + 1, NULL, 10);
    search->line_off = UINT64_MAX;
    return true;
}

/* The block nearest to ADDRESS. */
static bool suggest_address(const struct heap *heap, uint64_t address, char *buffer, size_t size)
{
    const struct heap_block *nearest = NULL;
    uint64_t least = NEAR;

    for (size_t i = 0; i < heap->block_count; i++) {
        const struct heap_block *block = &heap->blocks[i];
        uint64_t off = address < block->address ? block->address - address
                                                : address - (block->address + block->size) + 1;

        if (off < least) {
            least = off;
            nearest = block;
        }
    }
    if (nearest)
        snprintf(buffer, size, "the nearest block has %" PRIu64 " bytes at 0x%" PRIx64, nearest->size,
                 nearest->address);
    return nearest;
}

bool site_suggest(const struct heap *heap, struct symbols *symbols, const char *typed, char *buffer,
                  size_t size)
{
    struct search search = {.suggestion = {.typed = typed}};
    bool *seen;

    if (strncmp(typed, "0x", 2) == 0)
        return suggest_address(heap, strtoull(typed, NULL, 16), buffer, size);
    if (strchr(typed, '=') || strchr(typed, '*'))
        return false;
    seen = calloc(heap->frame_count + 1, sizeof(*seen));
    if (!seen)
        return false;
    is_line(typed, &search);
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        uint32_t frame = heap->stacks[i].live_blocks > 0 ? heap->stacks[i].frame : 0;

        for (; frame && !seen[frame]; frame = heap->frames[frame].parent) {
            struct symbol_list list = symbols_frame(symbols, frame);

            seen[frame] = true;
            for (size_t j = 0; j < list.count; j++)
                try_symbol(&search, &list.symbols[j]);
        }
    }
    free(seen);
    if (search.suggestion.nearest)
        snprintf(buffer, size, "did you mean '%s'?", search.suggestion.nearest);
    return search.suggestion.nearest;
}
