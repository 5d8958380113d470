/* containers.cpp - what C++ keeps: pointers that count, containers, exceptions. */
#include "scene.h"

#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct owner {
    std::shared_ptr<owner> other;
    char bytes[40];
};

SITE std::shared_ptr<owner> owner_new()
{
    return std::make_shared<owner>();
}

/* Two that own each other. */
void shared_cycle(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        auto one = owner_new(), two = owner_new();

        one->other = two;
        if (draw(30) == 0)
            two->other = one;
        traffic(1);
        step(i);
    }
}

/* Never destroyed, as is usual for what outlives everything. */
auto &sessions = *new std::map<unsigned, std::string>;

SITE void session_add(unsigned key)
{
    sessions[key] = std::string(40 + draw(40), 's');
}

/* Sessions are entered under ever new keys. */
void map_grows(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        session_add(i);
        traffic(3);
        step(i);
    }
}

/* … under one of few. */
void map_steady(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        session_add(draw(300));
        traffic(3);
        step(i);
    }
}

auto &numbers = *new std::vector<unsigned>;

SITE void numbers_reserve(size_t count)
{
    numbers.reserve(count);
}

SITE void numbers_add(unsigned number)
{
    numbers.push_back(number);
}

/* Room for all that will ever come. */
void vector_reserve(unsigned requests)
{
    numbers_reserve(requests);
    for (unsigned i = 0; i < requests; i++) {
        numbers_add(i);
        traffic(2);
        step(i);
    }
}

/* Emptied after each round; the room stays. */
void vector_clear(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        numbers_add(i);
        if (draw(200) == 0)
            numbers.clear();
        traffic(2);
        step(i);
    }
}

auto &names = *new std::set<std::string>;

SITE void name_intern(const std::string &name)
{
    names.insert(name);
}

/* Names are kept once, but there is a number in each. */
void names_numbered(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        name_intern("the request with the number " + std::to_string(i - draw(20) * i / 100));
        traffic(3);
        step(i);
    }
}

SITE char *body_new(size_t size)
{
    char *body = new char[size];

    memset(body, 'b', size);
    return body;
}

void serve(unsigned input)
{
    char *body = body_new(100);

    if (input == 0)
        throw std::runtime_error("refused");
    delete[] body;
}

/* What is thrown passes over the line that deletes. */
void exception_path(unsigned requests)
{
    unsigned refused = 0;

    for (unsigned i = 0; i < requests; i++) {
        try {
            serve(draw(100));
        } catch (const std::runtime_error &) {
            refused++;
        }
        traffic(2);
        step(i);
    }
}

} // namespace

const struct scene scenes[] = {
    {"shared_cycle", shared_cycle, 10000},
    {"map_grows", map_grows, 6000},
    {"map_steady", map_steady, 10000},
    {"vector_reserve", vector_reserve, 8000},
    {"vector_clear", vector_clear, 15000},
    {"names_numbered", names_numbered, 6000},
    {"exception_path", exception_path, 10000},
    {nullptr, nullptr, 0},
};
