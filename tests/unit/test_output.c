/* A file appears whole or not at all, whatever ends us. */
#include "unit.h"

#include "output.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/heapdelta-output.XXXXXX";
static char path[sizeof(directory) + 8];

static int enter(void **state)
{
    (void)state;
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/file", directory);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

/* How many files there are. */
static size_t files(void)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(stream);
    while ((entry = readdir(stream)))
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(stream);
    return count;
}

static void write_text(const char *text)
{
    struct output output;
    struct error error;

    assert_int_equal(output_open(&output, path, &error), 0);
    fputs(text, output.file);
    assert_int_equal(output_close(&output, &error), 0);
}

static void expect_text(const char *text)
{
    FILE *file = fopen(path, "r");
    char line[16] = "";

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_string_equal(line, text);
}

static void the_old_file_stays_until_the_new_one_is_whole(void **state)
{
    struct output output;
    struct error error;

    (void)state;
    write_text("old");
    assert_int_equal(output_open(&output, path, &error), 0);
    fputs("new", output.file);
    expect_text("old");
    assert_int_equal(files(), 2);
    assert_int_equal(output_close(&output, &error), 0);
    expect_text("new");
    assert_int_equal(files(), 1);
}

static void what_is_thrown_away_leaves_nothing(void **state)
{
    struct output output;
    struct error error;

    (void)state;
    assert_int_equal(output_open(&output, path, &error), 0);
    fputs("new", output.file);
    output_discard(&output);
    assert_int_equal(files(), 0);
}

/* In a child: write half a file, say so to READY, and wait for a signal. */
static void write_half(int ready)
{
    struct output output;
    struct error error;

    if (output_open(&output, path, &error) < 0)
        _exit(1);
    fputs("half", output.file);
    fflush(output.file);
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* What the child that was in the middle of a file ended by, after it got the signal NUMBER. */
static int ended_by(int number)
{
    int ready[2], status;
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0)
        write_half(ready[1]);
    close(ready[1]); /* else a child that fails is waited for in vain */
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(files(), 1);
    kill(child, number);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ready[0]);
    assert_true(WIFSIGNALED(status));
    return WTERMSIG(status);
}

static void a_signal_leaves_no_half_file(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ended_by(signals[i]), signals[i]);
        assert_int_equal(files(), 0);
    }
}

static void what_is_whole_is_not_removed(void **state)
{
    pid_t child;
    int status;

    (void)state;
    child = fork();
    if (child == 0) {
        write_text("whole");
        raise(SIGTERM);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    expect_text("whole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_old_file_stays_until_the_new_one_is_whole, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_thrown_away_leaves_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(a_signal_leaves_no_half_file, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_whole_is_not_removed, enter, leave),
    };

    /* Whoever started us may have them ignored. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
