/* suppressed.h - takes the leaks that are known out of what was judged. */
#ifndef MODEL_SUPPRESSED_H
#define MODEL_SUPPRESSED_H

#include "model/report.h"
#include "model/suppressions.h"
#include "model/verdict.h"

/* What was taken out. */
struct suppressed {
    uint64_t leaks, blocks, bytes; /* leaks without those that are parts of others */
};

/* Take the leaks that SUPPRESSIONS match, with their parts, out of the list of VERDICTS. The sums of
 * the classes stay as they are. Returns 0 or -ENOMEM. */
int suppressed_remove(struct suppressions *suppressions, struct verdicts *verdicts,
                      struct symbols *symbols, struct suppressed *out_suppressed);

/* Note in REPORT, behind WHY, what was SUPPRESSED, if anything: "Within the limits: 396 bytes in 12
 * blocks." */
void suppressed_add_note(const char *why, const struct suppressed *suppressed, struct report *report);

/* Note in REPORT what was SUPPRESSED, and which of the entries in SUPPRESSIONS suppressed nothing. */
void suppressed_add_notes(const struct suppressions *suppressions,
                          const struct suppressed *suppressed, struct report *report);

/* Take the leaks that are marked in REMOVED, a byte for each of those in VERDICTS' list, and the
 * parts of what is, out of it. Returns 0 or -ENOMEM. */
int suppressed_take_out(struct verdicts *verdicts, const uint8_t *removed,
                        struct suppressed *out_suppressed);

#endif
