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
    uint64_t exec_count; /* HEAPDELTA_EXEC_COUNT: execs of this process so far, for us alone */
    uint64_t fail_map;   /* HEAPDELTA_FAIL_MAP: the N-th mapping and later ones fail, for tests */
};

/* What config_read() found; the defaults before. */
extern const struct config *const config;

/* Read ENVIRONMENT, which must stay. A bad value is ignored with a line. */
void config_read(char **environment);

#endif
