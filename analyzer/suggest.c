#include "suggest.h"

#include <string.h>

/* Letters that a mistyped word may be away from the one that is suggested. */
#define DISTANCE_MAX 2
#define LENGTH_MAX   63

/* How many letters must be put in, left out or changed to make B of A (Levenshtein);
 * both are at most LENGTH_MAX long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t length_b = strlen(b);
    size_t row[LENGTH_MAX + 1]; /* distances of the part of A so far to each beginning of B */

    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[length_b];
}

void suggestion_try(struct suggestion *suggestion, const char *word)
{
    size_t length = strlen(suggestion->typed), other = strlen(word), distance;

    if (length > LENGTH_MAX || other > LENGTH_MAX || length > other + DISTANCE_MAX ||
        other > length + DISTANCE_MAX)
        return;
    distance = edit_distance(suggestion->typed, word);
    if (distance > DISTANCE_MAX)
        return;
    /* Of the equally near ones, one that was not typed to its end. */
    if (!suggestion->nearest || distance < suggestion->distance ||
        (distance == suggestion->distance && strncmp(suggestion->typed, word, length) == 0)) {
        suggestion->nearest = word;
        suggestion->distance = distance;
    }
}
