/* plugin.c - a library that is loaded and unloaded; it has a variable for everybody and one for
 * each thread. */
#include <stddef.h>

static void *volatile variable;
static __thread void *volatile per_thread;
static __thread char large[100000]; /* which leaves no room among the static ones */

void plugin_keep(void *block);
void plugin_keep_in_thread(void *block);

void plugin_keep(void *block)
{
    variable = block;
}

void plugin_keep_in_thread(void *block)
{
    large[0] = 1;
    per_thread = block;
}
