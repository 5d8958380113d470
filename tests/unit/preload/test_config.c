#include "captured.h"
#include "child.h"

#include "format/control.h"
#include "preload/config.h"
#include "preload/message.h"

#include <stdio.h>
#include <string.h>

/* Read an environment of the single VARIABLE; returns what was said about it. */
static const char *read_one(const char *variable)
{
    char *environment[] = { (char *)"PATH=/bin", (char *)variable, NULL };
    int pipe = captured_begin();
    const char *text;

    message_init();
    config_read(environment);
    text = captured_text(pipe);
    close(pipe);
    return text;
}

static void the_defaults_hold_without_variables(void **state)
{
    (void)state;
    assert_string_equal(read_one("HOME=/"), "");
    assert_null(config->out);
    assert_int_equal(config->nframe, 0);
    assert_int_equal(config->exec_count, 0);
    assert_int_equal(config->fail_map, 0);
    config_read(NULL);
    assert_null(config->out);
}

static void values_are_taken(void **state)
{
    char *environment[] = {
        (char *)CONTROL_ENV_FAIL_MAP "=4294967295", (char *)CONTROL_ENV_OUT "=/tmp/a=b c",
        (char *)CONTROL_ENV_NFRAME "=65535", (char *)CONTROL_ENV_EXEC_COUNT "=007", NULL,
    };
    int pipe = captured_begin();

    (void)state;
    message_init();
    config_read(environment);
    assert_string_equal(captured_text(pipe), "");
    assert_string_equal(config->out, "/tmp/a=b c");
    assert_int_equal(config->nframe, CONFIG_MAX_FRAMES);
    assert_int_equal(config->exec_count, 7);
    assert_int_equal(config->fail_map, UINT32_MAX);
}

static void a_bad_value_is_ignored_with_a_line(void **state)
{
    static const struct {
        const char *name, *max;
    } numbers[] = {
        { CONTROL_ENV_NFRAME, "65535" },
        { CONTROL_ENV_EXEC_COUNT, "4294967295" },
        { CONTROL_ENV_FAIL_MAP, "4294967295" },
    };
    static const char *const values[] = {
        "", "x", "-1", "+1", "1x", " 1", "1 ", "0x10", "1.5", "4294967296", "18446744073709551616",
        "99999999999999999999999999999",
    };
    char variable[100], said[200];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            snprintf(variable, sizeof(variable), "%s=%s", numbers[i].name, values[j]);
            snprintf(said, sizeof(said), "heapdelta: %s ignored: not a number from 0 to %s\n",
                     variable, numbers[i].max);
            assert_string_equal(read_one(variable), said);
        }
    assert_string_equal(
        read_one(CONTROL_ENV_NFRAME "=65536"),
        "heapdelta: HEAPDELTA_NFRAME=65536 ignored: not a number from 0 to 65535\n");
    assert_int_equal(config->nframe, 0);
    assert_int_equal(config->exec_count, 0);
    assert_int_equal(config->fail_map, 0);
    assert_string_equal(read_one(CONTROL_ENV_OUT "="), "");
    assert_null(config->out);
}

static void similar_names_are_not_ours(void **state)
{
    (void)state;
    assert_string_equal(read_one("HEAPDELTA_NFRAMES=5"), "");
    assert_string_equal(read_one("HEAPDELTA_NFRAM=5"), "");
    assert_string_equal(read_one("XHEAPDELTA_NFRAME=5"), "");
    assert_string_equal(read_one("HEAPDELTA_NFRAME"), "");
    assert_string_equal(read_one("heapdelta_nframe=5"), "");
    assert_int_equal(config->nframe, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(the_defaults_hold_without_variables),
        child_test(values_are_taken),
        child_test(a_bad_value_is_ignored_with_a_line),
        child_test(similar_names_are_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
