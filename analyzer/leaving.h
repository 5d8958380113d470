/* leaving.h - what is not to be left over when a signal ends us: half a file, a line on the terminal.
 *
 * INT, TERM and HUP end us as ever, once that is gone; where they are ignored, or somebody handles
 * them (ending.h), they are left alone.
 */
#ifndef LEAVING_H
#define LEAVING_H

#include <stdbool.h>

/* From now on see to it; again does nothing. leaving_remove() does so by itself. */
void leaving_watch(void);

/* The file PATH is to be removed; NULL: none any more. */
void leaving_remove(const char *path);

/* There is a line on the terminal of stderr that is to be erased; or not any more. After
 * leaving_watch(); any thread may say so. */
void leaving_erase_line(bool there);

#endif
