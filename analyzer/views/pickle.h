/* pickle.h - writes a Python object as a pickle, protocol 4, which Python 3.4 and later read.
 *
 * A pickle is a program for a machine with a stack: each function here puts something on
 * that stack, or takes what lies on top and puts something made of it there. What is made
 * is written at once; nothing is kept, so that an object may be of any size.
 *
 *     pickle_begin(&pickle, out);
 *     pickle_mark(&pickle), pickle_number(&pickle, 1), pickle_text(&pickle, "a");
 *     pickle_tuple(&pickle);             … (1, 'a')
 *     pickle_end(&pickle);
 *
 * Whether the writing failed is asked of the file, by ferror(), at the end.
 */
#ifndef VIEWS_PICKLE_H
#define VIEWS_PICKLE_H

#include <stdint.h>
#include <stdio.h>

struct pickle {
    FILE *out;
    uint32_t remembered; /* objects so far */
};

/* Begin a pickle that goes to OUT. */
void pickle_begin(struct pickle *pickle, FILE *out);

/* End it: the object is what lies on the stack, alone. */
void pickle_end(struct pickle *pickle);

/* Put a number there; a text, which has the bytes that are no UTF-8 as Python's
 * `surrogateescape` has them; None; an empty list; an empty dict. */
void pickle_number(struct pickle *pickle, uint64_t number);
void pickle_text(struct pickle *pickle, const char *text);
void pickle_none(struct pickle *pickle);
void pickle_list(struct pickle *pickle);
void pickle_dict(struct pickle *pickle);

/* Put an object of the class NAME of MODULE there, made without its __init__. */
void pickle_object(struct pickle *pickle, const char *module, const char *name);

/* Set the attributes of the object below the dict on top to what is in that dict. */
void pickle_build(struct pickle *pickle);

/* Put once more there what lies on top. */
void pickle_repeat(struct pickle *pickle);

/* Put a mark there. What lies above the last mark becomes a tuple, is added to the list
 * below the mark, or, as keys and values, to the dict below it. */
void pickle_mark(struct pickle *pickle);
void pickle_tuple(struct pickle *pickle);
void pickle_append(struct pickle *pickle);
void pickle_set(struct pickle *pickle);

/* Remember what lies on top. Returns the number by which it is recalled. */
uint32_t pickle_remember(struct pickle *pickle);

/* Put there what was remembered as NUMBER. */
void pickle_recall(struct pickle *pickle, uint32_t number);

#endif
