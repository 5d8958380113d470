#include "unit.h"

#include "model/template_names.h"

#include <string.h>

static void expect(const char *from, const char *to)
{
    char text[512];

    strcpy(text, from);
    template_names_shorten(text);
    assert_string_equal(text, to);
}

static void what_is_said_is_kept(void **state)
{
    (void)state;
    expect("", "");
    expect("int", "int");
    expect("struct list *", "struct list *");
    expect("app::Box<int>", "app::Box<int>");
    expect("app::Box<app::Box<int> >", "app::Box<app::Box<int> >");
    expect("std::map<int, int, std::greater<int> >", "std::map<int, int, std::greater<int> >");
    expect("std::vector<int, app::allocator<int> >", "std::vector<int, app::allocator<int> >");
}

static void what_goes_without_saying_is_left_out(void **state)
{
    (void)state;
    expect("std::vector<int, std::allocator<int> >", "std::vector<int>");
    expect("std::vector<int, std::allocator<int> > *[3]", "std::vector<int> *[3]");
    expect("std::map<int, Item*, std::less<int>, std::allocator<std::pair<int const, Item*> > >",
           "std::map<int, Item*>");
    expect("std::unique_ptr<Item, std::default_delete<Item> >", "std::unique_ptr<Item>");
    expect("std::vector<std::unique_ptr<Item, std::default_delete<Item> >, "
           "std::allocator<std::unique_ptr<Item, std::default_delete<Item> > > >",
           "std::vector<std::unique_ptr<Item> >");
    expect("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
           "std::string");
    expect("std::vector<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
           ">, std::allocator<std::__cxx11::basic_string<char, std::char_traits<char>, "
           "std::allocator<char> > > >",
           "std::vector<std::string>");
}

static void what_was_cut_stays_as_it_is(void **state)
{
    (void)state;
    expect("std::vector<int, std::allocator<", "std::vector<int, std::allocator<");
    expect("std::vector<int, std::allocator<int", "std::vector<int, std::allocator<int");
    expect("std::vector<int, std::allocator<int>", "std::vector<int, std::allocator<int>");
    expect(">, std::less<>>><", ">>><");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_kept),
        cmocka_unit_test(what_goes_without_saying_is_left_out),
        cmocka_unit_test(what_was_cut_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
