/* top.h - a process that is watched: looked at now and again, and shown as a report.
 *
 * What `heapdelta top` does, whether it draws a screen (top_screen.c) or prints (cmd_top.c).
 */
#ifndef TOP_H
#define TOP_H

#include "model/error.h"
#include "model/group_key.h"
#include "model/report.h"
#include "model/sampler.h"
#include "model/watch.h"
#include "model/watch_names.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TOP_FILTER_SIZE 64

struct top {
    const struct options *options;
    struct sampler sampler;
    struct heap *heap; /* of the last look; NULL: none yet */
    struct symbols *symbols;
    struct watch *watch;
    uint64_t looked; /* when the watch was told the last heap, by our monotonic clock */
    uint64_t time;   /* ns since 1970: of the last look, */
    uint64_t elapsed; /* … by the process's own clock, since tracing began */
    struct watch_names *names[GROUP_KEYS]; /* made when first asked for */

    /* How it is shown. */
    enum group_key key;
    enum watch_order order;
    char filter[TOP_FILTER_SIZE]; /* of names; empty: all */

    uint64_t marked;    /* ns since 1970; 0: growth is counted from the first look on */
    bool is_idle;       /* nothing has changed since the last look */
    bool ended;         /* there will be no further look; `trouble` says why */
    struct error trouble; /* why the last look was none; empty: it was one */
};

/* Begin to watch PID as OPTIONS say into TOP. To be finished by top_finish(), also if this fails,
 * as sampler_init() does. */
int top_init(struct top *top, pid_t pid, const struct options *options, struct error *error);

void top_finish(struct top *top);

/* Look, for at most TIMEOUT ns. 0, or -ENOMEM; what else goes wrong is in `trouble`. */
int top_look(struct top *top, uint64_t timeout);

/* Find names of at most LIMIT further stacks. Returns how many are left, or -ENOMEM. */
long top_name(struct top *top, size_t limit);

/* What was seen, in at most LIMIT rows (0: all), for people as for programs; LEFT names are yet to
 * be found. The numbers of the rows' names, in their order, go to OUT_NAMES, for free(), unless that
 * is NULL. NULL for lack of memory. */
struct report *top_report(const struct top *top, size_t limit, long left, uint32_t **out_names);

/* The stack that is INDEX-th largest of the row NAME, as the first row of a report; how many there
 * are goes to OUT_COUNT. NULL for lack of memory, or if there is none. */
struct report *top_stack(const struct top *top, uint32_t name, size_t index, size_t *out_count);

/* Let growth be counted from now on, and a new epoch begin in the process. Returns 0 or -errno
 * and ERROR. */
int top_mark(struct top *top, struct error *error);

/* Count it from the first look on. */
void top_unmark(struct top *top);

/* Let the process take a whole snapshot; where it is goes to OUT_PATH. Returns 0 or -errno and
 * ERROR. */
int top_snapshot(struct top *top, char out_path[PATH_MAX], struct error *error);

/* Be `top` on a terminal until the user leaves, or a signal is to end us, looking every DELAY ns. If
 * we have started the program, its output goes to the file OUTPUT (else NULL). Returns 0, -ENOMEM,
 * or as tui_open() does: there can be no screen. */
int top_show(struct top *top, uint64_t delay, const char *output);

#endif
