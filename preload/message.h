/* message.h - one line to the user, from within somebody else's process.
 *
 * Goes to standard error only while descriptor 2 is still the file it was when
 * message_init() was called: a program that uses the descriptor for its own data
 * must not find our words in it. Otherwise the line is dropped. Callable anywhere.
 */
#ifndef PRELOAD_MESSAGE_H
#define PRELOAD_MESSAGE_H

#include <stdint.h>

/* Remember which file descriptor 2 is. */
void message_init(void);

/* Write "heapdelta: ", the strings given up to a NULL, and a newline. */
void message_line(const char *part, ...) __attribute__((sentinel));

/* The decimal digits of NUMBER, in the 24 bytes at BUFFER; returns where they begin. */
const char *message_number(char *buffer, uint64_t number);

/* A few words for the errno value CODE (positive or negative). */
const char *message_error(int code);

#endif
