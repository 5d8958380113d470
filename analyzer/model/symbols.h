/* symbols.h - what a program address means: function, file, line.
 *
 * Looks into the modules of a heap, by libdw, lazily: a module's file is opened
 * when the first address in it is asked for, and each address is resolved once.
 * A file whose build-id differs from the one recorded in the snapshot is not
 * used. Separate debug files are found by build-id below /usr/lib/debug, or by the
 * name that the module has for them, beside it.
 *
 * The answers are owned by the symbols and live as long. Not thread-safe.
 */
#ifndef MODEL_SYMBOLS_H
#define MODEL_SYMBOLS_H

#include "model/heap.h"

#include <stdbool.h>
#include <stddef.h>

/* One line of a traceback. An address that lies in inlined code yields several,
 * newest (innermost) first; `inlined` is set on all but the last. */
struct symbol {
    const char *function; /* demangled; NULL: unknown */
    const char *linker_name; /* the same, not demangled */
    const char *file;     /* as the debug info has it, made absolute; NULL: unknown */
    uint32_t line;        /* 0: unknown */
    bool inlined;
    const char *module; /* file name of the module without directories; NULL: none */
    uint64_t offset;    /* address in the module's ELF file; without module: as it ran */
    /* "MODULE(FUNCTION)" or "MODULE+0xOFFSET": the name of the place when `file`
     * is NULL; never NULL itself. */
    const char *place;
};

struct symbol_list {
    const struct symbol *symbols;
    size_t count; /* at least 1 */
};

/* How much of a module can be named. */
enum symbols_source {
    SYMBOLS_UNREAD = 0,  /* nobody asked yet */
    SYMBOLS_LINES,       /* debug info with lines */
    SYMBOLS_FUNCTIONS,   /* a symbol table only */
    SYMBOLS_NONE,        /* stripped */
    SYMBOLS_MISSING,     /* the file is gone or unreadable */
    SYMBOLS_OTHER_BUILD, /* the file is there, but of another build-id */
};

struct symbols_status {
    enum symbols_source source;
    const char *debug_package; /* of Debian, has the lines: "libc6-dbg"; NULL: unknown */
};

/* Create symbols for HEAP, which must outlive them. */
struct symbols *symbols_create(const struct heap *heap);

/* Look for separate debug files below DIRECTORY, which must outlive SYMBOLS, instead of
 * /usr/lib/debug. To be called before anything is asked. */
void symbols_set_debug_directory(struct symbols *symbols, const char *directory);

/* Go over to NEWER, a later snapshot of the same run of a program, which must outlive SYMBOLS then
 * in place of the heap so far. Answers stay. Returns 0; -EINVAL: it is none; or -ENOMEM. */
int symbols_follow(struct symbols *symbols, const struct heap *newer);

/* Free SYMBOLS, which may be NULL, with all answers they gave. */
void symbols_destroy(struct symbols *symbols);

/* What FRAME (an index in heap->frames, not 0) means. Never fails: what can't be
 * found out is unknown. */
struct symbol_list symbols_frame(struct symbols *symbols, uint32_t frame);

/* The same of ADDRESS, inside an instruction, in MODULE (an index in heap->modules plus 1; 0:
 * in none). */
struct symbol_list symbols_address(struct symbols *symbols, uint32_t module, uint64_t address);

/* The files that MODULE (an index in heap->modules) is read from, each NULL if there is none;
 * they stay those of SYMBOLS. */
struct symbols_files {
    struct Elf *main, *debug; /* the one that ran, the separate one with debug info */
    struct Dwarf *dwarf;
};
struct symbols_files symbols_files(struct symbols *symbols, size_t module);

/* The source FILE that debug info names, relative to DIRECTORY if it is, in the form that
 * symbols have it. NULL if FILE is, or for lack of memory. */
const char *symbols_source(struct symbols *symbols, const char *file, const char *directory);

/* What is known of MODULE (an index in heap->modules); opens its file if needed. */
struct symbols_status symbols_module(struct symbols *symbols, size_t module);

#endif
