#include "captured.h"
#include "child.h"

#include "preload/message.h"

#include <errno.h>
#include <string.h>

static void a_line_is_put_together(void **state)
{
    int pipe = captured_begin();

    (void)state;
    message_init();
    errno = 99;
    message_line("one", ", ", "two", NULL);
    assert_string_equal(captured_text(pipe), "heapdelta: one, two\n");
    message_line("alone", NULL);
    assert_string_equal(captured_text(pipe), "heapdelta: alone\n");
    assert_int_equal(errno, 99);
}

static void a_long_one_is_cut_and_still_a_line(void **state)
{
    int pipe = captured_begin();
    const char *text;
    char word[400];

    (void)state;
    message_init();
    memset(word, 'w', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    message_line(word, word, word, NULL);
    text = captured_text(pipe);
    assert_in_range(strlen(text), 400, 1000);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void nothing_is_said_before_it_is_known_where(void **state)
{
    int pipe = captured_begin();

    (void)state;
    message_line("early", NULL);
    assert_string_equal(captured_text(pipe), "");
}

static void nothing_goes_into_another_file(void **state)
{
    int pipe = captured_begin(), own = dup(2), other;

    (void)state;
    message_init();
    other = captured_begin(); /* the program has its own descriptor 2 now */
    message_line("lost", NULL);
    close(2);
    message_line("lost", NULL);
    assert_int_equal(open("/dev/null", O_WRONLY), 2);
    message_line("lost", NULL);
    assert_string_equal(captured_text(pipe), "");
    assert_string_equal(captured_text(other), "");
    assert_int_equal(dup2(own, 2), 2);
    message_line("back", NULL);
    assert_string_equal(captured_text(pipe), "heapdelta: back\n");
}

static void closed_at_the_start_means_silence(void **state)
{
    int pipe;

    (void)state;
    close(2);
    message_init();
    pipe = captured_begin();
    message_line("lost", NULL);
    assert_string_equal(captured_text(pipe), "");
}

static void what_can_not_be_said_goes_into_the_page(void **state)
{
    static struct control_page page;
    int pipe = captured_begin();
    char word[400];

    (void)state;
    message_init();
    message_set_page(&page);
    message_line("said", NULL);
    assert_string_equal(captured_text(pipe), "heapdelta: said\n");
    assert_int_equal(page.message_count, 0);
    close(2);
    memset(word, 'w', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    message_line(word, NULL);
    assert_int_equal(strlen(page.messages[0]), CONTROL_MESSAGE_SIZE - 1);
    for (int i = 0; i < (int)CONTROL_MESSAGES; i++)
        message_line("kept", NULL);
    assert_int_equal(page.message_count, CONTROL_MESSAGES + 1);
    for (int i = 0; i < (int)CONTROL_MESSAGES; i++)
        assert_string_equal(page.messages[i], "heapdelta: kept");
    message_set_page(NULL);
    message_line("lost", NULL);
    assert_int_equal(page.message_count, CONTROL_MESSAGES + 1);
}

static void numbers_have_their_digits(void **state)
{
    char buffer[24];

    (void)state;
    assert_string_equal(message_number(buffer, 0), "0");
    assert_string_equal(message_number(buffer, 9), "9");
    assert_string_equal(message_number(buffer, 10), "10");
    assert_string_equal(message_number(buffer, 1234567890), "1234567890");
    assert_string_equal(message_number(buffer, UINT64_MAX), "18446744073709551615");
}

static void errors_have_words(void **state)
{
    (void)state;
    assert_string_equal(message_error(ENOSPC), "no space left on the device");
    assert_string_equal(message_error(-ENOSPC), "no space left on the device");
    assert_string_equal(message_error(-ETIMEDOUT), message_error(ETIMEDOUT));
    assert_string_equal(message_error(99999), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(a_line_is_put_together),
        child_test(a_long_one_is_cut_and_still_a_line),
        child_test(nothing_is_said_before_it_is_known_where),
        child_test(nothing_goes_into_another_file),
        child_test(closed_at_the_start_means_silence),
        child_test(what_can_not_be_said_goes_into_the_page),
        cmocka_unit_test(numbers_have_their_digits),
        cmocka_unit_test(errors_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
