#include "child.h"

#include "preload/arena.h"
#include "preload/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "/opt/lib/libheapdelta.so"
#define MAX     40

/* An environment that may be written to, made of TEXT: variables separated by '|'. */
struct environment {
    char *variables[MAX + 1];
    char text[1000];
};

static char **make(struct environment *environment, const char *text)
{
    size_t count = 0;
    char *rest = environment->text, *variable;

    snprintf(environment->text, sizeof(environment->text), "%s", text);
    while (*text && (variable = strsep(&rest, "|")))
        environment->variables[count++] = variable;
    environment->variables[count] = NULL;
    return environment->variables;
}

/* The variables as one text again, until the next call. */
static const char *text_of(char *const *variables)
{
    static char texts[2][2000];
    static int turn;
    char *text = texts[turn ^= 1];

    text[0] = '\0';
    for (size_t i = 0; variables[i]; i++)
        snprintf(text + strlen(text), sizeof(texts[0]) - strlen(text), "%s%s", i ? "|" : "",
                 variables[i]);
    return text;
}

struct round_trip {
    const char *given, *cleaned, *restored;
};

static int run_round_trip(void *argument)
{
    const struct round_trip *trip = argument;
    struct environment environment;
    char **variables = make(&environment, trip->given), **restored;

    variables = environment_clean(variables, LIBRARY, true, true);
    assert_string_equal(text_of(variables), trip->cleaned);
    restored = environment_restored(variables, 5, true);
    assert_string_equal(text_of(restored), trip->restored);
    assert_string_equal(text_of(variables), trip->cleaned);
    assert_int_equal(restored != variables, strcmp(trip->restored, trip->cleaned) != 0);
    environment_release(restored, variables);
    return 0;
}

#define COUNT "HEAPDELTA_EXEC_COUNT=5"

static const struct round_trip round_trips[] = {
    /* ours leave, the others keep their order */
    { "A=1|LD_PRELOAD=" LIBRARY "|B=2|HEAPDELTA_OUT=/tmp/x|C=", "A=1|B=2|C=",
      "A=1|B=2|C=|LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=/tmp/x|" COUNT },
    { "HEAPDELTA_OUT=o|HEAPDELTA_NFRAME=3|LD_PRELOAD=" LIBRARY, "",
      "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=o|HEAPDELTA_NFRAME=3|" COUNT },
    /* the count is not kept but counted */
    { "HEAPDELTA_EXEC_COUNT=4|LD_PRELOAD=" LIBRARY, "", "LD_PRELOAD=" LIBRARY "|" COUNT },
    /* other libraries stay, first, last, in the middle, with either separator */
    { "LD_PRELOAD=" LIBRARY ":a.so:b.so|X=", "LD_PRELOAD=a.so:b.so|X=",
      "LD_PRELOAD=" LIBRARY ":a.so:b.so|X=|" COUNT },
    { "LD_PRELOAD=a.so:" LIBRARY ":b.so|X=", "LD_PRELOAD=a.so:b.so|X=",
      "LD_PRELOAD=" LIBRARY ":a.so:b.so|X=|" COUNT },
    { "LD_PRELOAD=a.so:" LIBRARY "|X=", "LD_PRELOAD=a.so|X=",
      "LD_PRELOAD=" LIBRARY ":a.so|X=|" COUNT },
    { "LD_PRELOAD=" LIBRARY " a.so b.so", "LD_PRELOAD=a.so b.so",
      "LD_PRELOAD=" LIBRARY ":a.so b.so|" COUNT },
    { "LD_PRELOAD=a.so " LIBRARY, "LD_PRELOAD=a.so", "LD_PRELOAD=" LIBRARY ":a.so|" COUNT },
    { "LD_PRELOAD=a.so  " LIBRARY ":", "LD_PRELOAD=a.so ", "LD_PRELOAD=" LIBRARY ":a.so |" COUNT },
    /* a name that only contains ours is another library */
    { "LD_PRELOAD=" LIBRARY ".1:" LIBRARY, "LD_PRELOAD=" LIBRARY ".1",
      "LD_PRELOAD=" LIBRARY ":" LIBRARY ".1|" COUNT },
    { "LD_PRELOAD=/chroot" LIBRARY ":" LIBRARY, "LD_PRELOAD=/chroot" LIBRARY,
      "LD_PRELOAD=" LIBRARY ":/chroot" LIBRARY "|" COUNT },
    /* a list that was empty before us stays, one that was not there does not */
    { "LD_PRELOAD=" LIBRARY ":", "LD_PRELOAD=", "LD_PRELOAD=" LIBRARY ":|" COUNT },
    { "LD_PRELOAD=" LIBRARY, "", "LD_PRELOAD=" LIBRARY "|" COUNT },
    /* who did not come by LD_PRELOAD does not come back by it */
    { "A=1|HEAPDELTA_OUT=x", "A=1", "A=1" },
    { "LD_PRELOAD=a.so|HEAPDELTA_OUT=x", "LD_PRELOAD=a.so", "LD_PRELOAD=a.so" },
    { "LD_PRELOAD=|A=1", "LD_PRELOAD=|A=1", "LD_PRELOAD=|A=1" },
    { "", "", "" },
    /* names that look like ours */
    { "LD_PRELOADS=" LIBRARY "|LD_PRELOAD=" LIBRARY "|HEAPDELTA=1|MY_HEAPDELTA_OUT=1",
      "LD_PRELOADS=" LIBRARY "|HEAPDELTA=1|MY_HEAPDELTA_OUT=1",
      "LD_PRELOADS=" LIBRARY "|HEAPDELTA=1|MY_HEAPDELTA_OUT=1|LD_PRELOAD=" LIBRARY "|" COUNT },
};

static void ours_leave_and_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(round_trips) / sizeof(*round_trips); i++)
        assert_int_equal(child_run(run_round_trip, (void *)(uintptr_t)&round_trips[i]), 0);
}

static void an_exec_may_give_another_environment(void **state)
{
    struct environment environment;
    char **variables = make(&environment, "A=1|LD_PRELOAD=b.so:" LIBRARY "|HEAPDELTA_OUT=x");
    char **restored;

    (void)state;
    variables = environment_clean(variables, LIBRARY, true, true);

    /* a list of its own: the program's comes with ours in front, in its place */
    variables = make(&environment, "LD_PRELOAD=c.so|Z=1");
    restored = environment_restored(variables, 1, true);
    assert_string_equal(text_of(restored),
                        "LD_PRELOAD=" LIBRARY ":c.so|Z=1|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=1");
    environment_release(restored, variables);

    /* of two lists the loader takes the last */
    variables = make(&environment, "LD_PRELOAD=c.so|Z=1|LD_PRELOAD=d.so");
    restored = environment_restored(variables, 1, true);
    assert_string_equal(text_of(restored),
                        "Z=1|LD_PRELOAD=" LIBRARY ":d.so|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=1");
    environment_release(restored, variables);

    /* ours are what they were, whatever the program sets */
    variables = make(&environment, "HEAPDELTA_OUT=mine|HEAPDELTA_EXEC_COUNT=9|LD_PRELOAD=");
    restored = environment_restored(variables, 9, true);
    assert_string_equal(text_of(restored),
                        "LD_PRELOAD=" LIBRARY ":|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=9");
    environment_release(restored, variables);

    /* none, and an empty one */
    assert_null(environment_restored(NULL, 0, false));
    variables = make(&environment, "");
    for (int i = 0; i < 2; i++, variables = NULL) {
        restored = environment_restored(variables, 1, true);
        assert_string_equal(text_of(restored),
                            "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=1");
        environment_release(restored, variables);
    }
}

static void the_loader_lists_what_the_program_has(void **state)
{
    struct environment environment;
    char **variables = make(&environment, "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x"), **restored;

    (void)state;
    variables = environment_clean(variables, LIBRARY, true, true);
    variables = make(&environment, "A=1|LD_TRACE_LOADED_OBJECTS=1");
    assert_ptr_equal(environment_restored(variables, 0, true), variables);
    variables = make(&environment, "LD_TRACE_LOADED_OBJECTS=");
    assert_ptr_equal(environment_restored(variables, 0, true), variables);
    environment_release(variables, variables);
    variables = make(&environment, "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x|LD_TRACE_LOADED_OBJECTS=1");
    restored = environment_restored(variables, 0, true);
    assert_string_equal(text_of(restored), "LD_TRACE_LOADED_OBJECTS=1");
    environment_release(restored, variables);
    variables = make(&environment, "LD_TRACE_LOADED_OBJECTS=1|LD_PRELOAD=a " LIBRARY " b|A=1");
    restored = environment_restored(variables, 0, true);
    assert_string_equal(text_of(restored), "LD_TRACE_LOADED_OBJECTS=1|LD_PRELOAD=a b|A=1");
    environment_release(restored, variables);
}

static void the_memory_is_given_back(void **state)
{
    struct environment environment;
    char **variables = make(&environment, "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x"), **restored;
    uint64_t used;

    (void)state;
    variables = environment_clean(variables, LIBRARY, true, true);
    used = arena_used(ARENA_OTHER);
    for (int i = 0; i < 100; i++) {
        restored = environment_restored(variables, UINT64_MAX - 1, true);
        assert_ptr_not_equal(restored, variables);
        assert_true(arena_used(ARENA_OTHER) > used);
        environment_release(restored, variables);
        assert_int_equal(arena_used(ARENA_OTHER), used);
    }
}

/* The loader knows the library by one name; the list may have it by others of its file. */
static void another_name_of_ours_leaves(void **state)
{
    char directory[] = "/tmp/environment.XXXXXX", library[60], link[60], text[300], expected[300];
    struct environment environment;
    char **variables;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(library, sizeof(library), "%s/library.so", directory);
    snprintf(link, sizeof(link), "%s/link.so", directory);
    fclose(fopen(library, "w"));
    assert_int_equal(symlink(library, link), 0);

    snprintf(text, sizeof(text), "LD_PRELOAD=%s", link);
    variables = make(&environment, text);
    variables = environment_clean(variables, library, true, true);
    assert_string_equal(text_of(variables), "");

    snprintf(text, sizeof(text), "LD_PRELOAD=a.so:%s:/b.so:%s %s//library.so", link, library,
             directory);
    variables = make(&environment, text);
    variables = environment_clean(variables, library, true, true);
    assert_string_equal(text_of(variables), "LD_PRELOAD=a.so:/b.so");
    snprintf(expected, sizeof(expected), "LD_PRELOAD=%s:a.so:/b.so|HEAPDELTA_EXEC_COUNT=1", library);
    assert_string_equal(text_of(environment_restored(variables, 1, true)), expected);

    unlink(link);
    unlink(library);
    rmdir(directory);
}

/* Where children are to be traced, too, ours stay, all but the count of execs. */
static void ours_may_stay(void **state)
{
    struct environment environment;
    char **variables = make(&environment, "A=1|LD_PRELOAD=b.so:" LIBRARY
                                          ":c.so|HEAPDELTA_EXEC_COUNT=4|HEAPDELTA_OUT=x|B=");
    char **restored;

    (void)state;
    variables = environment_clean(variables, LIBRARY, false, true);
    assert_string_equal(text_of(variables),
                        "A=1|LD_PRELOAD=b.so:" LIBRARY ":c.so|HEAPDELTA_OUT=x|B=");

    /* Our library is not put in twice, and each of ours is there once. */
    restored = environment_restored(variables, 5, true);
    assert_string_equal(text_of(restored), "A=1|LD_PRELOAD=b.so:" LIBRARY
                                           ":c.so|B=|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=5");
    assert_ptr_equal(restored[1], variables[1]);
    environment_release(restored, variables);

    /* Another environment that has it, by itself; one whose names only contain it. */
    variables = make(&environment, "LD_PRELOAD=" LIBRARY);
    restored = environment_restored(variables, 0, true);
    assert_string_equal(text_of(restored),
                        "LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=0");
    environment_release(restored, variables);
    variables = make(&environment, "LD_PRELOAD=/a" LIBRARY ":" LIBRARY ".2|Z=1");
    restored = environment_restored(variables, 0, true);
    assert_string_equal(text_of(restored), "LD_PRELOAD=" LIBRARY ":/a" LIBRARY ":" LIBRARY
                                           ".2|Z=1|HEAPDELTA_OUT=x|HEAPDELTA_EXEC_COUNT=0");
    environment_release(restored, variables);
}

/* Without memory it is like without us: our variables are gone, the others there. */
static bool round_trip_without_memory(void)
{
    struct environment environment;
    char **variables = make(&environment, "A=1|LD_PRELOAD=" LIBRARY "|HEAPDELTA_OUT=x"), **restored;
    bool complete;

    variables = environment_clean(variables, LIBRARY, true, true);
    assert_string_equal(text_of(variables), "A=1");
    restored = environment_restored(variables, 1, true);
    arena_fail_after(0);
    complete = restored != variables && strstr(text_of(restored), "HEAPDELTA_OUT=x");
    assert_string_equal(restored[0], "A=1");
    environment_release(restored, variables);
    return complete;
}

static void without_memory_we_stay_away(void **state)
{
    (void)state;
    child_starve(round_trip_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_leave_and_come_back),
        child_test(an_exec_may_give_another_environment),
        child_test(the_loader_lists_what_the_program_has),
        child_test(another_name_of_ours_leaves),
        child_test(ours_may_stay),
        child_test(the_memory_is_given_back),
        cmocka_unit_test(without_memory_we_stay_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
