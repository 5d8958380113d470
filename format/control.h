/* control.h - how the analyzer tells the shim what is wanted.
 *
 * The environment variables, set by `heapdelta run` and read once by the
 * shim. preload/config.c has the table of their values and defaults.
 */
#ifndef FORMAT_CONTROL_H
#define FORMAT_CONTROL_H

#define CONTROL_ENV_PREFIX "HEAPDELTA_"
#define CONTROL_ENV_PRELOAD "LD_PRELOAD"

#define CONTROL_ENV_OUT "HEAPDELTA_OUT"         /* directory for snapshots; with it, one at exit */
#define CONTROL_ENV_NFRAME "HEAPDELTA_NFRAME"     /* frames kept per stack; 0 = all */
#define CONTROL_ENV_EXEC_COUNT "HEAPDELTA_EXEC_COUNT" /* how many execs came before (set by the shim) */
#define CONTROL_ENV_LIBRARY "HEAPDELTA_LIBRARY"   /* read by `run`: the shim to preload instead of the installed one */

#endif
