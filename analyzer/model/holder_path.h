/* holder_path.h - the chain of pointers from a root to some blocks, as links of a report's row.
 *
 * The chains are those of holders.h, or all_paths.h; here they are counted, for the blocks of one
 * row, and put into words.
 */
#ifndef MODEL_HOLDER_PATH_H
#define MODEL_HOLDER_PATH_H

#include "model/all_paths.h"
#include "model/graph.h"
#include "model/holders.h"
#include "model/report.h"
#include "model/site.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdint.h>

struct holder_paths;

/* Find the chains of all blocks in GRAPH, which like SYMBOLS must outlive them. Returns 0 or
 * -ENOMEM. */
int holder_paths_create(const struct graph *graph, struct symbols *symbols,
                        struct holder_paths **out_paths);

/* Free PATHS, which may be NULL. */
void holder_paths_destroy(struct holder_paths *paths);

/* Add the path to the row of REPORT that leads to those of the blocks marked in MEMBERS, a byte for
 * each block, that are reached by STEP of the holders. Returns 0 or -ENOMEM. */
int holder_paths_add(struct holder_paths *paths, const uint8_t *members, uint32_t step,
                     struct report *report);

/* Put what the path that ends with STEP begins with, in a word or two ("global registry", "nobody"),
 * into BUFFER of SIZE bytes; cut if it does not fit. */
void holder_paths_name(const struct holder_paths *paths, uint32_t step, char *buffer, size_t size);

/* Add PATH to the row of REPORT, one of all that there are. Returns 0 or -ENOMEM. */
int holder_paths_add_one(struct holder_paths *paths, const struct all_path *path,
                         struct report *report);

/* The same as holder_paths_name() of the root that has NUMBER among the names; HOLDERS_NONE: nobody. */
void holder_paths_name_root(const struct holder_paths *paths, uint32_t number, char *buffer,
                            size_t size);

/* The sites of all stacks, the holders of all blocks, the names of what is outside the heap. */
const struct sites *holder_paths_sites(const struct holder_paths *paths);
const struct holders *holder_paths_holders(const struct holder_paths *paths);
struct root_names *holder_paths_names(struct holder_paths *paths);

/* Fill in what LINK says about where blocks were allocated. */
void holder_paths_set_site(struct report_link *link, const struct symbol *symbol);

#endif
