// Blocks of known types in C++; prints what typed_c.c does.
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace app {
struct Plain {
    int number;
    char *text;
};
struct Shape {
    virtual ~Shape() {}
    virtual int corners() { return 0; }
    Plain *plain = nullptr;
};
struct Named {
    virtual ~Named() {}
    virtual const char *name() { return "named"; }
    int length = 1;
};
struct Square : Shape {
    int corners() override { return 4; }
};
struct Both : Shape, Named {
    int corners() override { return 5; }
    const char *name() override { return "both"; }
};
namespace {
struct Hidden : Shape {
    int corners() override { return 6; }
    long more = 0;
};
}
template <typename T> struct Box : Shape {
    T inside{};
};
struct Virtual : virtual Shape {
    long own = 1;
};
}

static std::map<int, app::Plain *> by_number;
static std::vector<app::Shape *> shapes;
static std::vector<std::unique_ptr<app::Named>> named; // at the second base class
static std::list<app::Plain> listed;
static std::shared_ptr<app::Square> shared;
app::Shape *array;
void *untyped;

int main()
{
    static char out[4096];

    setvbuf(stdout, out, _IOFBF, sizeof out);
    for (int i = 0; i < 10; i++) {
        by_number[i] = new app::Plain{i, new char[20 + i]};
        listed.push_back(app::Plain{i, nullptr});
        named.push_back(std::make_unique<app::Both>());
    }
    shapes.reserve(16);
    shapes.push_back(new app::Square);
    shapes.push_back(new app::Hidden);
    shapes.push_back(new app::Box<int>);
    shapes.push_back(new app::Virtual);
    shapes[0]->plain = new app::Plain{1, nullptr};
    shared = std::make_shared<app::Square>();
    shared->plain = new app::Plain{2, nullptr};
    array = new app::Shape[7];
    untyped = new app::Square; // by its table of functions all the same
    printf("10\tdeclared\tstd::_Rb_tree_node<std::pair<int const, app::Plain*> >\n"
           "10\tdeclared\tstd::_List_node<app::Plain>\n"
           "12\tdeclared\tapp::Plain\n"
           "10\tdeclared\tchar[]\n"
           "10\tvtable\tapp::Both\n"
           "1\tdeclared\tapp::Shape *[]\n"
           "2\tvtable\tapp::Square\n"
           "1\tvtable\tapp::(anonymous namespace)::Hidden\n"
           "1\tvtable\tapp::Box<int>\n"
           "1\tvtable\tapp::Virtual\n"
           "1\tvtable\tapp::Shape[]\n"
           "1\tvtable\tstd::_Sp_counted_ptr_inplace<app::Square, std::allocator<void>, "
           "(__gnu_cxx::_Lock_policy)2>\n"
           "1\tdeclared\tstd::unique_ptr<app::Named, std::default_delete<app::Named> >[]\n");
    fflush(stdout);
    _exit(0);
}
