/* soak_plugin.c - a plug-in whose blocks outlive it. */
#include <stdlib.h>

void *plugin_make(size_t size);

void *plugin_make(size_t size)
{
    return malloc(size);
}
