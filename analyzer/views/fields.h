/* fields.h - the texts of a table, collected before they are aligned.
 *
 * Begin a field, write to the stream what it says, and so on, row by row; then end,
 * and the fields can be read and measured. After a lack of memory the stream is
 * still there to be written to; fields_end() tells.
 */
#ifndef VIEWS_FIELDS_H
#define VIEWS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct fields {
    FILE *stream;
    char *data; /* the fields, each ended by NUL */
    size_t size;
    size_t *starts; /* where in `data` each begins */
    size_t count, room;
    bool failed;
};

/* Returns 0 or -ENOMEM. */
int fields_init(struct fields *fields);

/* Free what FIELDS hold. */
void fields_finish(struct fields *fields);

/* Begin the next field. */
void fields_begin(struct fields *fields);

/* No more fields. Returns 0 or -ENOMEM. */
int fields_end(struct fields *fields);

/* The field NUMBER, from 0. */
const char *fields_get(const struct fields *fields, size_t number);

/* The columns of the widest field in each place of a row of PER_ROW fields: an array
 * for free(). NULL for lack of memory. */
size_t *fields_measure(const struct fields *fields, size_t per_row);

/* Write COUNT spaces to OUT. */
void fields_print_spaces(FILE *out, size_t count);

#endif
