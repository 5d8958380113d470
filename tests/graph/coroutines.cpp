/* coroutines.cpp - frames of C++20 coroutines, which are blocks. */
#include "truth.h"

#include <coroutine>

struct task {
    struct promise_type {
        task get_return_object()
        {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept
        {
            return {};
        }
        std::suspend_always final_suspend() noexcept
        {
            return {};
        }
        void return_void()
        {
        }
        void unhandled_exception()
        {
            abort();
        }
    };
    std::coroutine_handle<promise_type> handle;
};

static task hold(long *block)
{
    co_await std::suspend_always();
    delete block;
}

extern "C" {

static APART long *block_of_held_frame(void)
{
    truth_any(__func__, HELD);
    return new long;
}

static APART void held_frame(void)
{
    static void *volatile kept;

    truth_any(__func__, HELD);
    kept = hold(block_of_held_frame()).handle.address();
}

static APART long *block_of_lost_frame(void)
{
    truth_any(__func__, WITH_LOST);
    return new long;
}

static APART void lost_frame(void)
{
    void *frame = hold(block_of_lost_frame()).handle.address();

    truth_any(__func__, LOST);
    __asm__ volatile("" : : "r"(frame) : "memory");
}

} // extern "C"

int main()
{
    static void (*const functions[])(void) = {held_frame, lost_frame};

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
