/* filter.h - which blocks count, and which of their frames is the newest.
 *
 * A pattern is [domain=N,][all-frames,][file=|function=|module=]PATTERN[:LINE], domain=N
 * alone, [domain=N,]thread=PATTERN: of the function that the thread began with, of its name, or
 * its id, of which the last two are known where threads are told apart; or [domain=N,]type=PATTERN,
 * of the block. PATTERN is a shell pattern (text_matches(); `*` matches `/` too) for the whole name or,
 * of a file, for its last parts: `app.c` and `src/ap*` match /home/me/src/app.c. A frame
 * without line information has the file MODULE(FUNCTION) or MODULE+0xOFFSET, and line 0.
 *
 * A block is kept if any inclusive pattern matches (or there is none) and no
 * exclusive pattern does, as Python's tracemalloc has it. Patterns look at the
 * newest frame that is not skipped; with all-frames an inclusive or exclusive
 * pattern matches if it matches any frame. With a domain the block must be of it, too.
 *
 * A type is that of the block, as types.h finds it, and of no frame.
 *
 * In the manner of tracemalloc no frame is skipped, a pattern is for the whole name of a file,
 * and .pyc stands for .py.
 *
 * Skipped are frames that allocate for somebody else: operator new, strdup,
 * g_malloc, xmalloc and the like, and, unless modules are looked for, the C++ standard
 * library. They are passed over only when the newest frame is looked for; a traceback
 * shows them.
 *
 * A filter holds copies of its patterns. Once filled it is read-only.
 */
#ifndef MODEL_FILTER_H
#define MODEL_FILTER_H

#include "model/error.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter;

/* What is known of a block besides its frames. */
struct filter_owner {
    uint32_t domain;                   /* 0: the allocator */
    uint32_t tid;                      /* 0: not known */
    const char *thread_name;           /* NULL: not known */
    const struct symbol *thread_start; /* what the thread began with; NULL: not known */
    const char *type;                  /* of the block; NULL: not known */
};

enum filter_kind {
    FILTER_INCLUDE,
    FILTER_EXCLUDE,
    FILTER_SKIP, /* here PATTERN without a prefix is a function */
};

/* Create a filter that keeps every block and skips the known wrappers of malloc.
 * NULL for lack of memory. */
struct filter *filter_create(void);

/* Free FILTER, which may be NULL. */
void filter_destroy(struct filter *filter);

/* Add the pattern TEXT. Returns 0; -EINVAL for an empty pattern or an unknown
 * prefix, said in ERROR; -ENOMEM. */
int filter_add(struct filter *filter, enum filter_kind kind, const char *text, struct error *error);

/* Let all inclusive and exclusive patterns look at all frames. */
void filter_look_at_all_frames(struct filter *filter);

/* Let FILTER work in the manner of tracemalloc. */
void filter_follow_tracemalloc(struct filter *filter);

/* Are there inclusive or exclusive patterns at all? */
bool filter_has_patterns(const struct filter *filter);

/* Must filter_keeps() be given all frames of a stack? Otherwise the newest does. */
bool filter_wants_all_frames(const struct filter *filter);

/* Must filter_keeps() be told of the thread? */
bool filter_wants_threads(const struct filter *filter);
/* Are there patterns about types? */
bool filter_wants_types(const struct filter *filter);

/* Is SYMBOL to be passed over when the newest frame is looked for? */
bool filter_skips(const struct filter *filter, const struct symbol *symbol);

/* Is SYMBOL a function of the C++ standard library, as the inner workings of containers
 * are? These are passed over as well where the newest frame is to be a line or a function,
 * but not where it is to be a module. */
bool filter_is_standard(const struct symbol *symbol);

/* Is a block of OWNER (NULL: the allocator, in a thread that is not known) with the COUNT frames at
 * SYMBOLS, at least 1, kept? NEWEST is what of them counts as the newest; if it is all that is
 * given, COUNT is 1. */
bool filter_keeps(const struct filter *filter, const struct filter_owner *owner,
                  const struct symbol *newest, const struct symbol *const *symbols, size_t count);

#endif
