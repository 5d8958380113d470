/* api_cplusplus.cpp - heapdelta.h is good C++ too.
 *
 * Takes a snapshot while 3 blocks of 161 bytes from operator new are alive.
 */
#include "preload/heapdelta.h"

#include <memory>
#include <vector>

int main()
{
    std::vector<std::unique_ptr<char[]>> kept;

    for (int i = 0; i < 3; i++)
        kept.emplace_back(new char[161]);
    int result = heapdelta_take_snapshot("cplusplus");
    return result == 0 || result == -ENOSYS ? 0 : 1;
}
