/* options.h - the options that several commands share, and how they are read.
 *
 * A command says which of them it takes; for its help there is a text for each
 * set of them.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "command.h"
#include "model/diff.h"
#include "model/diff_report.h"
#include "model/filter.h"
#include "model/group.h"
#include "model/profile.h"
#include "model/report.h"
#include "model/suppressions.h"
#include "model/watch.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of options that a command takes. */
enum options_set {
    OPTIONS_OUTPUT = 1,   /* -o */
    OPTIONS_FORMAT = 2,   /* --format text, json, csv */
    OPTIONS_GROUPS = 4,   /* --group-by, --cumulative …; with OPTIONS_FILTERS */
    OPTIONS_MODULES = 8,  /* --modules */
    OPTIONS_SECTION = 16, /* --section */
    OPTIONS_TIMEOUT = 32, /* --timeout */
    OPTIONS_LABEL = 64,   /* --label */
    OPTIONS_LIMIT = 128,  /* --limit, which OPTIONS_GROUPS have, too */
    OPTIONS_STRICT = 256, /* --strict */
    OPTIONS_LEAKS = 512,  /* --all, --explain, --error-exitcode, --suppressions */
    OPTIONS_EXPORT = 1024, /* --to, --value */
    OPTIONS_SINCE = 2048, /* --since */
    OPTIONS_BLOCKS = 4096, /* --blocks, --list, --graph */
    OPTIONS_FILTERS = 8192, /* --filter …, --wide, --limit */
    OPTIONS_TREE = 16384, /* --bottom-up, --callers …; also --group-by, --since, --value */
    OPTIONS_TYPES = 32768, /* of OPTIONS_GROUPS also what is about types */
    OPTIONS_COLUMNS = 65536, /* --columns, and --sort by them */
    OPTIONS_PATHS = 131072, /* --all-paths, --depth */
    OPTIONS_WATCH = 262144, /* --once, --batch, --delay; also --group-by, --sort by watch_order */
};

enum options_format {
    OPTIONS_TEXT,
    OPTIONS_JSON,
    OPTIONS_CSV,
    OPTIONS_TRACEMALLOC,
};

struct options {
    const char *output; /* NULL: stdout */
    enum options_format format;
    struct group_options group;
    enum diff_sort sort;
    bool sort_given;
    bool most_recent_first;
    const char *since; /* the mark; NULL: since ever */
    size_t limit; /* rows; 0: all */
    bool modules;
    const char *section; /* NULL: all */
    bool wide;           /* names of functions are not shortened */
    struct diff_columns columns; /* also what is sorted by; */
    unsigned counters;   /* of these the counters: 1 << enum snapshot_counter; */
    bool retained;       /* and what is retained */
    bool blocks;         /* by identity, */
    bool list;           /* one by one */
    bool graph;          /* by who holds them */
    const char *form;    /* to export to; NULL: none */
    enum profile_value value; /* … of the one value it has */
    bool value_given;
    uint64_t timeout;    /* ns to wait for a process; 0: as long as it takes */
    const char *label;   /* NULL: none */
    bool strict;         /* no pointer inside a block is there on purpose */
    bool all;            /* not only what is lost */
    bool bottom_up;      /* from the frames that allocated to their callers */
    bool recursion;      /* is not folded */
    bool dominators;     /* not calls, but which blocks hold which alone */
    double min_share;    /* of the total, from 0 to 1, that a node has to be shown */
    size_t depth;        /* nodes below each other, places on a path; 0: all */
    bool depth_given;
    bool all_paths;      /* not only the shortest ones */
    bool explain;        /* and what that rests on */
    bool error_exitcode; /* what is found makes the exit status 1 */
    struct suppressions *suppressions; /* NULL: none were named */
    enum watch_order watch_order;
    bool batch;          /* lines, no screen, */
    size_t rounds;       /* so often; 0: as long as there is something to be seen */
    uint64_t delay;      /* ns from one look to the next */

    /* What is left: the snapshots, or the process. */
    char **paths;
    size_t path_count;

    struct filter *filter; /* that `group` names */
    struct filter *callers; /* of what functions; NULL: not asked for */
};

/* Read the command line of COMMAND, which takes the SETS of options, into OPTIONS;
 * finish them with options_finish(). Returns -1, or if the command is to end now,
 * having been misused or asked for help, its exit status; what is to be said has
 * been said. */
int options_parse(struct options *options, const struct command *command, unsigned sets, int argc,
                  char **argv);

/* Say what getopt_long(), which gave CODE, did not like about WORD of the command line of COMMAND, and
 * which one of KNOWN may have been meant. Returns the exit status. */
int options_fail(const struct command *command, int code, const char *word,
                 const struct option *known);

/* Say that OPTION of COMMAND has no such VALUE, which ones it has (a list as "this, that"), and
 * which one may have been meant. Returns the exit status. */
int options_fail_value(const struct command *command, const char *option, const char *value,
                       const char *list);

/* Free what OPTIONS hold. */
void options_finish(struct options *options);

/* Does HEAP have the counters that OPTIONS ask for? Returns -1, or the exit status of COMMAND, having
 * said what it lacks. */
int options_check_counters(const struct options *options, const struct command *command,
                           const struct heap *heap);

/* Say in the title of REPORT, which has one, and if it has NO_ROWS in a note, that OPTIONS
 * choose among the blocks. */
void options_mention_filters(const struct options *options, struct report *report, bool no_rows);

/* Write the COUNT reports at REPORTS as OPTIONS say. Returns the exit status. */
int options_print(const struct options *options, const struct command *command,
                  struct report *const *reports, size_t count);

/* For the help of a command. */
#define OPTIONS_HELP_GROUPS                                                                      \
    "  --group-by KEY       lineno (default), filename, function, traceback, module, thread,\n" \
    "                       size, type, domain, program or process\n" \
    "  --cumulative         count a block to every frame of its stack, not to the newest only\n" \
    "  --tracemalloc-compat count as Python's tracemalloc does\n" \
    OPTIONS_HELP_FILTERS

#define OPTIONS_HELP_FILTERS                                                                     \
    "  --filter PATTERN     only blocks whose newest frame matches; may be repeated\n"           \
    "  --exclude PATTERN    no blocks whose newest frame matches; may be repeated\n"             \
    "  --all-frames         patterns look at all frames of a stack\n" \
    "  --skip PATTERN       frames that allocate for others, as strdup, operator new and all\n"  \
    "                       of std:: do: not the newest if there is another; here a\n"           \
    "                       PATTERN is a function\n"                                             \
    "  --wide               do not shorten the long names of functions\n" \
    "  --limit N            show N rows (default 10, 0: all)\n"

#define OPTIONS_HELP_FORMAT "  --format FORMAT      text (default), json or csv\n"

#define OPTIONS_HELP_GROUPS_FORMAT                                                              \
    "  --format FORMAT      text (default), json, csv or tracemalloc: in the words of Python's\n" \
    "                       tracemalloc\n" \
    "  --most-recent-first  in these a traceback begins with its newest frame\n"

#define OPTIONS_HELP_OUTPUT \
    "  -o, --output FILE    write to FILE, which is replaced as a whole or not at all; - is\n" \
    "                       stdout\n"

#define OPTIONS_HELP_COLUMNS \
    "  --columns COUNTERS   also these, since tracing began: allocations, allocated_bytes,\n" \
    "                       frees, freed_bytes, reallocations, temporary (freed before the\n" \
    "                       thread allocated again); and what was alive at the peak: peak_bytes,\n" \
    "                       peak_blocks; separated by commas\n"

#define OPTIONS_HELP_STRICT \
    "  --strict             a block counts as held only by a pointer to its start: not by one to\n" \
    "                       where C++ keeps a base class, an array behind its length and the like,\n" \
    "                       nor to where most such blocks are pointed at\n"

#define OPTIONS_HELP_LABEL \
    "  --label LABEL        a name for this moment: letters, digits and . _ + -, at most 64\n"

#define OPTIONS_HELP_TIMEOUT \
    "  --timeout T          how long to wait, as 500ms, 10s (default), 2m; 0: without end\n"

#define OPTIONS_HELP_HELP "  -h, --help           show this help\n"

#define OPTIONS_HELP_PATTERNS_STACKS                                                                \
    "A PATTERN is [domain=N,][all-frames,][file=|function=|module=]PATTERN[:LINE], with * ?\n" \
    "and [] as in the shell; a file is matched by its last parts, too: app.c matches\n" \
    "/src/app.c. Or it is domain=N alone, or thread=PATTERN: the function that a thread\n" \
    "began with, or its name or id where they are told apart ('heapdelta run --threads').\n"

#define OPTIONS_HELP_PATTERNS OPTIONS_HELP_PATTERNS_STACKS \
    "Or type=PATTERN: types are known where the snapshot has the heap graph.\n"

#endif
