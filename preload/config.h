/* config.h - what the environment asks of us, read once.
 *
 * All variables, with their values and defaults, stand in one table in config.c.
 */
#ifndef PRELOAD_CONFIG_H
#define PRELOAD_CONFIG_H

#include <stdint.h>

#define CONFIG_MAX_FRAMES 65535u /* the most that tracemalloc takes, too */

struct config {
    const char *out;     /* HEAPDELTA_OUT: directory for snapshots; NULL: none at exit */
    uint64_t nframe;     /* HEAPDELTA_NFRAME: frames kept per stack, 0 = all */
    uint64_t off;        /* HEAPDELTA_OFF: 1: trace only once asked to */
    uint64_t interval;   /* HEAPDELTA_INTERVAL: ms between snapshots, 0 = none */
    uint64_t growth;     /* HEAPDELTA_GROWTH: bytes of growth between snapshots, 0 = none */
    uint64_t peak;       /* HEAPDELTA_PEAK: 1: a snapshot at each new peak */
    uint64_t keep;       /* HEAPDELTA_KEEP: snapshots kept, 0 = all */
    uint64_t counters;   /* HEAPDELTA_COUNTERS: enum control_counters */
    uint64_t marks;      /* HEAPDELTA_MARKS: 1: heapdelta_mark() takes a snapshot */
    uint64_t threads;    /* HEAPDELTA_THREADS: 1: threads are told apart */
    uint64_t graph;      /* HEAPDELTA_GRAPH: enum control_graph */
    uint64_t sample;     /* HEAPDELTA_SAMPLE: bytes for each block that is recorded, 0 = all are */
    uint64_t min_size;   /* HEAPDELTA_MIN_SIZE: smaller blocks are not recorded */
    uint64_t max_size;   /* HEAPDELTA_MAX_SIZE: nor are larger ones, 0 = no limit */
    uint64_t signals;    /* HEAPDELTA_SIGNALS: 1: a last snapshot at INT, TERM and HUP */
    uint64_t follow;     /* HEAPDELTA_FOLLOW: enum control_follow */
    const char *unwinder; /* HEAPDELTA_UNWINDER: libunwind; NULL: ours */
    uint64_t exec_count; /* HEAPDELTA_EXEC_COUNT: execs of this process so far, for us alone */
    uint64_t fail_map;   /* HEAPDELTA_FAIL_MAP: the N-th mapping and later ones fail, for tests */
    uint64_t fail_map_once; /* HEAPDELTA_FAIL_MAP_ONCE: 1: only the N-th */
    uint64_t valgrind;   /* HEAPDELTA_VALGRIND: 1: traced under valgrind, too, for development */
};

/* What config_read() found; the defaults before. */
extern const struct config *const config;

/* Read ENVIRONMENT, which must stay. A bad value is ignored with a line. */
void config_read(char **environment);

#endif
