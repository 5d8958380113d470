/* pool.h - lends buffers, and takes them back. */
#include <stddef.h>

void *pool_lend(size_t size);
void pool_return(void *buffer);
size_t pool_lent(void);
