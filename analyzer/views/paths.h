/* paths.h - paths cut to as many of their last parts as tell them apart.
 *
 * Of /src/a/main.c, /src/b/main.c and /src/b/util.c people need a/main.c,
 * b/main.c and util.c. First add all paths that are to be shown, then shorten.
 * The texts stay the caller's and must outlive the paths.
 */
#ifndef VIEWS_PATHS_H
#define VIEWS_PATHS_H

struct paths;

/* Create an empty set. NULL for lack of memory. */
struct paths *paths_create(void);

/* Free PATHS, which may be NULL. */
void paths_destroy(struct paths *paths);

/* Add PATH. Returns 0 or -ENOMEM. */
int paths_add(struct paths *paths, const char *path);

/* Find out how much of each path is needed. */
void paths_shorten(struct paths *paths);

/* The part of PATH, which was added, that tells it from all others: a pointer into
 * it. */
const char *paths_short(const struct paths *paths, const char *path);

#endif
