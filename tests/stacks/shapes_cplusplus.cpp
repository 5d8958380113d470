/* shapes_cplusplus.cpp - frames that an exception passes through, or was caught in. */
#include "walk.h"

#include "compare.h"

#include <functional>
#include <stdexcept>
#include <string>

#define NOINLINE __attribute__((noinline))

namespace {

/* A way for exceptions, as long as it lives: what they jump over is put back. */
struct catching {
    struct walk before = walk;
    unsigned blind = compare_blind;

    catching()
    {
        walk.catches = true;
        walk.way_out = nullptr; // a jump would skip destructors
    }
    ~catching()
    {
        before.random = walk.random;
        before.left = walk.left;
        before.quiet = walk.quiet;
        walk = before;
        compare_blind = blind;
    }
};

/* Goes on while an exception unwinds through its frame, and otherwise as well. */
struct goes_on_at_its_end {
    int depth;

    ~goes_on_at_its_end()
    {
        catching inner; // a second exception must not leave
        try {
            walk_next(depth)(depth - 1);
        } catch (...) {
        }
    }
};

NOINLINE int with_destructor(int depth)
{
    goes_on_at_its_end here{ depth / 2 };

    return walk_next(depth)(depth - 1) + 1;
}

NOINLINE int with_string(int depth)
{
    std::string text(40 + walk_below(2), 'x');
    int result = walk_next(depth)(depth - 1);

    return result + static_cast<int>(text.size());
}

NOINLINE int catches_all(int depth)
{
    try {
        catching here;

        return walk_next(depth)(depth - 1) + walk_next(depth)(depth - 1);
    } catch (...) {
        return 1;
    }
}

NOINLINE int goes_on_in_handler(int depth)
{
    int result = 0;

    {
        catching here;

        try {
            result = walk_next(depth)(depth - 1);
        } catch (const std::exception &) {
            walk.catches = here.before.catches;
            walk.way_out = nullptr;
            result = walk_next(depth)(depth - 1);
        } catch (int) {
            walk.catches = here.before.catches;
            walk.way_out = nullptr;
            result = walk_next(depth)(depth - 1) + 1;
        }
    }
    return result;
}

NOINLINE int through_function(int depth)
{
    std::function<int(int)> function = [depth](int more) {
        return walk_next(depth)(depth - 1) + more;
    };

    return function(3);
}

struct base {
    virtual ~base() = default;
    virtual int go(int depth) = 0;
};

struct other_base {
    virtual ~other_base() = default;
    virtual int go_too(int depth) = 0;
};

/* Called by its second base: through a thunk. */
struct derived : base, other_base {
    int go(int depth) override
    {
        return walk_next(depth)(depth - 1);
    }
    int go_too(int depth) override
    {
        std::string text(40, 'x');

        return walk_next(depth)(depth - 1) + static_cast<int>(text.size());
    }
};

NOINLINE int through_thunk(int depth)
{
    derived object;
    other_base *second = &object;

    __asm__ volatile("" : "+r"(second));
    return second->go_too(depth);
}

} // namespace

int walk_throw(int depth)
{
    walk_end(depth);
    if (walk_below(2))
        throw std::runtime_error("thrown");
    throw depth;
}

extern "C" {
walk_shape *const walk_cplusplus[] = {
    with_destructor, with_string,   catches_all, goes_on_in_handler,
    through_function, through_thunk, nullptr,
};
}
