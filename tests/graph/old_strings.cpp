/* old_strings.cpp - strings that share their bytes: all that holds them points behind a header. */
#include "truth.h"

#include <map>
#include <string>
#include <vector>

extern "C" {

static APART void string(void)
{
    static std::string *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::string("a text of some length");
}

static APART void only_one_in_a_variable(void)
{
    alignas(8) static char memory[sizeof(std::string)];

    truth_add(__func__, HELD, 1, 24 + 21 + 1);
    new (memory) std::string("a text of some length");
}

static APART void lost_string(void)
{
    std::string *made = new std::string;

    truth_add(__func__, LOST, 1, sizeof *made);
    truth_add(__func__, WITH_LOST, 1, 24 + 30 + 1);
    made->append(30, 'x');
    __asm__ volatile("" : : "r"(made) : "memory");
}

static APART void strings(void)
{
    static std::vector<std::string> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::vector<std::string>;
    for (int i = 0; i < 100; i++)
        kept->push_back(std::string(static_cast<size_t>(i) + 10, 'x'));
}

static APART void map_of_strings(void)
{
    static std::map<std::string, std::string> *volatile kept;

    truth_any(__func__, HELD);
    kept = new std::map<std::string, std::string>;
    for (int i = 0; i < 50; i++)
        (*kept)[std::string(static_cast<size_t>(i) + 1, 'x')] = std::string(40, 'y');
}

} // extern "C"

int main()
{
    static void (*const functions[])(void) = {
        string, only_one_in_a_variable, lost_string, strings, map_of_strings,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
