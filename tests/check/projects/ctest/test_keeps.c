/* Passes, but the list of what is lent grows with each of its rounds, as heapdelta_mark() ends them. */
#include "pool.h"

#include "preload/heapdelta.h"

static void *list[100];

int main(void)
{
    for (int i = 0; i < 10; i++) {
        list[i] = pool_lend(64);
        heapdelta_mark("round");
    }
    return pool_lent() == 10 && list[0] ? 0 : 1;
}
