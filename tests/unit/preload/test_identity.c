#include "child.h"

#include "format/control.h"
#include "preload/config.h"
#include "preload/identity.h"
#include "preload/timeline.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_name(const char *name, const char *expected)
{
    char out[IDENTITY_NAME_MAX + 1];

    memset(out, 'x', sizeof out);
    identity_clean_name(name, out);
    assert_string_equal(out, expected);
}

static void names_become_harmless(void **state)
{
    char text[2] = "?";

    (void)state;
    check_name(NULL, "");
    check_name("", "");
    check_name("before", "before");
    check_name("a.b_c+d-e", "a.b_c+d-e");
    check_name("../../etc/passwd", ".._.._etc_passwd");
    check_name("a b\n\t\x7f\x80\xff", "a_b_____");
    check_name("\xc3\xa9t\xc3\xa9", "__t__");
    for (int c = 1; c < 256; c++) {
        bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("._+-", c);

        text[0] = (char)c;
        check_name(text, kept ? text : "_");
    }
}

static void names_are_cut_at_64_bytes(void **state)
{
    char name[200], expected[IDENTITY_NAME_MAX + 1];

    (void)state;
    memset(name, 'n', sizeof name);
    memset(expected, 'n', sizeof expected);
    expected[IDENTITY_NAME_MAX] = '\0';
    name[IDENTITY_NAME_MAX] = '\0';
    check_name(name, expected);
    name[IDENTITY_NAME_MAX] = 'n';
    name[199] = '\0';
    check_name(name, expected);
}

static void a_process_knows_itself(void **state)
{
    (void)state;
    timeline_start();
    identity_init();
    assert_int_equal(identity->pid, getpid());
    assert_string_equal(identity->program, "test_identity");
    assert_string_equal(strrchr(identity->path, '/'), "/test_identity");
    assert_true(identity->run[0] || identity->run[1]);
    assert_int_equal(identity->parent_run[0] | identity->parent_run[1], 0);
    assert_true(identity->start_time > UINT64_C(1600000000000000000));
}

static void a_child_is_another_run_of_the_same_time(void **state)
{
    char *variables[] = { (char *)CONTROL_ENV_EXEC_COUNT "=3", NULL };
    struct identity before;
    pid_t child;
    int status;

    (void)state;
    timeline_start();
    config_read(variables);
    identity_init();
    before = *identity;
    assert_int_equal(identity_exec_count(), 3);
    child = fork();
    if (child == 0) {
        identity_forked();
        assert_int_equal(identity->pid, getpid());
        assert_memory_equal(identity->parent_run, before.run, sizeof before.run);
        assert_memory_not_equal(identity->run, before.run, sizeof before.run);
        assert_string_equal(identity->program, before.program);
        assert_in_range(identity->start_time, before.start_time - 1000000000,
                        before.start_time + 1000000000);
        assert_int_equal(identity_exec_count(), 0);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_memory_equal(identity, &before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_harmless),
        cmocka_unit_test(names_are_cut_at_64_bytes),
        child_test(a_process_knows_itself),
        child_test(a_child_is_another_run_of_the_same_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
