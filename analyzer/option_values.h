/* option_values.h - what the user typed behind an option, read into options.
 *
 * A part of options.c. Each returns -1, or the exit status, having said what is wrong. SETS is what
 * options_parse() was given.
 */
#ifndef OPTION_VALUES_H
#define OPTION_VALUES_H

#include "options.h"

int option_values_format(struct options *options, const struct command *command, unsigned sets,
                         const char *text);
int option_values_limit(struct options *options, const struct command *command, const char *text);
int option_values_columns(struct options *options, const struct command *command, unsigned sets,
                          const char *text);
int option_values_label(struct options *options, const struct command *command, const char *text);
int option_values_pattern(struct options *options, const struct command *command,
                          enum filter_kind kind, const char *text);
int option_values_callers(struct options *options, const struct command *command, const char *text);
int option_values_suppressions(struct options *options, const struct command *command,
                               const char *path);
int option_values_min_share(struct options *options, const struct command *command,
                            const char *text);
int option_values_depth(struct options *options, const struct command *command, const char *text);
int option_values_sort(struct options *options, const struct command *command, unsigned sets,
                       const char *text);
int option_values_batch(struct options *options, const struct command *command, const char *text);
int option_values_delay(struct options *options, const struct command *command, const char *text);

#endif
