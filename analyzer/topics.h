/* topics.h - what several commands have in common, for `heapdelta help TOPIC`. */
#ifndef TOPICS_H
#define TOPICS_H

struct topic {
    const char *name;
    const char *text; /* ends in a newline */
};

/* All of them; the last has no name. */
extern const struct topic topics[];

#define TOPIC_NAMES "patterns, verdicts, words or environment"

#endif
