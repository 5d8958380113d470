#include "child.h"

#include "format/control.h"
#include "preload/arena.h"
#include "preload/config.h"
#include "preload/identity.h"
#include "preload/snapshot_file.h"
#include "preload/timeline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct snapshot_file file;

/* A directory of its own, which the configuration names, for a test in a child. */
static void begin(void)
{
    static char out[100];
    static char *variables[] = { out, NULL };

    strcpy(directory, "/tmp/snapshot_file.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(out, sizeof out, CONTROL_ENV_OUT "=%s", directory);
    config_read(variables);
    timeline_start();
    identity_init();
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The files in the directory, "one two", also those that begin with a dot. */
static const char *files(void)
{
    static char text[20000];
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, by_name);

    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            sprintf(text + strlen(text), "%s%s", text[0] ? " " : "", name);
        free(entries[i]);
    }
    free(entries);
    return text;
}

static void end(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

/* "test_snapshot_file.PID.REST", until the next but one call. */
static const char *named(const char *rest)
{
    static char names[2][300];
    static int turn;

    snprintf(names[turn ^= 1], sizeof names[0], "test_snapshot_file.%d.%s", getpid(), rest);
    return names[turn];
}

static const char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Make the file with LABEL from *SEQUENCE on. */
static int make(const char *label, uint32_t *sequence)
{
    int result = snapshot_file_open(&file, NULL, label, sequence);

    if (result < 0)
        return result;
    assert_int_equal(write((int)file.descriptor, "text", 4), 4);
    return snapshot_file_close(&file, 0);
}

static void a_file_appears_when_it_is_complete(void **state)
{
    uint32_t sequence = 1;
    struct stat status;
    char hidden[300];

    (void)state;
    begin();
    umask(0);
    assert_int_equal(snapshot_file_open(&file, NULL, "before", &sequence), 0);
    snprintf(hidden, sizeof hidden, ".%s.part", named("0001.before.hds"));
    assert_string_equal(files(), hidden);
    assert_true(file.descriptor > 2);
    assert_true(fcntl((int)file.descriptor, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write((int)file.descriptor, "text", 4), 4);
    assert_int_equal(snapshot_file_close(&file, 0), 0);
    assert_string_equal(files(), named("0001.before.hds"));
    assert_string_equal(file.name, path_of(named("0001.before.hds")));
    assert_int_equal(stat(file.name, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, 4);
    end();
}

static void after_an_error_there_is_none(void **state)
{
    uint32_t sequence = 1;

    (void)state;
    begin();
    assert_int_equal(snapshot_file_open(&file, NULL, "", &sequence), 0);
    assert_int_equal(snapshot_file_close(&file, -ENOSPC), -ENOSPC);
    assert_string_equal(files(), "");
    end();
}

static void taken_numbers_are_passed_over(void **state)
{
    uint32_t sequence = 1;

    (void)state;
    begin();
    assert_int_equal(close(creat(path_of(named("0001.hds")), 0600)), 0);
    assert_int_equal(close(creat(path_of(named("0002.hds")), 0600)), 0);
    assert_int_equal(symlink("nowhere", path_of(named("0004.hds"))), 0);
    assert_int_equal(make("", &sequence), 0);
    assert_int_equal(sequence, 3);
    /* Only a name that is the same is in the way. */
    sequence = 1;
    assert_int_equal(make("x", &sequence), 0);
    assert_int_equal(sequence, 1);
    end();
}

static void a_file_is_never_replaced(void **state)
{
    uint32_t sequence = 1;
    char path[400];

    (void)state;
    begin();
    strcpy(path, path_of("given.hds"));
    assert_int_equal(snapshot_file_open(&file, path, "", &sequence), 0);
    assert_string_equal(files(), ".given.hds.part");
    assert_int_equal(snapshot_file_close(&file, 0), 0);
    assert_int_equal(snapshot_file_open(&file, path, "", &sequence), 0);
    assert_int_equal(snapshot_file_close(&file, 0), -EEXIST);
    assert_string_equal(files(), "given.hds");

    /* It comes after the look, too. */
    assert_int_equal(snapshot_file_open(&file, NULL, "", &sequence), 0);
    assert_int_equal(close(creat(file.name, 0600)), 0);
    assert_int_equal(snapshot_file_close(&file, 0), -EEXIST);
    end();
}

static void what_a_killed_process_left_is_in_nobodys_way(void **state)
{
    uint32_t sequence = 1;
    char hidden[300];

    (void)state;
    begin();
    snprintf(hidden, sizeof hidden, ".%s.part", named("0001.hds"));
    assert_int_equal(symlink("/etc/passwd", path_of(hidden)), 0);
    assert_int_equal(make("", &sequence), 0);
    assert_string_equal(files(), named("0001.hds"));
    end();
}

static void descriptors_0_to_2_are_not_taken(void **state)
{
    uint32_t sequence = 1;

    (void)state;
    begin();
    for (int low = 0; low < 3; low++) {
        int saved = dup(low), result;

        close(low);
        result = snapshot_file_open(&file, NULL, "", &sequence);
        assert_int_equal(fcntl(low, F_GETFD), -1);
        dup2(saved, low);
        close(saved);
        assert_int_equal(result, 0);
        assert_true(file.descriptor > 2);
        assert_int_equal(snapshot_file_close(&file, 0), 0);
    }
    end();
}

static void long_names_are_refused(void **state)
{
    static char path[2 * SNAPSHOT_FILE_PATH];
    uint32_t sequence = 1;

    (void)state;
    memset(path, 'p', sizeof path - 1);
    assert_int_equal(snapshot_file_open(&file, path, "", &sequence), -ENAMETOOLONG);
    path[SNAPSHOT_FILE_PATH - 3] = '\0'; /* room for the name, not for the hidden one */
    assert_int_equal(snapshot_file_open(&file, path, "", &sequence), -ENAMETOOLONG);
    path[300] = '\0';
    assert_int_equal(snapshot_file_open(&file, path, "", &sequence), -ENAMETOOLONG);
    assert_int_equal(snapshot_file_open(&file, "/nonexistent/x.hds", "", &sequence), -ENOENT);
}

/* Make files at these TIMES, and keep LIMIT of them; `expected` are their numbers. */
static void check_kept(const uint64_t *times, uint32_t limit, const char *expected)
{
    char left[2000] = "", *rest, *name;
    uint32_t sequence;

    begin();
    for (uint32_t i = 0; times[i]; i++) {
        sequence = i + 1;
        assert_int_equal(make("", &sequence), 0);
        snapshot_file_keep(file.name, times[i], limit);
    }
    rest = (char *)(uintptr_t)files();
    while ((name = strsep(&rest, " ")))
        sprintf(left + strlen(left), "%s%.4s", left[0] ? " " : "", strstr(name, ".hds") - 4);
    assert_string_equal(left, expected);
    end();
    snapshot_file_forget();
}

static void the_first_and_the_last_stay(void **state)
{
    static const uint64_t even[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0 };
    static const uint64_t bunched[] = { 10, 11, 12, 13, 50, 51, 90, 0 };
    static const uint64_t one[] = { 5, 0 };

    (void)state;
    check_kept(even, 0, "0001 0002 0003 0004 0005 0006 0007 0008 0009");
    check_kept(even, 9, "0001 0002 0003 0004 0005 0006 0007 0008 0009");
    check_kept(even, 2, "0001 0009");
    check_kept(even, 1, "0001 0009");
    check_kept(one, 1, "0001");
    /* The bunches are thinned, and what lies between them is left. */
    check_kept(bunched, 4, "0001 0004 0006 0007");
    check_kept(bunched, 3, "0001 0006 0007");
}

/* Whatever the times are, what is left is spread over them. */
static void a_long_run_is_spread(void **state)
{
    static uint64_t left[64];
    uint32_t count = 0, sequence;
    char *rest, *name;

    (void)state;
    begin();
    for (uint32_t i = 1; i <= 500; i++) {
        sequence = i;
        assert_int_equal(make("", &sequence), 0);
        snapshot_file_keep(file.name, i * 1000, 10);
    }
    rest = (char *)(uintptr_t)files();
    while ((name = strsep(&rest, " ")))
        left[count++] = strtoull(strstr(name, ".hds") - 4, NULL, 10);
    assert_int_equal(count, 10);
    assert_int_equal(left[0], 1);
    assert_int_equal(left[9], 500);
    for (uint32_t i = 1; i < count; i++)
        assert_true(left[i] - left[i - 1] <= 200);
    end();
}

static void what_another_process_wrote_is_left_alone(void **state)
{
    uint32_t sequence;

    (void)state;
    begin();
    for (uint32_t i = 1; i <= 6; i++) {
        sequence = i;
        assert_int_equal(make("", &sequence), 0);
        snapshot_file_keep(file.name, i, 3);
        if (i == 3)
            snapshot_file_forget();
    }
    assert_int_equal(access(path_of(named("0002.hds")), F_OK), 0);
    sequence = 7;
    assert_int_equal(make("", &sequence), 0);
    snapshot_file_keep(file.name, 7, 3);
    assert_int_equal(access(path_of(named("0002.hds")), F_OK), 0);
    assert_int_not_equal(access(path_of(named("0005.hds")), F_OK), 0);
    end();
}

/* What can't be remembered stays. */
static bool keep_without_memory(void)
{
    char path[400];
    bool all = true;

    for (uint32_t i = 1; i <= 5; i++) {
        snprintf(path, sizeof path, "/nonexistent/%u", i);
        snapshot_file_keep(path, i, 3);
        all = all && arena_used(ARENA_OTHER) >= i;
    }
    arena_fail_after(0);
    return arena_used(ARENA_OTHER) == 4096 + 3 * 4096;
}

static void without_memory_files_stay(void **state)
{
    (void)state;
    child_starve(keep_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(a_file_appears_when_it_is_complete),
        child_test(after_an_error_there_is_none),
        child_test(taken_numbers_are_passed_over),
        child_test(a_file_is_never_replaced),
        child_test(what_a_killed_process_left_is_in_nobodys_way),
        child_test(descriptors_0_to_2_are_not_taken),
        child_test(long_names_are_refused),
        child_test(the_first_and_the_last_stay),
        child_test(a_long_run_is_spread),
        child_test(what_another_process_wrote_is_left_alone),
        cmocka_unit_test(without_memory_files_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
