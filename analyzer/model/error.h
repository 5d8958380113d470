/* error.h - what went wrong, in words for the user.
 *
 * A function that can fail for a reason worth telling takes a `struct error *`
 * last, fills it before it returns a negative value, and leaves it alone on
 * success. The model never prints: a command does.
 */
#ifndef MODEL_ERROR_H
#define MODEL_ERROR_H

struct error {
    char text[512]; /* one line, no newline: what, where, what to do */
};

/* Write the printf-like FORMAT into ERROR (which may be NULL) and return CODE, a
 * negative errno value, so that `return error_set(error, -EINVAL, …)` reads well. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
