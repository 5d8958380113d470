/* varied_frames_cplusplus.cpp - frames below which an exception is on its way. */
#include "varied_frames.h"

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct goes_on_in_its_destructor {
    int depth;

    ~goes_on_in_its_destructor()
    {
        next_frame(depth);
    }
};

__attribute__((noinline)) void throw_something(int depth)
{
    if (depth % 2)
        throw std::runtime_error("thrown");
    throw depth;
}

/* Goes on while the exception unwinds through here. */
__attribute__((noinline)) int in_destructor(int depth)
{
    try {
        goes_on_in_its_destructor here{depth};
        throw_something(depth);
    } catch (...) {
        return 1;
    }
    return 0;
}

__attribute__((noinline)) int in_handler(int depth)
{
    try {
        throw_something(depth);
    } catch (const std::exception &) {
        return next_frame(depth);
    } catch (int) {
        return next_frame(depth) + 1;
    }
    return 0;
}

__attribute__((noinline)) int through_function(int depth)
{
    std::function<int(int)> function = [depth](int more) { return next_frame(depth) + more; };

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
        return next_frame(depth);
    }
    int go_too(int depth) override
    {
        std::string text(40, 'x');

        return next_frame(depth) + static_cast<int>(text.size());
    }
};

__attribute__((noinline)) int through_thunk(int depth)
{
    derived object;
    other_base *second = &object;

    __asm__ volatile("" : "+r"(second));
    return second->go_too(depth);
}

} // namespace

int (*const cplusplus_frames[])(int depth) = {in_destructor, in_handler, through_function,
                                              through_thunk};
const unsigned cplusplus_frame_count = 4;
