/* control.h - how the analyzer tells the shim what is wanted.
 *
 * The environment variables, set by `heapdelta run` and read once by the shim:
 * preload/config.c has the table of their values and defaults. CONTROL_ENV_LIBRARY
 * is read by `run` itself.
 */
#ifndef FORMAT_CONTROL_H
#define FORMAT_CONTROL_H

#define CONTROL_ENV_PREFIX "HEAPDELTA_"
#define CONTROL_ENV_PRELOAD "LD_PRELOAD"

#define CONTROL_ENV_OUT "HEAPDELTA_OUT"       /* directory for snapshots; with it, one at exit */
#define CONTROL_ENV_NFRAME "HEAPDELTA_NFRAME" /* frames kept per stack; 0 = all */
#define CONTROL_ENV_EXEC_COUNT "HEAPDELTA_EXEC_COUNT" /* how many execs came before */
#define CONTROL_ENV_FAIL_MAP "HEAPDELTA_FAIL_MAP" /* for tests: the N-th mapping and later ones fail */

#define CONTROL_ENV_LIBRARY "HEAPDELTA_LIBRARY" /* the shim to preload, not the installed one */

#endif
