#include "unit.h"

#include "model/debug_package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/test_debug_package.XXXXXX";

static const struct {
    const char *name, *text;
} lists[] = {
    {"libc6:amd64.list", "/.\n/lib\n/lib/x86_64-linux-gnu/libc.so.6\n"},
    {"libglib2.0-0:amd64.list", "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0.7400.6\n"},
    {"perl-base.list", "/usr/bin/perl5.36.0\n/usr/bin/perl"}, /* no newline at the end */
    {"python3.11-minimal.list", "/usr/bin/python3.11\n"},
    {"libpython3.11-stdlib:amd64.list", "/usr/lib/python3.11/lib-dynload/_json.so\n"},
    {"notes.txt", "/usr/bin/notes\n"},
};

static void path_in(char path[200], size_t list)
{
    snprintf(path, 200, "%s/%s", directory, lists[list].name);
}

static int make_lists(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        char path[200];
        FILE *file;

        path_in(path, i);
        file = fopen(path, "w");
        if (!file || fputs(lists[i].text, file) < 0 || fclose(file) != 0)
            return -1;
    }
    return 0;
}

static int remove_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        char path[200];

        path_in(path, i);
        unlink(path);
    }
    return rmdir(directory);
}

static void expect(const char *path, const char *expected)
{
    char *package = debug_package_find(directory, path);

    if (expected)
        assert_string_equal(package, expected);
    else
        assert_null(package);
    free(package);
}

static void owners_are_found(void **state)
{
    (void)state;
    expect("/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0.7400.6", "libglib2.0-0-dbgsym");
    expect("/usr/bin/perl", "perl-base-dbgsym");
    expect("/usr/bin/perl5.36.0", "perl-base-dbgsym");
}

static void usr_may_be_left_out(void **state)
{
    (void)state;
    expect("/lib/x86_64-linux-gnu/libglib-2.0.so.0.7400.6", "libglib2.0-0-dbgsym");
    expect("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc6-dbg");
    expect("/bin/perl", "perl-base-dbgsym");
}

static void exceptions_are_known(void **state)
{
    (void)state;
    expect("/lib/x86_64-linux-gnu/libc.so.6", "libc6-dbg");
    expect("/usr/bin/python3.11", "python3.11-dbg");
    expect("/usr/lib/python3.11/lib-dynload/_json.so", "python3.11-dbg");
}

static void others_have_none(void **state)
{
    (void)state;
    expect("/usr/bin/per", NULL);
    expect("/usr/bin/perl5", NULL);
    expect("/usr/bin/notes", NULL);
    expect("/opt/app", NULL);
    expect("usr/bin/perl", NULL);
    expect("", NULL);
    expect("/usr/bin/python3.11\n/usr/bin/perl", NULL);
    assert_null(debug_package_find("/nonexistent", "/usr/bin/perl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_found),
        cmocka_unit_test(usr_may_be_left_out),
        cmocka_unit_test(exceptions_are_known),
        cmocka_unit_test(others_have_none),
    };

    return cmocka_run_group_tests(tests, make_lists, remove_lists);
}
