/* namespace_plugin.c - allocates and frees for namespaces.c. */
#include <stdlib.h>

void *plugin_give(size_t size);
void plugin_take(void *block);

void *plugin_give(size_t size)
{
    return malloc(size);
}

void plugin_take(void *block)
{
    free(block);
}
