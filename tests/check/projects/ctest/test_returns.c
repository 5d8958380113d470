#include "pool.h"

int main(void)
{
    for (int i = 0; i < 100; i++)
        pool_return(pool_lend(100));
    return pool_lent() == 0 ? 0 : 1;
}
