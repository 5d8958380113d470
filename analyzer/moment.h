/* moment.h - when something was, in writing. */
#ifndef MOMENT_H
#define MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOMENT_SIZE 48

/* Format NANOSECONDS since 1970 in the local zone, or for programs in UTC. */
void moment_format(char buffer[MOMENT_SIZE], uint64_t nanoseconds, bool utc);

#endif
