/* Which blocks a filter keeps, and which frames it passes over. */
#include "model/filter.h"

#include "fake_symbols.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A stack, newest first: main calls work, which calls a library. */
static const struct symbol newest = FAKE_SYMBOL("/home/me/src/cache.c", 31, "cache_add");
static const struct symbol middle = FAKE_SYMBOL("/home/me/src/work.c", 7, "work");
static const struct symbol oldest = FAKE_SYMBOL("/home/me/src/main.c", 99, "main");
static const struct symbol bare = {
    .function = "fopen", .module = "libc.so.6", .offset = 0x1234, .place = "libc.so.6(fopen)"};
static const struct symbol stripped = {
    .module = "libc.so.6", .offset = 0x1234, .place = "libc.so.6+0x1234"};

static const struct symbol *const stack[] = {&newest, &middle, &oldest};

static void add(struct filter *filter, enum filter_kind kind, const char *text)
{
    struct error error;

    assert_int_equal(filter_add(filter, kind, text, &error), 0);
}

/* Does the pattern TEXT match SYMBOL? */
static bool matches(const char *text, const struct symbol *symbol)
{
    struct filter *filter = filter_create();
    bool kept;

    add(filter, FILTER_INCLUDE, text);
    kept = filter_keeps(filter, NULL, symbol, &symbol, 1);
    filter_destroy(filter);
    return kept;
}

static void pattern_is_of_a_file_by_default(void **state)
{
    (void)state;
    assert_true(matches("/home/me/src/cache.c", &newest));
    assert_true(matches("cache.c", &newest));
    assert_true(matches("src/cache.c", &newest));
    assert_true(matches("file=src/*.c", &newest));
    assert_true(matches("/home/*", &newest));
    assert_true(matches("cach[a-e].?", &newest));
    assert_false(matches("ache.c", &newest));
    assert_false(matches("cache", &newest));
    assert_false(matches("CACHE.C", &newest));
    assert_false(matches("cache_add", &newest));
}

static void pattern_may_have_a_line(void **state)
{
    (void)state;
    assert_true(matches("cache.c:31", &newest));
    assert_false(matches("cache.c:32", &newest));
    assert_false(matches("cache.c:3", &newest));
    assert_true(matches("function=cache_add:31", &newest));
    assert_false(matches("function=cache_add:30", &newest));
}

static void pattern_may_be_of_a_function_or_a_module(void **state)
{
    static const struct symbol method = FAKE_SYMBOL("a.cc", 1, "std::map<int, int>::at(int)");
    static const struct symbol array = FAKE_SYMBOL("a.cc", 1, "operator delete[](void*)");

    (void)state;
    assert_true(matches("function=cache_*", &newest));
    assert_false(matches("function=cache", &newest));
    assert_true(matches("module=app", &newest));
    assert_false(matches("module=ap", &newest));
    assert_true(matches("module=libc.so*", &stripped));
    assert_false(matches("function=*", &stripped));
    /* Neither `::` nor `[]` hurts. */
    assert_true(matches("function=std::map<*", &method));
    assert_true(matches("function=std::map<int, int>::at(int)", &method));
    assert_true(matches("function=operator delete[](void*)", &array));
}

static void frame_without_line_has_its_place_for_a_file(void **state)
{
    (void)state;
    assert_true(matches("libc.so.6(fopen)", &bare));
    assert_true(matches("libc.so.6*", &bare));
    assert_true(matches("libc.so.6+0x1234", &stripped));
    assert_false(matches("libc.so.6(fopen):1", &bare));
}

static void bad_pattern_is_refused(void **state)
{
    static const char *const texts[] = {"", "file=", "function=", "threads=main", "x=y",
                                        "domain=", "domain=x", "domain=4294967296", "domain=2,"};
    struct filter *filter = filter_create();

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct error error = {""};

        assert_int_equal(filter_add(filter, FILTER_INCLUDE, texts[i], &error), -EINVAL);
        assert_non_null(strstr(error.text, texts[i]));
    }
    assert_false(filter_has_patterns(filter));
    filter_destroy(filter);
}

/* tracemalloc: kept if any inclusive filter matches, or there is none, and no
 * exclusive one rejects. */
static void exclusive_wins_over_inclusive(void **state)
{
    static const struct {
        const char *include[2], *exclude[2];
        bool kept;
    } cases[] = {
        {{NULL}, {NULL}, true},
        {{"cache.c"}, {NULL}, true},
        {{"other.c"}, {NULL}, false},
        {{"other.c", "cache.c"}, {NULL}, true},
        {{"cache.c", "other.c"}, {NULL}, true},
        {{NULL}, {"other.c"}, true},
        {{NULL}, {"other.c", "cache.c"}, false},
        {{"cache.c"}, {"cache.c:31"}, false},
        {{"cache.c"}, {"cache.c:30"}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filter *filter = filter_create();

        for (size_t j = 0; j < 2; j++) {
            if (cases[i].include[j])
                add(filter, FILTER_INCLUDE, cases[i].include[j]);
            if (cases[i].exclude[j])
                add(filter, FILTER_EXCLUDE, cases[i].exclude[j]);
        }
        assert_int_equal(filter_keeps(filter, NULL, stack[0], stack, 1), cases[i].kept);
        filter_destroy(filter);
    }
}

/* With all frames: an inclusive pattern needs one frame, an exclusive one rejects by one. */
static void any_frame_decides_if_all_are_looked_at(void **state)
{
    struct filter *include = filter_create(), *exclude = filter_create();

    (void)state;
    add(include, FILTER_INCLUDE, "main.c");
    assert_false(filter_wants_all_frames(include));
    assert_false(filter_keeps(include, NULL, stack[0], stack, 1));
    filter_look_at_all_frames(include);
    assert_true(filter_wants_all_frames(include));
    assert_true(filter_keeps(include, NULL, stack[0], stack, 3));

    add(exclude, FILTER_EXCLUDE, "main.c");
    assert_true(filter_keeps(exclude, NULL, stack[0], stack, 1));
    filter_look_at_all_frames(exclude);
    assert_false(filter_keeps(exclude, NULL, stack[0], stack, 3));
    filter_destroy(include);
    filter_destroy(exclude);
}

static bool keeps(enum filter_kind kind, const char *text, uint32_t domain)
{
    struct filter *filter = filter_create();
    bool kept;

    add(filter, kind, text);
    kept = filter_keeps(filter, &(struct filter_owner){.domain = domain}, stack[0], stack, 3);
    filter_destroy(filter);
    return kept;
}

static bool keeps_owner(enum filter_kind kind, const char *text, const struct filter_owner *owner)
{
    struct filter *filter = filter_create();
    bool kept;

    add(filter, kind, text);
    assert_true(filter_wants_threads(filter));
    kept = filter_keeps(filter, owner, stack[0], stack, 3);
    filter_destroy(filter);
    return kept;
}

static void pattern_may_be_of_a_thread(void **state)
{
    const struct filter_owner worker = {
        .tid = 4712, .thread_name = "pool:7", .thread_start = &middle, .domain = 2};
    const struct filter_owner nameless = {.thread_start = &stripped};
    struct filter *filter = filter_create();
    struct error error;

    (void)state;
    assert_true(keeps_owner(FILTER_INCLUDE, "thread=work", &worker));
    assert_true(keeps_owner(FILTER_INCLUDE, "thread=pool:7", &worker));
    assert_true(keeps_owner(FILTER_INCLUDE, "thread=pool*", &worker));
    assert_true(keeps_owner(FILTER_INCLUDE, "thread=4712", &worker));
    assert_true(keeps_owner(FILTER_INCLUDE, "domain=2,thread=pool:7", &worker));
    assert_false(keeps_owner(FILTER_INCLUDE, "domain=1,thread=pool:7", &worker));
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=pool", &worker));
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=main", &worker));
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=cache_add", &worker)); /* the newest frame */
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=471", &worker));
    assert_false(keeps_owner(FILTER_EXCLUDE, "thread=work", &worker));
    assert_true(keeps_owner(FILTER_EXCLUDE, "thread=other", &worker));
    assert_true(keeps_owner(FILTER_INCLUDE, "thread=libc.so.6+0x*", &nameless));
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=0", &nameless));
    assert_false(keeps_owner(FILTER_INCLUDE, "thread=*", NULL));

    assert_int_equal(filter_add(filter, FILTER_SKIP, "thread=work", &error), -EINVAL);
    assert_int_equal(filter_add(filter, FILTER_INCLUDE, "thread=", &error), -EINVAL);
    add(filter, FILTER_INCLUDE, "work.c");
    assert_false(filter_wants_threads(filter));
    filter_destroy(filter);
}

static void pattern_may_have_a_domain(void **state)
{
    (void)state;
    assert_true(keeps(FILTER_INCLUDE, "domain=2", 2));
    assert_false(keeps(FILTER_INCLUDE, "domain=2", 0));
    assert_false(keeps(FILTER_EXCLUDE, "domain=2", 2));
    assert_true(keeps(FILTER_EXCLUDE, "domain=2", 0));
    assert_true(keeps(FILTER_INCLUDE, "domain=2,cache.c", 2));
    assert_false(keeps(FILTER_INCLUDE, "domain=2,cache.c", 1));
    assert_false(keeps(FILTER_INCLUDE, "domain=2,other.c", 2));
    /* Out goes only what matches both. */
    assert_false(keeps(FILTER_EXCLUDE, "domain=2,file=cache.c", 2));
    assert_true(keeps(FILTER_EXCLUDE, "domain=2,file=cache.c", 1));
    assert_true(keeps(FILTER_EXCLUDE, "domain=2,file=other.c", 2));
}

static void a_pattern_alone_may_look_at_all_frames(void **state)
{
    (void)state;
    assert_false(keeps(FILTER_INCLUDE, "main.c", 0));
    assert_true(keeps(FILTER_INCLUDE, "all-frames,main.c", 0));
    assert_true(keeps(FILTER_INCLUDE, "domain=0,all-frames,file=main.c", 0));
    assert_false(keeps(FILTER_EXCLUDE, "all-frames,main.c", 0));
}

/* Whole names of files, no skipping, and .pyc is .py. */
static void in_the_manner_of_tracemalloc(void **state)
{
    struct filter *filter = filter_create();
    const struct symbol source = {.file = "/src/x.py", .line = 1, .place = ""};
    const struct symbol *symbol = &source;

    (void)state;
    add(filter, FILTER_SKIP, "cache_*");
    assert_true(filter_skips(filter, &newest));
    add(filter, FILTER_INCLUDE, "x.py");
    assert_true(filter_keeps(filter, NULL, symbol, &symbol, 1));
    filter_follow_tracemalloc(filter);
    assert_false(filter_skips(filter, &newest));
    assert_false(filter_keeps(filter, NULL, symbol, &symbol, 1));
    add(filter, FILTER_INCLUDE, "*/x.pyc");
    assert_true(filter_keeps(filter, NULL, symbol, &symbol, 1));
    filter_destroy(filter);
}

static void wrappers_are_skipped(void **state)
{
    static const char *const wrappers[] = {
        "operator new",
        "operator new(unsigned long)",
        "operator new[](unsigned long)",
        "operator new[]",
        "operator new(unsigned long, std::align_val_t)",
        "malloc",
        "strdup",
        "__strdup",
        "g_malloc0",
        "xmalloc",
        "CRYPTO_zalloc",
        "PyObject_Malloc",
        "Perl_safesysrealloc",
        "sqlite3_malloc64",
        "sqlite3DbMallocRawNN",
        "std::__new_allocator<int>::allocate(unsigned long, void const*)",
        "zmalloc",
        "ztrycalloc_usable_internal",
        "zrealloc",
    };
    static const char *const others[] = {
        "main",         "operator<<",    "operator newish",
        "strdupa_like", "xmalloc_stats", "std::vector<int>::push_back(int const&)",
        "PyObject_GetAttr", "_PyObject_GC_New", "sqlite3AllocateIndexObject",
    };
    struct filter *filter = filter_create();

    (void)state;
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
        assert_true(filter_skips(filter, &(struct symbol){.function = wrappers[i], .place = ""}));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(filter_skips(filter, &(struct symbol){.function = others[i], .place = ""}));
    assert_false(filter_skips(filter, &stripped));
    filter_destroy(filter);
}

static void standard_library_is_known_by_its_names(void **state)
{
    static const char *const standard[] = {
        "std::vector<int>::push_back(int const&)",
        "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>(int&&)",
        "std::shared_ptr<a::b> std::make_shared<a::b, int (&) [3]>(int (&) [3])",
        "std::map<int, int>::operator[](int const&)",
        "void std::function<void (int)>::operator()(int) const",
        "decltype (p->q()) std::call(int)",
        "std::_Function_handler<void (), main::{lambda()#1}>::_M_invoke(std::_Any_data const&)",
        "__gnu_cxx::new_allocator<char>::allocate(unsigned long, void const*)",
        "std::getline",
    };
    static const char *const others[] = {
        "std::vector<int> made<int>(int)",
        "std::string (anonymous namespace)::named<int>(std::string)",
        "app::name::operator std::string() const",
        "app::call(std::function<void ()>)",
        "void app::sort<std::less<int> >(int*)",
        "bool app::operator< <std::less<int> >(app::a, app::b)",
        "nonstd::vector<int>::push_back(int)",
        "main",
        "{lambda(std::string)#1}::operator()(std::string) const",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
        assert_true(filter_is_standard(&(struct symbol){.function = standard[i], .place = ""}));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(filter_is_standard(&(struct symbol){.function = others[i], .place = ""}));
    assert_false(filter_is_standard(&stripped));
}

static void skip_pattern_is_of_a_function_by_default(void **state)
{
    struct filter *filter = filter_create();

    (void)state;
    add(filter, FILTER_SKIP, "cache_*");
    add(filter, FILTER_SKIP, "file=main.c");
    assert_true(filter_skips(filter, &newest));
    assert_false(filter_skips(filter, &middle));
    assert_true(filter_skips(filter, &oldest));
    /* To skip is not to filter. */
    assert_false(filter_has_patterns(filter));
    assert_true(filter_keeps(filter, NULL, stack[0], stack, 3));
    filter_destroy(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pattern_is_of_a_file_by_default),
        cmocka_unit_test(pattern_may_have_a_line),
        cmocka_unit_test(pattern_may_be_of_a_function_or_a_module),
        cmocka_unit_test(frame_without_line_has_its_place_for_a_file),
        cmocka_unit_test(bad_pattern_is_refused),
        cmocka_unit_test(exclusive_wins_over_inclusive),
        cmocka_unit_test(any_frame_decides_if_all_are_looked_at),
        cmocka_unit_test(pattern_may_have_a_domain),
        cmocka_unit_test(a_pattern_alone_may_look_at_all_frames),
        cmocka_unit_test(pattern_may_be_of_a_thread),
        cmocka_unit_test(in_the_manner_of_tracemalloc),
        cmocka_unit_test(wrappers_are_skipped),
        cmocka_unit_test(standard_library_is_known_by_its_names),
        cmocka_unit_test(skip_pattern_is_of_a_function_by_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
