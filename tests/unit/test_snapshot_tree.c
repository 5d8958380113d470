/* Which snapshots are of one process, and who forked whom. */
#include "unit.h"

#include "format/snapshot.h"
#include "model/load.h"
#include "model/snapshot_tree.h"
#include "snapshot_builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000000u

static char directory[] = "/tmp/test_snapshot_tree.XXXXXX";
static unsigned file_count;

/* What a test says of a snapshot. */
struct moment {
    uint32_t pid, parent_pid;
    uint64_t run, parent_run;
    uint64_t start, time; /* seconds */
    uint32_t exec_count;
    uint32_t trigger; /* 0: at exit */
    uint32_t blocks;  /* of 10 bytes */
};

static void save(const struct moment *moment)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct snapshot_process *process = snapshot_builder_process(builder);
    char path[128];
    size_t size;
    void *data;

    process->pid = moment->pid;
    process->parent_pid = moment->parent_pid;
    process->run[0] = moment->run;
    process->run[1] = 0;
    process->parent_run[0] = moment->parent_run;
    process->start_time = moment->start * SECOND;
    process->time = moment->time * SECOND;
    process->exec_count = moment->exec_count;
    process->trigger = moment->trigger ? moment->trigger : SNAPSHOT_AT_EXIT;
    snapshot_builder_stack(builder, 0, 0);
    for (uint32_t i = 0; i < moment->blocks; i++)
        snapshot_builder_block(builder, 16 + 16 * i, 10, 0, 1);
    data = snapshot_builder_finish(builder, &size);
    snprintf(path, sizeof(path), "%s/app.%04u.hds", directory, 9999 - file_count++);
    assert_int_equal(snapshot_builder_save(path, data, size), 0);
    free(data);
    snapshot_builder_destroy(builder);
}

static int begin(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test_snapshot_tree.XXXXXX");
    file_count = 0;
    return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static struct snapshot_tree *load_tree(void)
{
    struct snapshot_tree *tree = NULL;
    struct error error = {0};

    if (snapshot_tree_load(directory, &tree, &error) != 0)
        fail_msg("%s", error.text);
    return tree;
}

/* The PIDs of TREE, each as deep as it is, as "1 .2 ..3". */
static void check_tree(const struct snapshot_tree *tree, const char *expected)
{
    char text[256] = "";

    for (size_t i = 0; i < tree->process_count; i++) {
        const struct snapshot_tree_process *process = &tree->processes[i];

        assert_true(process->parent == SNAPSHOT_TREE_NONE || process->parent < i);
        sprintf(text + strlen(text), "%s%.*s%u", i ? " " : "", (int)process->depth, ".........",
                process->last->process->pid);
    }
    assert_string_equal(text, expected);
}

static void snapshots_of_a_run_are_of_one_process(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 7, .run = 1, .start = 1, .time = 5, .blocks = 3});
    save(&(struct moment){.pid = 7, .run = 1, .start = 1, .time = 2, .trigger = SNAPSHOT_BY_API});
    save(&(struct moment){
        .pid = 7, .run = 1, .start = 1, .time = 4, .trigger = SNAPSHOT_BY_INTERVAL, .blocks = 9});
    tree = load_tree();
    check_tree(tree, "7");
    assert_int_equal(tree->processes[0].snapshot_count, 3);
    assert_int_equal(tree->processes[0].first->process->time, 2 * (uint64_t)SECOND);
    assert_int_equal(tree->processes[0].last->process->time, 5 * (uint64_t)SECOND);
    assert_int_equal(tree->processes[0].last->account->live_blocks, 3);
    assert_int_equal(tree->processes[0].peak_bytes, 90);
    snapshot_tree_destroy(tree);
}

static void a_pid_may_come_back(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 7, .run = 1, .start = 1, .time = 2});
    save(&(struct moment){.pid = 7, .run = 2, .start = 3, .time = 4, .exec_count = 1});
    tree = load_tree();
    check_tree(tree, "7 7");
    snapshot_tree_destroy(tree);
}

static void an_image_follows_the_one_before(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){
        .pid = 7, .run = 1, .start = 1, .time = 2, .trigger = SNAPSHOT_BY_GROWTH, .blocks = 50});
    save(&(struct moment){
        .pid = 7, .run = 2, .start = 3, .time = 4, .exec_count = 1, .trigger = SNAPSHOT_BY_GROWTH});
    save(&(struct moment){.pid = 7, .run = 2, .start = 3, .time = 5, .exec_count = 1, .blocks = 1});
    tree = load_tree();
    check_tree(tree, "7");
    assert_int_equal(tree->processes[0].snapshot_count, 3);
    assert_int_equal(tree->processes[0].last->account->live_blocks, 1);
    /* Two images can't be compared: the last one begins where it began. */
    assert_int_equal(tree->processes[0].first->process->time, 4 * (uint64_t)SECOND);
    snapshot_tree_destroy(tree);
}

static void a_younger_process_that_has_not_called_exec_is_another(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 7, .run = 1, .start = 1, .time = 2, .trigger = SNAPSHOT_BY_API});
    save(&(struct moment){.pid = 7, .run = 2, .start = 3, .time = 4});
    tree = load_tree();
    check_tree(tree, "7 7");
    snapshot_tree_destroy(tree);
}

static void children_stand_below_their_parents(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 4, .parent_pid = 2, .run = 4, .start = 4, .time = 9});
    save(&(struct moment){
        .pid = 3, .parent_pid = 77, .run = 3, .parent_run = 1, .start = 3, .time = 9});
    save(&(struct moment){.pid = 1, .parent_pid = 77, .run = 1, .start = 1, .time = 9});
    save(&(struct moment){.pid = 5, .parent_pid = 1, .run = 5, .start = 5, .time = 9});
    save(&(struct moment){.pid = 2, .parent_pid = 1, .run = 2, .start = 2, .time = 9});
    tree = load_tree();
    check_tree(tree, "1 .2 ..4 .3 .5");
    snapshot_tree_destroy(tree);
}

/* The first image of process 1 has left nothing. */
static void a_parent_may_have_become_another_program(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 2, .parent_pid = 1, .run = 2, .start = 2, .time = 3});
    save(&(struct moment){
        .pid = 1, .parent_pid = 77, .run = 1, .start = 5, .time = 9, .exec_count = 1});
    save(&(struct moment){.pid = 6, .parent_pid = 4, .run = 6, .start = 2, .time = 3});
    save(&(struct moment){
        .pid = 4, .parent_pid = 77, .run = 4, .start = 5, .time = 9}); /* too young */
    tree = load_tree();
    check_tree(tree, "6 1 .2 4");
    snapshot_tree_destroy(tree);
}

static void who_has_ended_forks_no_more(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    save(&(struct moment){.pid = 1, .run = 1, .start = 1, .time = 2});
    save(&(struct moment){.pid = 2, .parent_pid = 1, .run = 2, .start = 3, .time = 4});
    tree = load_tree();
    check_tree(tree, "1 2");
    snapshot_tree_destroy(tree);
}

static void circles_are_broken(void **state)
{
    struct snapshot_tree *tree;

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        save(&(struct moment){.pid = i + 1,
                              .run = i + 1,
                              .parent_run = i < 3 ? (i + 1) % 3 + 1 : 2,
                              .start = 1,
                              .time = 9});
    save(&(struct moment){
        .pid = 9, .parent_pid = 9, .run = 9, .parent_run = 9, .start = 1, .time = 9});
    tree = load_tree();
    assert_int_equal(tree->process_count, 5);
    snapshot_tree_destroy(tree);
}

static void merged_and_other_files_are_passed_over(void **state)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct snapshot_tree *tree;
    char path[128];
    size_t size;
    void *data;

    (void)state;
    snapshot_builder_part(builder, snapshot_builder_process(builder));
    data = snapshot_builder_finish(builder, &size);
    snprintf(path, sizeof(path), "%s/merged.hds", directory);
    assert_int_equal(snapshot_builder_save(path, data, size), 0);
    snprintf(path, sizeof(path), "%s/.app.1.0001.hds", directory);
    assert_int_equal(snapshot_builder_save(path, data, 100), 0);
    snprintf(path, sizeof(path), "%s/notes.txt", directory);
    assert_int_equal(snapshot_builder_save(path, data, 100), 0);
    free(data);
    snapshot_builder_destroy(builder);
    save(&(struct moment){.pid = 1, .run = 1, .start = 1, .time = 2});
    tree = load_tree();
    check_tree(tree, "1");
    assert_int_equal(tree->merged_count, 1);
    snapshot_tree_destroy(tree);
}

static void expect_failure(int expected, const char *words)
{
    struct snapshot_tree *tree = NULL;
    struct error error = {0};

    assert_int_equal(snapshot_tree_load(directory, &tree, &error), expected);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
    assert_null(tree);
}

static void bad_directories_are_refused(void **state)
{
    char path[128];

    (void)state;
    expect_failure(-ENOENT, "there is no snapshot in this directory");
    save(&(struct moment){.pid = 1, .run = 1, .start = 1, .time = 2});
    snprintf(path, sizeof(path), "%s/cut.hds", directory);
    assert_int_equal(snapshot_builder_save(path, "HEAPDLTA\1", 9), 0);
    expect_failure(-EBADMSG, "cut.hds: ");
    assert_int_equal(snapshot_builder_save(path, "", 0), 0);
    expect_failure(-EBADMSG, "it is empty");
}

static void a_directory_is_a_heap(void **state)
{
    struct heap *heap, *heaps[2];
    struct error error = {0};
    size_t singles;

    (void)state;
    save(&(struct moment){.pid = 1, .run = 1, .start = 1, .time = 9, .blocks = 2});
    assert_int_equal(load_first_and_last(directory, false, heaps, &singles, &error), -ENOENT);
    save(&(struct moment){
        .pid = 2, .run = 2, .start = 2, .time = 3, .trigger = SNAPSHOT_BY_API, .blocks = 10});
    save(&(struct moment){.pid = 2, .run = 2, .start = 2, .time = 9, .blocks = 30});
    assert_int_equal(load_heap(directory, &heap, &error), 0);
    assert_int_equal(heap->part_count, 2);
    assert_int_equal(heap->account->live_blocks, 32);
    assert_string_equal(heap->path, directory);
    heap_destroy(heap);

    assert_int_equal(load_first_and_last(directory, false, heaps, &singles, &error), 0);
    assert_int_equal(singles, 1);
    assert_int_equal(heaps[0]->account->live_blocks, 10);
    assert_int_equal(heaps[1]->account->live_blocks, 30);
    heap_destroy(heaps[0]);
    heap_destroy(heaps[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(snapshots_of_a_run_are_of_one_process),
        TEST(a_pid_may_come_back),
        TEST(an_image_follows_the_one_before),
        TEST(a_younger_process_that_has_not_called_exec_is_another),
        TEST(children_stand_below_their_parents),
        TEST(a_parent_may_have_become_another_program),
        TEST(who_has_ended_forks_no_more),
        TEST(circles_are_broken),
        TEST(merged_and_other_files_are_passed_over),
        TEST(bad_directories_are_refused),
        TEST(a_directory_is_a_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
