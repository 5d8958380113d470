/* What suppressions of both languages mean, and how they are refused. */
#include "model/suppressions.h"

#include "fake_symbols.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

/* A stack, newest first: operator new (linked as _Znwm) ← Cache::fill ← work (inlined) ← main. */
static const struct symbol_list lists[] = {
    {0},
    FAKE_LIST({.function = "main", .linker_name = "main", .file = "/src/app/main.c", .line = 9,
               .place = "app(main)"}),
    FAKE_LIST({.function = "work(int)", .linker_name = "_Z4worki", .file = "/src/app/work.cc",
               .line = 20, .inlined = true, .place = "app(work)"},
              {.function = "loop", .linker_name = "loop", .file = "/src/app/loop.c", .line = 21,
               .place = "app(loop)"}),
    FAKE_LIST({.function = "Cache::fill()", .linker_name = "_ZN5Cache4fillEv",
               .file = "/src/lib/cache.cc", .line = 31, .place = "libcache.so(Cache::fill())"}),
    FAKE_LIST({.function = "operator new(unsigned long)", .linker_name = "_Znwm",
               .place = "libstdc++.so.6(operator new(unsigned long))"}),
};

static struct heap_module modules[] = {
    {.path = "/opt/app/app"}, {.path = "/usr/lib/libcache.so.1"}, {.path = "/usr/lib/libstdc++.so.6"}};
static struct heap_frame frames[] = {
    {0}, {.module = 1}, {.parent = 1, .module = 1}, {.parent = 2, .module = 2},
    {.parent = 3, .module = 3}};
static struct heap_stack stacks[] = {{.frame = 4}, {.frame = 3}}; /* by new, by malloc */
static const struct heap heap = {.modules = modules, .module_count = 3, .frames = frames,
                                 .frame_count = 5, .stacks = stacks, .stack_count = 2};

struct symbol_list symbols_frame(struct symbols *symbols, uint32_t frame)
{
    return symbols->lists[frame];
}

static bool matches_class(const char *text, uint32_t stack, enum graph_class class)
{
    struct suppressions *list = suppressions_create();
    struct symbols symbols = {lists};
    struct error error = {""};
    bool result;

    if (suppressions_parse(list, text, strlen(text), "test", &error) != 0)
        fail_msg("%s", error.text);
    result = suppressions_match(list, &heap, &symbols, stack, class, 2, 48);
    assert_int_equal(suppressions_get(list, 0)->stacks, result);
    assert_int_equal(suppressions_get(list, 0)->bytes, result ? 48 : 0);
    suppressions_destroy(list);
    return result;
}

/* Does TEXT suppress the blocks of the stack that has operator new? */
static bool matches(const char *text)
{
    return matches_class(text, 0, GRAPH_DEFINITELY_LOST);
}

static const char *refused(const char *text, size_t size)
{
    static struct error error;
    struct suppressions *list = suppressions_create();

    error = (struct error){""};
    assert_int_equal(suppressions_parse(list, text, size, "f.supp", &error), -EINVAL);
    assert_int_equal(suppressions_count(list), 0);
    suppressions_destroy(list);
    return error.text;
}

#define REFUSED(text, reason) assert_string_equal(refused(text, sizeof(text) - 1), "f.supp:" reason)

static void template_is_somewhere_in_the_text(void **state)
{
    (void)state;
    assert_true(suppressions_match_template("fill", "Cache::fill()"));
    assert_true(suppressions_match_template("Ca*f*l(", "Cache::fill()"));
    assert_true(suppressions_match_template("^Cache", "Cache::fill()"));
    assert_false(suppressions_match_template("^ache", "Cache::fill()"));
    assert_true(suppressions_match_template("fill()$", "Cache::fill()"));
    assert_false(suppressions_match_template("fill$", "Cache::fill()"));
    assert_true(suppressions_match_template("^Cache::fill()$", "Cache::fill()"));
    assert_false(suppressions_match_template("^Cache$", "Cache::fill()"));
    assert_true(suppressions_match_template("^C*e$", "CaeCae"));
    assert_true(suppressions_match_template("^*fill", "Cache::fill()"));
    assert_true(suppressions_match_template("aab", "aaab"));
    assert_true(suppressions_match_template("b$", "abab"));
    assert_false(suppressions_match_template("x*", "Cache"));
    assert_true(suppressions_match_template("*", "Cache"));
    /* What is a special character elsewhere is not one here. */
    assert_false(suppressions_match_template("fil?", "fill"));
    assert_true(suppressions_match_template("std::map<int>", "a std::map<int> b"));
}

static void leak_looks_at_functions_files_and_modules_of_all_frames(void **state)
{
    (void)state;
    assert_true(matches("leak:fill"));
    assert_true(matches("leak:Cache::*("));
    assert_true(matches("leak:_ZN5Cache"));
    assert_true(matches("leak:^main$"));
    assert_true(matches("leak:loop.c$"));
    assert_true(matches("leak:/usr/lib/libcache.so"));
    assert_true(matches("leak:work(int)"));
    assert_false(matches("leak:nobody"));
    assert_true(matches("# a comment\n\n  leak: fill \r\n"));
    assert_true(matches("leak:fill")); /* without a newline at its end */
}

static void frames_are_matched_from_the_newest_on(void **state)
{
    (void)state;
    assert_true(matches("{\n n\n Memcheck:Leak\n fun:_Znwm\n fun:_ZN5Cache4fillEv\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n fun:_Znw*\n fun:_ZN5Cache*\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n fun:_Znam\n fun:_ZN5Cache*\n}"));
    assert_false(matches("{\n n\n Memcheck:Leak\n fun:_ZN5Cache4fillEv\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n fun:_ZN5Cache4fillEv\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n fun:main\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n fun:loop\n ...\n fun:ma?n\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n fun:Cache::fill\n fun:work\n}"));
    assert_false(matches("{\n n\n Memcheck:Leak\n ...\n fun:main\n fun:loop\n}"));
    assert_false(matches("{\n n\n Memcheck:Leak\n ...\n fun:main\n fun:*\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n fun:*\n obj:*/libcache.so*\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n obj:/usr/lib/libstdc++.so.6\n ...\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n src:cache.cc:31\n}"));
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n src:lib/cache.cc\n}"));
    assert_false(matches("{\n n\n Memcheck:Leak\n ...\n src:cache.cc:32\n}"));
    assert_false(matches("{\n n\n Memcheck:Leak\n ...\n src:ache.cc\n}"));
    /* An ellipsis that must give way again. */
    assert_true(matches("{\n n\n Memcheck:Leak\n ...\n fun:*\n fun:main\n}"));
}

static void first_frame_may_be_the_allocator(void **state)
{
    const char *by_malloc = "{\n n\n Memcheck:Leak\n fun:malloc\n fun:_ZN5Cache4fillEv\n}";

    (void)state;
    assert_true(matches_class(by_malloc, 1, GRAPH_DEFINITELY_LOST));
    assert_false(matches(by_malloc)); /* operator new lies between */
    assert_true(matches_class("{\n n\n Memcheck:Leak\n fun:*alloc\n ...\n fun:main\n}", 1,
                              GRAPH_DEFINITELY_LOST));
    assert_true(matches_class("{\n n\n Memcheck:Leak\n obj:*vgpreload_memcheck*\n fun:*\n fun:*\n}", 1,
                              GRAPH_DEFINITELY_LOST));
    assert_false(matches_class("{\n n\n Memcheck:Leak\n fun:free\n fun:_ZN5Cache4fillEv\n}", 1,
                               GRAPH_DEFINITELY_LOST));
}

static void kinds_are_the_classes(void **state)
{
    const char *two = "{\n n\n Memcheck:Leak\n match-leak-kinds: definite,possible\n ...\n fun:main\n}";
    const char *none = "{\n n\n Memcheck:Leak\n match-leak-kinds: none\n ...\n fun:main\n}";
    const char *any = "{\n n\n Memcheck:Leak\n ...\n fun:main\n}";

    (void)state;
    assert_true(matches_class(two, 0, GRAPH_DEFINITELY_LOST));
    assert_true(matches_class(two, 0, GRAPH_POSSIBLY_LOST));
    assert_false(matches_class(two, 0, GRAPH_INDIRECTLY_LOST));
    assert_false(matches_class(two, 0, GRAPH_STILL_REACHABLE));
    assert_false(matches_class(none, 0, GRAPH_DEFINITELY_LOST));
    assert_true(matches_class(any, 0, GRAPH_STILL_REACHABLE));
}

static void other_errors_and_tools_never_match(void **state)
{
    (void)state;
    assert_false(matches("{\n n\n Memcheck:Param\n write(buf)\n ...\n fun:main\n}"));
    assert_false(matches("{\n n\n Memcheck:Cond\n fun:*\n}"));
    assert_false(matches("{\n n\n Helgrind:Race\n fun:*\n ...\n}"));
    assert_true(matches("{\n n\n Addrcheck,Memcheck:Leak\n fun:*\n}"));
}

static void entries_are_counted(void **state)
{
    static const char text[] = "leak:nobody\n{\n  named\n  Memcheck:Leak\n  fun:*\n}\nleak:main\n";
    struct suppressions *list = suppressions_create();
    struct symbols symbols = {lists};
    struct error error;

    (void)state;
    assert_int_equal(suppressions_parse(list, text, sizeof(text) - 1, "f.supp", &error), 0);
    assert_int_equal(suppressions_count(list), 3);
    assert_string_equal(suppressions_get(list, 0)->name, "nobody");
    assert_string_equal(suppressions_get(list, 1)->name, "named");
    assert_string_equal(suppressions_get(list, 1)->origin, "f.supp");
    assert_int_equal(suppressions_get(list, 1)->line, 2);
    assert_int_equal(suppressions_get(list, 2)->line, 7);
    suppressions_match(list, &heap, &symbols, 0, GRAPH_DEFINITELY_LOST, 3, 30);
    suppressions_match(list, &heap, &symbols, 1, GRAPH_DEFINITELY_LOST, 4, 40);
    assert_int_equal(suppressions_get(list, 0)->stacks, 0);
    assert_int_equal(suppressions_get(list, 1)->stacks, 2);
    assert_int_equal(suppressions_get(list, 1)->blocks, 7);
    assert_int_equal(suppressions_get(list, 1)->bytes, 70);
    assert_int_equal(suppressions_get(list, 2)->stacks, 0); /* the first one counts */
    suppressions_destroy(list);
}

static void what_is_malformed_is_refused_with_its_line(void **state)
{
    (void)state;
    REFUSED("leak:ok\nlaek:main\n",
            "2: 'laek:main' is neither leak:PATTERN nor the '{' of an entry of valgrind's");
    REFUSED("leak:\n", "1: leak: without a pattern");
    REFUSED("race:main\n",
            "1: 'race:main' is neither leak:PATTERN nor the '{' of an entry of valgrind's");
    REFUSED("}\n", "1: '}' is neither leak:PATTERN nor the '{' of an entry of valgrind's");
    REFUSED("{\n", "1: the entry that begins in line 1 has no name");
    REFUSED("{\n name\n", "2: the entry that begins in line 1 does not say TOOL:KIND");
    REFUSED("{\n name\n Leak\n", "3: 'Leak' is not TOOL:KIND, as Memcheck:Leak is");
    REFUSED("{\n name\n Memcheck:Leak\n fun:a\n", "4: the entry that begins in line 1 has no '}'");
    REFUSED("{\n name\n Memcheck:Leak\n}\n", "4: the entry that begins in line 1 names no frame");
    REFUSED("{\n name\n Memcheck:Leak\n ...\n}\n",
            "5: the entry that begins in line 1 names no frame");
    REFUSED("{\n n\n Memcheck:Leak\n fn:a\n}\n", "4: 'fn:a' is no frame: fun:, obj:, src: or ...");
    REFUSED("{\n n\n Memcheck:Leak\n fun:\n}\n", "4: fun: without a pattern");
    REFUSED("{\n n\n Memcheck:Leak\n src:a.c:b\n}\n", "4: src: is for FILE or FILE:LINE");
    REFUSED("{\n n\n Memcheck:Leak\n match-leak-kinds: lost\n fun:a\n}\n",
            "4: 'lost': a leak is definite, indirect, possible, reachable, all or none");
    REFUSED("{\n n\n Memcheck:Leak\n match-leak-kinds:\n fun:a\n}\n", "4: match-leak-kinds names none");
    REFUSED("leak:a\nb\0c\n", "2: a NUL byte: this is no text");
    REFUSED("\x1b[31mred\n",
            "1: '?[31mred' is neither leak:PATTERN nor the '{' of an entry of valgrind's");
}

static void refused_file_adds_nothing(void **state)
{
    struct suppressions *list = suppressions_create();
    struct error error;

    (void)state;
    assert_int_equal(suppressions_parse(list, "leak:a\n", 7, "a", &error), 0);
    assert_int_equal(suppressions_parse(list, "leak:b\nb\n", 9, "b", &error), -EINVAL);
    assert_int_equal(suppressions_count(list), 1);
    assert_int_equal(suppressions_read(list, "/nonexistent/x.supp", &error), -ENOENT);
    suppressions_destroy(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_is_somewhere_in_the_text),
        cmocka_unit_test(leak_looks_at_functions_files_and_modules_of_all_frames),
        cmocka_unit_test(frames_are_matched_from_the_newest_on),
        cmocka_unit_test(first_frame_may_be_the_allocator),
        cmocka_unit_test(kinds_are_the_classes),
        cmocka_unit_test(other_errors_and_tools_never_match),
        cmocka_unit_test(entries_are_counted),
        cmocka_unit_test(what_is_malformed_is_refused_with_its_line),
        cmocka_unit_test(refused_file_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
