/* early_setter.c - a library whose constructor sets a variable: from then on the environment is an
 * array of libc's. */
#include <stdlib.h>

static __attribute__((constructor)) void set(void)
{
    setenv("EARLY", "1", 1);
}
