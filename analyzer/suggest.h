/* suggest.h - what may have been meant by a word that was mistyped. */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

/* One after the other, the words that there are are held against `typed`. */
struct suggestion {
    const char *typed;
    const char *nearest; /* NULL: none is near */
    size_t distance;     /* letters that this is away from `typed` */
};

/* Hold WORD against what was typed. WORD is kept, not copied. */
void suggestion_try(struct suggestion *suggestion, const char *word);

#endif
