/* cmd_status.c - the traced processes, and how they stand.
 *
 * Only their control pages are read: nobody is asked, so nobody is disturbed.
 */
#include "ask.h"
#include "command.h"
#include "format/control.h"
#include "model/report.h"
#include "model/target.h"
#include "moment.h"
#include "options.h"
#include "views/units.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <time.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta status [OPTIONS] [PID]\n"
    "\n"
    "Show your traced processes (root: those of all users), or the one named: what is alive\n"
    "on their heaps, how much that has grown since tracing began and since the last mark,\n"
    "what the tracer itself takes, and how long snapshots have held the program. The\n"
    "processes are not disturbed; numbers are some milliseconds old.\n"
    "\n" OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Exit status: 0 done; 3 there is no process PID, it is not yours, or it is not traced.\n"
    "\n"
    "Examples:\n"
    "  heapdelta status\n"
    "  heapdelta status 1234\n"
    "  heapdelta status --format json\n";
/* clang-format on */

static const char *state_text(uint32_t state)
{
    switch (state) {
    case CONTROL_OFF:
        return "off";
    case CONTROL_TRACING:
        return "tracing";
    case CONTROL_ENDED:
        return "ending";
    default:
        return "unknown";
    }
}

/* NANOSECONDS since 1970, as how long ago that is. */
static uint64_t age(uint64_t nanoseconds)
{
    struct timespec time;
    uint64_t now;

    clock_gettime(CLOCK_REALTIME, &time);
    now = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    return now > nanoseconds ? now - nanoseconds : 0;
}

/* The table of processes; TITLE NULL: for programs only. */
static void begin_processes(struct report *report, const char *title)
{
    static const struct report_column columns[] = {
        {"pid", "PID", REPORT_NUMBER, 0},
        {"program", "program", REPORT_TEXT, 0},
        {"state", "state", REPORT_TEXT, 0},
        {"since", "since", REPORT_TEXT, REPORT_DATA_ONLY},
        {"age", "traced for", REPORT_DURATION, REPORT_TEXT_ONLY},
        {"bytes", "live", REPORT_BYTES, 0},
        {"blocks", "blocks", REPORT_COUNT, 0},
        {"growth", "growth", REPORT_BYTES, REPORT_SIGNED},
        {"mark", "mark", REPORT_TEXT, REPORT_DATA_ONLY},
        {"mark_growth", "since mark", REPORT_BYTES, REPORT_SIGNED},
        {"peak", "peak", REPORT_BYTES, REPORT_DATA_ONLY},
        {"tracer_bytes", "tracer", REPORT_BYTES, 0},
        {"snapshots", "snapshots", REPORT_COUNT, 0},
        {"last_pause", "last pause", REPORT_DURATION, 0},
        {"longest_pause", "longest", REPORT_DURATION, 0},
    };

    report_begin_table(report, "processes", title, REPORT_TABLE, 0);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        report_add_column(report, columns[i].key, columns[i].title, columns[i].kind,
                          columns[i].flags);
}

static void put_moment(struct report *report, uint64_t nanoseconds)
{
    char text[MOMENT_SIZE];

    moment_format(text, nanoseconds, true);
    report_put_text(report, nanoseconds ? text : NULL);
}

/* Add the process TARGET, whose page is PAGE, to the table. */
static void add_process(struct report *report, const struct target *target,
                        const struct control_page *page)
{
    report_begin_row(report);
    report_put_number(report, (uint64_t)target->pid);
    report_put_text(report, target->program);
    report_put_text(report, state_text(page->state));
    put_moment(report, page->since);
    if (page->state == CONTROL_TRACING)
        report_put_number(report, age(page->since));
    else
        report_put_unknown(report);
    report_put_number(report, page->live_bytes);
    report_put_number(report, page->live_blocks);
    report_put_number(report, page->live_bytes - page->start_bytes);
    put_moment(report, page->mark_time);
    if (page->mark_time)
        report_put_number(report, page->live_bytes - page->mark_bytes);
    else
        report_put_unknown(report);
    report_put_number(report, page->peak_bytes);
    report_put_number(report, page->tracer_bytes);
    report_put_number(report, page->snapshots);
    if (page->snapshots) {
        report_put_number(report, page->last_pause);
        report_put_number(report, page->longest_pause);
    }
}

/* Describe one process for people. */
static void add_facts(struct report *report, const struct target *target,
                      const struct control_page *page)
{
    char text[MOMENT_SIZE], units[UNITS_SIZE];
    uint32_t count = page->message_count;

    report_title(report, "%s, process %d: %s", target->program, (int)target->pid,
                 state_text(page->state));
    moment_format(text, page->since, false);
    report_add_text(report, NULL,
                    page->state == CONTROL_TRACING ? "traced since" : "not traced since", text);
    report_add_remark(report, "%s", units_duration(units, age(page->since)));
    report_add_number(report, NULL, "live", REPORT_BYTES, page->live_bytes);
    report_add_remark(report, "%llu %s", (unsigned long long)page->live_blocks,
                      page->live_blocks == 1 ? "block" : "blocks");
    report_add_text(
        report, NULL, "growth",
        units_bytes(units, (double)(int64_t)(page->live_bytes - page->start_bytes), true));
    if (page->mark_time) {
        report_add_text(
            report, NULL, "growth since mark",
            units_bytes(units, (double)(int64_t)(page->live_bytes - page->mark_bytes), true));
        report_add_remark(report, "%s ago", units_duration(units, age(page->mark_time)));
    }
    report_add_number(report, NULL, "peak", REPORT_BYTES, page->peak_bytes);
    report_add_number(report, NULL, "tracer", REPORT_BYTES, page->tracer_bytes);
    report_add_number(report, NULL, "snapshots", REPORT_COUNT, page->snapshots);
    if (page->snapshots) {
        report_add_number(report, NULL, "last pause", REPORT_DURATION, page->last_pause);
        report_add_number(report, NULL, "longest pause", REPORT_DURATION, page->longest_pause);
    }
    for (uint32_t i = count < CONTROL_MESSAGES ? 0 : count - CONTROL_MESSAGES; i < count; i++)
        report_add_note(report, "It said: %s", page->messages[i % CONTROL_MESSAGES]);
}

/* Report on PID alone. Returns 0 or -errno and ERROR. */
static int report_one(struct report *report, pid_t pid, struct error *error)
{
    struct control_page page;
    struct target target;
    int result = target_open(pid, false, &target, error);

    if (result < 0)
        return result;
    result = target_read(&target, &page, error);
    if (result == 0) {
        add_facts(report, &target, &page);
        begin_processes(report, NULL);
        add_process(report, &target, &page);
    }
    target_close(&target);
    return result;
}

/* Report on all that may be asked. Returns 0 or -errno and ERROR. */
static int report_all(struct report *report, struct error *error)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    if (!processes)
        return error_set(error, -errno, "can't read /proc: %s", strerror(errno));
    begin_processes(report, "traced processes");
    while ((entry = readdir(processes))) {
        pid_t pid = ask_read_pid(entry->d_name);
        struct control_page page;
        struct target target;
        struct error why;
        int result = pid > 0 ? target_open(pid, false, &target, &why) : -ENODATA;

        if (result == 0) {
            result = target_read(&target, &page, &why);
            if (result == 0)
                add_process(report, &target, &page);
            count += result == 0;
            target_close(&target);
        }
        if (result < 0 && result != -ESRCH && result != -EACCES && result != -ENODATA)
            report_add_note(report, "%s", why.text);
    }
    closedir(processes);
    if (count == 0)
        report_add_note(report, "No process is traced; 'heapdelta run -- COMMAND' starts one.");
    return 0;
}

static int status_of(const struct options *options, struct report *report)
{
    struct error error;
    pid_t pid = 0;

    if (options->path_count > 1)
        return command_fail(&command_status, COMMAND_USAGE, "takes the PID of one process");
    if (options->path_count && (pid = ask_read_pid(options->paths[0])) < 0)
        return command_fail(&command_status, COMMAND_USAGE, "'%s' is no PID", options->paths[0]);
    if ((pid ? report_one(report, pid, &error) : report_all(report, &error)) < 0)
        return command_fail(&command_status, COMMAND_BAD_INPUT, "%s", error.text);
    return options_print(options, &command_status, &report, 1);
}

static int run(int argc, char **argv)
{
    struct options options;
    int status =
        options_parse(&options, &command_status, OPTIONS_FORMAT | OPTIONS_OUTPUT, argc, argv);

    if (status < 0) {
        struct report *report = report_create();

        status = report ? status_of(&options, report)
                        : command_fail(&command_status, COMMAND_NEGATIVE, "out of memory");
        report_destroy(report);
    }
    options_finish(&options);
    return status;
}

const struct command command_status = {
    .name = "status",
    .summary = "the traced processes, and how they stand",
    .help = help,
    .run = run,
};
