/* progress_line.h - one line on the terminal while something takes long: what, how far, how long yet.
 *
 * It appears on stderr, if that is a terminal that we are in the foreground of, once the work has
 * taken a second, and is gone when there is anything else to be said. Elsewhere nothing happens.
 */
#ifndef PROGRESS_LINE_H
#define PROGRESS_LINE_H

/* From now on show the phases of the model (model/progress.h), as those of COMMAND ("stats"). */
void progress_line_enable(const char *command);

#endif
