/* suppressions.h - leaks that are known: which stacks are not to be told of.
 *
 * Two languages, also in one file, line by line:
 *
 *   leak:PATTERN          LeakSanitizer: PATTERN is anywhere in the name of a function, a source
 *                         file or a module of the stack; `*` any text, `^` its begin, `$` its end
 *   {                     valgrind's memcheck:
 *      NAME
 *      Memcheck:Leak
 *      match-leak-kinds: definite,possible      of the classes of graph.h; without it all
 *      fun:PATTERN        a frame each, the newest first: function, as demangled or as linked,
 *      obj:PATTERN        … module, by its path,
 *      src:FILE:LINE      … source, FILE by its last parts
 *      ...                … any number of frames
 *   }
 *
 * In the latter `*` and `?` are as in the shell. memcheck sees malloc as a frame, which is not in our
 * stacks: a first frame that can be it stands for it. Entries of other tools and of other errors are
 * read, and never match. `#` begins a comment line.
 *
 * Each entry counts what it suppressed.
 */
#ifndef MODEL_SUPPRESSIONS_H
#define MODEL_SUPPRESSIONS_H

#include "model/error.h"
#include "model/graph.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct suppressions;

struct suppression {
    const char *name;   /* the pattern, or valgrind's name of the entry */
    const char *origin; /* where it was read */
    unsigned line;
    bool is_for_leaks;  /* false: it is of another tool or of another error */
    uint64_t stacks, blocks, bytes; /* that it suppressed */
};

/* Create a list that suppresses nothing. NULL for lack of memory. */
struct suppressions *suppressions_create(void);

/* Free SUPPRESSIONS, which may be NULL. */
void suppressions_destroy(struct suppressions *suppressions);

/* Add what the file PATH has. Returns 0, or -errno and ERROR; -EINVAL if it is malformed, with the line
 * and the reason. Nothing is added then. */
int suppressions_read(struct suppressions *suppressions, const char *path, struct error *error);

/* The same of the SIZE bytes at TEXT, which are of ORIGIN. */
int suppressions_parse(struct suppressions *suppressions, const char *text, size_t size,
                       const char *origin, struct error *error);

/* Does an entry match STACK of HEAP, whose blocks are of CLASS? The first one counts it, and BLOCKS and
 * BYTES. */
bool suppressions_match(struct suppressions *suppressions, const struct heap *heap,
                        struct symbols *symbols, uint32_t stack, enum graph_class class,
                        uint64_t blocks, uint64_t bytes);

/* How many entries there are, and the one at INDEX. */
size_t suppressions_count(const struct suppressions *suppressions);
const struct suppression *suppressions_get(const struct suppressions *suppressions, size_t index);

/* Does TEXT match PATTERN as LeakSanitizer has it? */
bool suppressions_match_template(const char *pattern, const char *text);

/* Is SYMBOL an operator new or new[]? */
bool suppressions_is_new(const struct symbol *symbol);

#endif
