/* exceptions.cpp - exceptions through frames that allocate, whose destructors allocate.
 *
 * usage: exceptions [THROWS]
 * 10000 throws (or THROWS) through 0 to 29 frames, rethrown on the way, in two threads.
 * Everything is freed but a block of 141 bytes that the catch clause of every
 * 100th throw keeps. Prints what was caught.
 */
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct local {
    std::unique_ptr<char[]> block{new char[200]};

    ~local()
    {
        /* A destructor that runs while the stack is unwound. */
        std::vector<int> more(50, 1);
        more.resize(500);
    }
};

__attribute__((noinline)) static long descend(int depth, int number)
{
    local here;
    std::string text(100, 'x');

    if (depth == 0)
        throw std::runtime_error(std::to_string(number) + text);
    if (depth % 7 == 3) {
        try {
            return descend(depth - 1, number) + 1;
        } catch (const std::exception &) {
            local in_the_handler;
            throw;
        }
    }
    return descend(depth - 1, number) + 1;
}

static long throw_many(int from, int to)
{
    long sum = 0;

    for (int i = from; i < to; i++) {
        try {
            sum += descend(i % 30, i);
        } catch (const std::runtime_error &error) {
            sum += atol(error.what());
            if (i % 100 == 0) {
                void *volatile kept = malloc(141);
                (void)kept;
            }
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    int throws = argc > 1 ? std::atoi(argv[1]) : 10000;
    long sum = 0;
    std::thread other([&] { sum = throw_many(0, throws / 2); });

    long here = throw_many(throws / 2, throws);
    other.join();
    std::printf("%ld %ld\n", here, sum);
    return 0;
}
