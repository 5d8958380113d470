/* objects.cpp - blocks of C++ objects, held as C++ holds them, and lost. */
#include "truth.h"

#include <any>
#include <array>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

template <class T> static T *keep(T *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
    return object;
}

struct with_destructor {
    char *text = nullptr;
    long number = 0;

    ~with_destructor()
    {
        delete[] text;
    }
};

struct one_base {
    virtual ~one_base() = default;
    virtual int one()
    {
        return 1;
    }
    long of_one = 1;
};

struct other_base {
    virtual ~other_base() = default;
    virtual int other()
    {
        return 2;
    }
    long of_other = 2;
};

struct both : one_base, other_base {
    int one() override
    {
        return 3;
    }
    int other() override
    {
        return 4;
    }
};

struct virtual_one : virtual one_base {};
struct virtual_two : virtual one_base {};
struct diamond : virtual_one, virtual_two {};

extern "C" {

static APART void held_object(void)
{
    static one_base *volatile kept;

    truth_add(__func__, HELD, 1, sizeof(one_base));
    kept = new one_base;
}

static APART void lost_object(void)
{
    truth_add(__func__, LOST, 1, sizeof(one_base));
    keep(new one_base);
}

static APART void second_base(void)
{
    static other_base *volatile kept;

    truth_add(__func__, HELD, 1, sizeof(both));
    kept = new both;
}

static APART void virtual_base(void)
{
    static one_base *volatile kept;

    truth_add(__func__, HELD, 1, sizeof(diamond));
    kept = new diamond;
}

static APART void array_with_count(void)
{
    static with_destructor *volatile kept;

    truth_add(__func__, HELD, 1, 8 + 20 * sizeof(with_destructor));
    kept = new with_destructor[20];
}

static APART void lost_array_with_count(void)
{
    with_destructor *lost = new with_destructor[20];

    truth_add(__func__, LOST, 1, 8 + 20 * sizeof(with_destructor));
    for (int i = 0; i < 20; i++)
        lost[i].text = new char[30];
    truth_add(__func__, WITH_LOST, 20, 30);
    keep(lost);
}

static APART void short_string(void)
{
    static std::string *volatile kept;

    truth_add(__func__, HELD, 1, sizeof(std::string));
    kept = new std::string("short");
}

static APART void long_string(void)
{
    static std::string *volatile kept;

    truth_add(__func__, HELD, 1, sizeof(std::string));
    truth_add(__func__, HELD, 1, 101);
    kept = new std::string(100, 'x');
}

/* Its pointer to the short text points into itself. */
static APART void lost_short_string(void)
{
    truth_add(__func__, LOST, 1, sizeof(std::string));
    keep(new std::string("short"));
}

static APART void lost_long_string(void)
{
    truth_add(__func__, LOST, 1, sizeof(std::string));
    truth_add(__func__, WITH_LOST, 1, 101);
    keep(new std::string(100, 'x'));
}

static APART void held_vector(void)
{
    static std::vector<long *> *volatile kept;
    std::vector<long *> *made = new std::vector<long *>;

    truth_add(__func__, HELD, 1, sizeof *made);
    truth_add(__func__, HELD, 1, 64 * sizeof(long *));
    truth_add(__func__, HELD, 40, sizeof(long));
    made->reserve(64);
    for (int i = 0; i < 40; i++)
        made->push_back(new long(i));
    kept = made;
}

static APART void lost_vector(void)
{
    std::vector<long *> *made = new std::vector<long *>;

    truth_add(__func__, LOST, 1, sizeof *made);
    truth_add(__func__, WITH_LOST, 1, 64 * sizeof(long *));
    truth_add(__func__, WITH_LOST, 40, sizeof(long));
    made->reserve(64);
    for (int i = 0; i < 40; i++)
        made->push_back(new long(i));
    keep(made);
}

static APART void held_map(void)
{
    static std::map<int, std::string> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::map<int, std::string>;
    for (int i = 0; i < 200; i++)
        (*kept)[i] = std::string(50, 'x');
}

static APART void lost_map(void)
{
    std::map<int, long> *made = new std::map<int, long>;

    truth_add(__func__, LOST, 1, sizeof *made);
    truth_add(__func__, WITH_LOST, 100, 32 + 16);
    for (int i = 0; i < 100; i++)
        (*made)[i] = i;
    keep(made);
}

static APART void held_list(void)
{
    static std::list<std::string> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::list<std::string>;
    for (int i = 0; i < 50; i++)
        kept->push_back(std::string(60, 'x'));
}

static APART void lost_list(void)
{
    std::list<long> *made = new std::list<long>;

    truth_add(__func__, LOST, 1, sizeof *made);
    truth_add(__func__, WITH_LOST, 50, 24);
    for (int i = 0; i < 50; i++)
        made->push_back(i);
    keep(made);
}

static APART void held_hash_map(void)
{
    static std::unordered_map<std::string, int> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::unordered_map<std::string, int>;
    for (int i = 0; i < 200; i++)
        (*kept)[std::string(40, 'x') + std::to_string(i)] = i;
}

static APART void lost_hash_map(void)
{
    std::unordered_map<long, long> *made = new std::unordered_map<long, long>;

    truth_add(__func__, LOST, 1, sizeof *made);
    truth_add(__func__, WITH_LOST, 30, 24);
    made->reserve(50);
    truth_add(__func__, WITH_LOST, 1, 8 * made->bucket_count());
    for (int i = 0; i < 30; i++)
        (*made)[i] = i;
    keep(made);
}

/* Its elements lie in pieces of 512 bytes; two of its iterators point into them. */
static APART void held_deque(void)
{
    static std::deque<long> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::deque<long>;
    for (int i = 0; i < 1000; i++)
        kept->push_back(i);
}

static APART void other_containers(void)
{
    static std::set<int> *volatile set;
    static std::multimap<int, int> *volatile multimap;
    static std::forward_list<int> *volatile forward_list;

    truth_any(__func__, HELD);
    set = new std::set<int>{1, 2, 3};
    multimap = new std::multimap<int, int>{{1, 2}, {1, 3}};
    forward_list = new std::forward_list<int>{1, 2, 3};
}

/* No destructor runs for what is not destroyed. */
static APART void static_containers(void)
{
    alignas(8) static char memory[2][sizeof(std::map<int, int>)];
    std::map<int, int> *one = new (memory[0]) std::map<int, int>;
    std::list<int> *other = new (memory[1]) std::list<int>;

    truth_any(__func__, HELD);
    for (int i = 0; i < 20; i++) {
        (*one)[i] = i;
        other->push_back(i);
    }
}

struct linked {
    std::shared_ptr<linked> other;
    std::weak_ptr<linked> weak;
    long number = 0;
};

static APART void held_shared(void)
{
    static std::shared_ptr<linked> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::shared_ptr<linked>(new linked);
}

static APART void made_shared(void)
{
    static std::shared_ptr<linked> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::shared_ptr<linked>(std::make_shared<linked>());
}

/* Two that hold each other: one stands for both. Each is one block with its counts. */
static APART void shared_circle(void)
{
    std::shared_ptr<linked> one = std::make_shared<linked>(), other = std::make_shared<linked>();

    truth_add(__func__, LOST, 1, 16 + sizeof(linked));
    truth_add(__func__, WITH_LOST, 1, 16 + sizeof(linked));
    one->other = other;
    other->other = one;
}

static APART void shared_with_itself(void)
{
    std::shared_ptr<linked> one = std::make_shared<linked>();

    truth_add(__func__, LOST, 1, 16 + sizeof(linked));
    one->other = one;
}

static APART void shared_ring_of_five(void)
{
    std::shared_ptr<linked> all[5];

    truth_add(__func__, LOST, 1, 16 + sizeof(linked));
    truth_add(__func__, WITH_LOST, 4, 16 + sizeof(linked));
    for (auto &one : all)
        one = std::make_shared<linked>();
    for (int i = 0; i < 5; i++)
        all[i]->other = all[(i + 1) % 5];
}

/* A weak reference keeps the block of make_shared, though the object is gone. */
static APART void only_weak(void)
{
    static std::weak_ptr<linked> *volatile kept;
    std::shared_ptr<linked> one = std::make_shared<linked>();

    truth_any(__func__, HELD);
    kept = new std::weak_ptr<linked>(one);
}

static APART void released(void)
{
    std::unique_ptr<linked> one(new linked);

    truth_add(__func__, LOST, 1, sizeof(linked));
    keep(one.release());
}

static APART void function_object(void)
{
    static std::function<long()> *volatile kept;
    long numbers[10] = {1};

    truth_any(__func__, HELD);
    kept = new std::function<long()>([numbers] { return numbers[3]; });
}

static APART void any_object(void)
{
    static std::any *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::any(std::string(80, 'x'));
}

static APART void by_thread_local_object(void)
{
    static thread_local std::vector<int> *kept;

    truth_any(__func__, HELD);
    kept = new std::vector<int>(100);
    keep(&kept);
}

/* ---- exceptions ---- */

static volatile bool really = true;

static void give_up()
{
    if (really)
        throw std::runtime_error("a message that is too long to be short");
}

static APART void between_new_and_delete(void)
{
    try {
        long *numbers = keep(new long[50]);

        truth_add(__func__, LOST, 1, 50 * sizeof(long));
        give_up();
        delete[] numbers;
    } catch (const std::exception &) {
    }
}

struct half_made {
    long *numbers;

    half_made() : numbers(keep(new long[60]))
    {
        give_up();
    }
    ~half_made()
    {
        delete[] numbers;
    }
};

/* No destructor for what was not constructed; the memory of the object itself is given back. */
static APART void by_a_constructor_that_throws(void)
{
    try {
        truth_add(__func__, LOST, 1, 60 * sizeof(long));
        keep(new half_made);
    } catch (const std::exception &) {
    }
}

static APART void by_unwinding_many_frames(int depth)
{
    long *numbers = keep(new long[10 + (depth & 0)]);

    truth_add(__func__, LOST, 1, 10 * sizeof(long));
    if (depth == 0)
        give_up();
    else
        by_unwinding_many_frames(depth - 1);
    delete[] numbers;
}

static APART void catch_it(void)
{
    try {
        by_unwinding_many_frames(19);
    } catch (const std::exception &) {
    }
}

/* An exception that is kept lies 128 bytes into its block. */
static APART void kept_exception(void)
{
    static std::exception_ptr *volatile kept;

    truth_add(__func__, INSIDE, 1, 128 + 16);
    truth_add(__func__, HELD, 1, sizeof *kept);
    kept = new std::exception_ptr;
    try {
        throw std::pair<long, long>(1, 2);
    } catch (...) {
        *kept = std::current_exception();
    }
}

static APART void exception_in_flight(void)
{
    try {
        truth_add(__func__, INSIDE, 1, 128 + 24);
        throw std::array<long, 3>{1, 2, 3};
    } catch (const std::array<long, 3> &) {
        truth_print();
        exit(0); /* inside the handler */
    }
}

} // extern "C"

int main()
{
    static void (*const functions[])(void) = {
        held_object,
        lost_object,
        second_base,
        virtual_base,
        array_with_count,
        lost_array_with_count,
        short_string,
        long_string,
        lost_short_string,
        lost_long_string,
        held_vector,
        lost_vector,
        held_map,
        lost_map,
        held_list,
        lost_list,
        held_hash_map,
        lost_hash_map,
        held_deque,
        other_containers,
        static_containers,
        held_shared,
        made_shared,
        shared_circle,
        shared_with_itself,
        shared_ring_of_five,
        only_weak,
        released,
        function_object,
        any_object,
        by_thread_local_object,
        between_new_and_delete,
        by_a_constructor_that_throws,
        catch_it,
        kept_exception,
        exception_in_flight,
    };

    TRUTH_RUN_ALL(functions);
    return 1;
}
