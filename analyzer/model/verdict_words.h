/* verdict_words.h - a verdict as a name for programs, and as a sentence for people. */
#ifndef MODEL_VERDICT_WORDS_H
#define MODEL_VERDICT_WORDS_H

#include "model/verdict.h"

#include <stddef.h>

/* Names that programs may rely on: "held_growing", "definitely_lost". */
const char *verdict_name(enum verdict_kind kind);
const char *verdict_class_name(enum graph_class class);

/* Say VERDICT, one of VERDICTS', in a sentence without a full stop, in BUFFER of SIZE bytes; cut if
 * it does not fit. HOLDER is who holds it, NULL: not known. */
void verdict_say(const struct verdicts *verdicts, const struct verdict *verdict,
                 const char *holder, char *buffer, size_t size);

#endif
