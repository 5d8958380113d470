/* message.h - one line to the user, from within somebody else's process.
 *
 * Goes to standard error only while descriptor 2 is still the file it was when
 * message_init() was called: a program that uses the descriptor for its own data
 * must not find our words in it. Otherwise it goes into the control page, if there is
 * one, where `heapdelta run` and `heapdelta status` find it. Callable anywhere.
 */
#ifndef PRELOAD_MESSAGE_H
#define PRELOAD_MESSAGE_H

#include "format/control.h"

#include <stdint.h>

/* Remember which file descriptor 2 is. */
void message_init(void);

/* From now on PAGE is the control page; NULL: there is none. */
void message_set_page(struct control_page *page);

/* Write "heapdelta: ", the strings given up to a NULL, and a newline. */
void message_line(const char *part, ...) __attribute__((sentinel));

/* Put LINE into the control page only, without a system call. */
void message_keep(const char *line);

/* The decimal digits of NUMBER, in the 24 bytes at BUFFER; returns where they begin. */
const char *message_number(char *buffer, uint64_t number);

/* A few words for the errno value CODE (positive or negative). */
const char *message_error(int code);

#endif
