#include "pool.h"

int main(void)
{
    void *buffer = pool_lend(100);
    size_t lent = pool_lent();

    pool_return(buffer);
    return lent == 1 ? 0 : 1;
}
