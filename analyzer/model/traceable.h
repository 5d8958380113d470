/* traceable.h - which file will run for a command, and whether it can be traced.
 *
 * A preloaded library reaches a program only through glibc's dynamic loader: not
 * a static program, not one of another libc or another word size, and not one
 * that runs with more rights than its caller. A sanitizer's runtime has replaced
 * malloc itself and insists on being the first to do so.
 *
 * Only looks at files. What can't be read is taken for traceable: the kernel and
 * the loader have the last word anyway.
 */
#ifndef MODEL_TRACEABLE_H
#define MODEL_TRACEABLE_H

#include "model/error.h"

#include <limits.h>

/* Find the file that execvp() would run for NAME. Returns 0 and its path, or
 * -ENOENT, -EACCES and the like as exec would fail with. */
int traceable_find(const char *name, char out_path[PATH_MAX]);

/* Whether the program at PATH can be traced. OUT_EXECUTABLE becomes the file that
 * the process will be named after: PATH, or, of a script, its interpreter. Returns
 * 0, or -ENOTSUP and the reason in ERROR, as "it is statically linked". */
int traceable_check(const char *path, char out_executable[PATH_MAX], struct error *error);

#endif
