/* suppression_entry.h - the entries of a list of suppressions, between who reads them and who
 * matches them. */
#ifndef MODEL_SUPPRESSION_ENTRY_H
#define MODEL_SUPPRESSION_ENTRY_H

#include "model/suppressions.h"

#include <stddef.h>

enum suppression_frame_kind {
    SUPPRESSION_FUNCTION,
    SUPPRESSION_OBJECT,
    SUPPRESSION_SOURCE,
    SUPPRESSION_ANY_NUMBER,
};

struct suppression_frame {
    enum suppression_frame_kind kind;
    char *text;
    char *demangled; /* of a function whose linked name it is in full; or NULL */
    unsigned line;   /* of a source; 0: any */
};

struct suppression_entry {
    struct suppression known;
    char *name;
    char *pattern; /* LeakSanitizer's; NULL: valgrind's, by frames */
    unsigned classes; /* 1 << enum graph_class */
    struct suppression_frame *frames;
    size_t frame_count;
};

struct suppressions {
    struct suppression_entry *entries;
    size_t count;
    char **origins;
    size_t origin_count;
};

#endif
