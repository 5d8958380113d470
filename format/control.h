/* control.h - how the analyzer tells the shim what is wanted, and is told.
 *
 * Two ways. The environment variables, set by `heapdelta run` and read once by the
 * shim: preload/config.c has the table of their values and defaults.
 * CONTROL_ENV_LIBRARY is read by `run` itself.
 *
 * And the control page: a file of one page, DIR/.PROGRAM.PID.control, that the shim
 * has mapped shared while it runs; `heapdelta snapshot PID` finds it in
 * /proc/PID/maps, and reads and writes it as a file. It belongs to the process's
 * user, who alone may open it.
 *
 * A request: who asks takes flock(LOCK_EX) on the file, waits until `request` is
 * CONTROL_IDLE or CONTROL_FINISHED, writes verb, label (CONTROL_WATCH: path) and number, then the one byte
 * `request` = CONTROL_WANTED. The shim honours it at the program's next allocation or
 * free, or in the handler of `signal`, if that is not 0. It writes error and path,
 * then reply = number. Everything is little-endian.
 *
 * Before the process executes another program, which the signal would kill, the shim sets
 * `state` to CONTROL_ENDED and waits for the end of `waking`, though not for long.
 */
#ifndef FORMAT_CONTROL_H
#define FORMAT_CONTROL_H

#include <stdint.h>

#define CONTROL_ENV_PREFIX "HEAPDELTA_"
#define CONTROL_ENV_PRELOAD "LD_PRELOAD"

#define CONTROL_ENV_OUT "HEAPDELTA_OUT"       /* directory for snapshots; with it, one at exit */
#define CONTROL_ENV_NFRAME "HEAPDELTA_NFRAME" /* frames kept per stack; 0 = all */
#define CONTROL_ENV_OFF "HEAPDELTA_OFF"       /* 1: trace only once asked to */
#define CONTROL_ENV_INTERVAL "HEAPDELTA_INTERVAL" /* ms between snapshots; 0 = none */
#define CONTROL_ENV_GROWTH "HEAPDELTA_GROWTH" /* bytes of growth between snapshots; 0 = none */
#define CONTROL_ENV_PEAK "HEAPDELTA_PEAK"     /* 1: a snapshot at each new peak */
#define CONTROL_ENV_KEEP "HEAPDELTA_KEEP"     /* snapshots kept, the middle is thinned; 0 = all */
#define CONTROL_ENV_COUNTERS "HEAPDELTA_COUNTERS" /* enum control_counters */
#define CONTROL_ENV_MARKS "HEAPDELTA_MARKS"   /* 1: heapdelta_mark() takes a snapshot */
#define CONTROL_ENV_THREADS "HEAPDELTA_THREADS" /* 1: threads are told apart */
#define CONTROL_ENV_GRAPH "HEAPDELTA_GRAPH"   /* enum control_graph */
#define CONTROL_ENV_SAMPLE "HEAPDELTA_SAMPLE" /* bytes for each block that is recorded; 0 = all are */
#define CONTROL_ENV_MIN_SIZE "HEAPDELTA_MIN_SIZE" /* smaller blocks are not recorded */
#define CONTROL_ENV_MAX_SIZE "HEAPDELTA_MAX_SIZE" /* nor are larger ones; 0 = no limit */
#define CONTROL_ENV_SIGNALS "HEAPDELTA_SIGNALS" /* 1: a last snapshot at INT, TERM and HUP */
#define CONTROL_ENV_FOLLOW "HEAPDELTA_FOLLOW" /* enum control_follow */
#define CONTROL_ENV_UNWINDER "HEAPDELTA_UNWINDER" /* libunwind: it walks the stacks, not we */
#define CONTROL_ENV_EXEC_COUNT "HEAPDELTA_EXEC_COUNT" /* how many execs came before */
#define CONTROL_ENV_FAIL_MAP "HEAPDELTA_FAIL_MAP" /* for tests: the N-th mapping and later ones fail */
#define CONTROL_ENV_FAIL_MAP_ONCE "HEAPDELTA_FAIL_MAP_ONCE" /* 1: only the N-th */
#define CONTROL_ENV_VALGRIND "HEAPDELTA_VALGRIND" /* for callgrind on us: 1: traced under valgrind, too */

#define CONTROL_ENV_LIBRARY "HEAPDELTA_LIBRARY" /* the shim to preload, not the installed one */

#define CONTROL_SAMPLE_MAX ((uint64_t)1 << 30)
#define CONTROL_SIZE_MAX ((uint64_t)1 << 60)

/* Which children are traced too. */
enum control_follow {
    CONTROL_FOLLOW_NONE = 0, /* none: the process that was started, through its own execs */
    CONTROL_FOLLOW_FORK = 1, /* those of fork, until they exec */
    CONTROL_FOLLOW_EXEC = 2, /* programs that any descendant executes */
    CONTROL_FOLLOW_ALL = 3,
};

/* Which snapshots are without the list of blocks. */
enum control_counters {
    CONTROL_COUNTERS_NEVER = 0,
    CONTROL_COUNTERS_ALWAYS = 1,
    CONTROL_COUNTERS_BEFORE_EXIT = 2, /* all but the last one */
};

/* Which snapshots have the heap graph. */
enum control_graph {
    CONTROL_GRAPH_NEVER = 0,
    CONTROL_GRAPH_AT_EXIT = 1, /* the last one */
    CONTROL_GRAPH_ALWAYS = 2,
};

#define CONTROL_MAGIC "HEAPCTRL" /* eight bytes, no NUL */
#define CONTROL_VERSION 1u
#define CONTROL_SIZE 4096u
#define CONTROL_SUFFIX ".control"

#define CONTROL_LABEL_SIZE 72u
#define CONTROL_PATH_SIZE 2048u
#define CONTROL_MESSAGES 4u
#define CONTROL_MESSAGE_SIZE 200u

enum control_request {
    CONTROL_IDLE = 0,
    CONTROL_WANTED = 1,   /* set by who asks */
    CONTROL_BUSY = 2,     /* set by the shim, as are the others */
    CONTROL_FINISHED = 3, /* as idle, but the shim has yet to clean up */
};

enum control_verb {
    CONTROL_SNAPSHOT = 1,
    CONTROL_MARK = 2,
    CONTROL_START = 3,
    CONTROL_STOP = 4,
    /* What each stack has allocated and holds, for somebody who watches: a snapshot without
     * blocks, series and memory, to the file that who asks has put into `path`, which must not
     * be there yet. No epoch begins, and it is not counted among the snapshots. */
    CONTROL_WATCH = 5,
};

enum control_state {
    CONTROL_OFF = 0,     /* not tracing */
    CONTROL_TRACING = 1,
    CONTROL_ENDED = 2,   /* the process is past its last snapshot */
};

struct control_page {
    char magic[8];
    uint32_t version;
    uint32_t size;   /* CONTROL_SIZE */
    uint32_t pid;    /* as the process sees itself */
    uint32_t signal; /* that makes an idle process honour a request; 0: none */
    uint64_t run[2]; /* as in snapshot_process */

    /* The request. */
    uint8_t request; /* enum control_request */
    uint8_t own[3];  /* the shim's own triggers: not to be written by others */
    uint32_t number; /* of the request, by who asks: the one before plus 1 */
    uint32_t verb;   /* enum control_verb */
    uint32_t reply;  /* number of the last request that was done */
    int32_t error;   /* of it: 0 or a negative errno value */
    uint32_t waking; /* 1, by who asks, from before it reads the state until the signal is sent */
    char label[CONTROL_LABEL_SIZE];
    char path[CONTROL_PATH_SIZE]; /* of its snapshot, as the process sees it */

    /* How it stands; a few milliseconds or allocations old. */
    uint32_t state; /* enum control_state */
    uint32_t snapshots;  /* files written */
    uint64_t since;      /* ns since 1970: when tracing began */
    uint64_t updated;    /* ns since 1970 */
    uint64_t live_bytes, live_blocks, peak_bytes;
    uint64_t mark_time;  /* ns since 1970 of the last mark; 0: none */
    uint64_t mark_bytes; /* live then */
    uint64_t start_bytes; /* live when tracing began: what a child of fork inherited */
    uint64_t tracer_bytes;
    uint64_t last_pause, longest_pause; /* ns that a snapshot held the program */

    /* What could not be said on standard error: message N % CONTROL_MESSAGES. A process that
     * leaves some, and ends, leaves its page's file, for `heapdelta run` to say them. */
    uint32_t message_count;
    uint32_t reserved_more;
    char messages[CONTROL_MESSAGES][CONTROL_MESSAGE_SIZE];

    /* With the reply to CONTROL_WATCH: the allocations and frees so far. If these are as many as the
     * snapshot has, and `request` is CONTROL_FINISHED still, that says all there is. */
    uint64_t events;
};
_Static_assert(sizeof(struct control_page) <= CONTROL_SIZE, "one page");

#endif
