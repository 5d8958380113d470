/* random_new.cpp - random calls of C++'s operators new and delete, and what came of each.
 *
 * usage: random_new [SEED [CALLS [digest]]]    0 and 100000 calls
 *
 * Plain, nothrow, sized, aligned, and arrays; a new handler that is set, throws, or gives up by
 * removing itself. A line each, or with "digest" one for every 10000, which tells them all.
 */
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

namespace {

constexpr int slots = 256;

enum kind { PLAIN, ARRAY, ALIGNED, ALIGNED_ARRAY };

struct slot {
    unsigned char *block;
    std::size_t size, alignment;
    kind made;
} all[slots];

std::uint64_t state, digest = 14695981039346656037u;
bool digests;
unsigned handled;
char buffer[1 << 16];

std::uint64_t next_random()
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

std::size_t random_size()
{
    std::uint64_t random = next_random();

    switch (random % 100) {
    case 0:
        return 0;
    case 1:
        return SIZE_MAX / 2 + random / 100 % 100000; // beyond PTRDIFF_MAX
    case 2:
        return SIZE_MAX - random / 100 % 100000;
    case 3:
        return random / 100 % 300000;
    default:
        return random / 100 % 700;
    }
}

void say(const char *format, std::size_t a, std::size_t b, std::size_t c, int d)
{
    char line[200];
    int length = std::snprintf(line, sizeof line, format, a, b, c, d);

    for (int i = 0; i < length; i++)
        digest = (digest ^ static_cast<unsigned char>(line[i])) * 1099511628211u;
    if (!digests)
        std::fputs(line, stdout);
}

void give_up()
{
    handled++;
    std::set_new_handler(nullptr);
}

void throw_at_once()
{
    handled++;
    throw std::bad_alloc();
}

unsigned char *make(kind how, bool nothrow, std::size_t size, std::align_val_t alignment)
{
    void *block = nullptr;

    switch (how) {
    case PLAIN:
        block = nothrow ? operator new(size, std::nothrow) : operator new(size);
        break;
    case ARRAY:
        block = nothrow ? operator new[](size, std::nothrow) : operator new[](size);
        break;
    case ALIGNED:
        block = nothrow ? operator new(size, alignment, std::nothrow) : operator new(size, alignment);
        break;
    case ALIGNED_ARRAY:
        block = nothrow ? operator new[](size, alignment, std::nothrow)
                        : operator new[](size, alignment);
        break;
    }
    return static_cast<unsigned char *>(block);
}

void let_go(slot &slot)
{
    auto alignment = static_cast<std::align_val_t>(slot.alignment);
    bool sized = next_random() % 2;

    errno = 4242;
    switch (slot.made) {
    case PLAIN:
        sized ? operator delete(slot.block, slot.size) : operator delete(slot.block);
        break;
    case ARRAY:
        sized ? operator delete[](slot.block, slot.size) : operator delete[](slot.block);
        break;
    case ALIGNED:
        sized ? operator delete(slot.block, slot.size, alignment)
              : operator delete(slot.block, alignment);
        break;
    case ALIGNED_ARRAY:
        sized ? operator delete[](slot.block, slot.size, alignment)
              : operator delete[](slot.block, alignment);
        break;
    }
    say("delete %zu of kind %zu, sized %zu: errno %d\n", slot.size, slot.made, sized, errno);
    slot.block = nullptr;
}

void one_call()
{
    slot &slot = all[next_random() % slots];
    bool nothrow = next_random() % 2;
    std::size_t usable;

    if (slot.block) {
        let_go(slot);
        return;
    }
    slot.made = static_cast<kind>(next_random() % 4);
    slot.size = random_size();
    slot.alignment = std::size_t{1} << next_random() % 13;
    handled = 0;
    std::set_new_handler(next_random() % 2 ? give_up : next_random() % 2 ? throw_at_once : nullptr);
    errno = 4242;
    try {
        slot.block = make(slot.made, nothrow, slot.size,
                          static_cast<std::align_val_t>(slot.alignment));
    } catch (const std::bad_alloc &) {
        say("new %zu of kind %zu: thrown, handled %zu, errno %d\n", slot.size, slot.made, handled,
            errno);
        return;
    }
    int error = errno;
    usable = malloc_usable_size(slot.block);
    say("new %zu of kind %zu: usable %zu, errno %d\n", slot.size, slot.made, usable, error);
    if (slot.made >= ALIGNED && reinterpret_cast<std::uintptr_t>(slot.block) % slot.alignment)
        say("%zu: not aligned\n", slot.alignment, 0, 0, 0);
    if (slot.block) // libstdc++ 12 gives few bytes for nearly 2^64 that are aligned
        std::memset(slot.block, 1, slot.size < usable ? slot.size : usable);
}

} // namespace

int main(int argc, char **argv)
{
    long calls = argc > 2 ? std::atol(argv[2]) : 100000;

    state = 88172645463325252u + static_cast<std::uint64_t>(argc > 1 ? std::atol(argv[1]) : 0);
    digests = argc > 3;
    std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (long i = 1; i <= calls; i++) {
        one_call();
        if (digests && i % 10000 == 0)
            std::printf("%016llx\n", static_cast<unsigned long long>(digest));
    }
    return 0;
}
