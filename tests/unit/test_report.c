/* A report, filled top to bottom, and how the views show what is odd. */
#include "model/report.h"

#include "views/csv.h"
#include "views/json.h"
#include "views/text.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What VIEW writes of REPORT with WIDTH columns; the caller frees it. */
static char *show(const char *view, struct report *report, size_t width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (strcmp(view, "json") == 0)
        assert_int_equal(json_print(out, &report, 1), 0);
    else if (strcmp(view, "csv") == 0)
        csv_print(out, &report, 1);
    else
        assert_int_equal(text_print(out, report, width), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

#define assert_shown(view, report, width, expected) \
    do {                                            \
        char *shown = show(view, report, width);    \
                                                    \
        assert_string_equal(shown, expected);       \
        free(shown);                                \
    } while (0)

static void begin_statistics(struct report *report)
{
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "size_diff", "change", REPORT_BYTES, REPORT_SIGNED);
    report_add_column(report, "file", "file", REPORT_FILE, 0);
    report_add_column(report, "line", "line", REPORT_LINE, 0);
    report_add_column(report, "function", "function", REPORT_FUNCTION, 0);
}

static void add_row(struct report *report, uint64_t size, int64_t size_diff, const char *file,
                    uint32_t line, const char *function)
{
    report_begin_row(report);
    report_put_number(report, size);
    report_put_number(report, (uint64_t)size_diff);
    report_put_text(report, file);
    report_put_number(report, line);
    report_put_text(report, function);
}

static void paths_show_what_tells_them_apart(void **state)
{
    struct report *report = report_create();

    (void)state;
    begin_statistics(report);
    add_row(report, 1, 0, "/src/a/main.c", 1, NULL);
    add_row(report, 2, -5, "/src/b/main.c", 2, "main");
    add_row(report, 3, 5, "/src/b/util.c", 3, "f");
    add_row(report, 4, 0, "/src/b/u/util.c", 3, "f");
    add_row(report, 5, 0, "/src/b/subutil.c", 3, "f");
    assert_shown("text", report, 0,
                 "a/main.c:1         size=1 B (+0 B)\n"
                 "b/main.c:2 (main)  size=2 B (-5 B)\n"
                 "b/util.c:3 (f)     size=3 B (+5 B)\n"
                 "u/util.c:3 (f)     size=4 B (+0 B)\n"
                 "subutil.c:3 (f)    size=5 B (+0 B)\n");
    report_destroy(report);
}

/* First what can be spared, then the end of the place. */
static void average_gives_way_to_the_place(void **state)
{
    struct report *report = report_create();

    (void)state;
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "average", "average", REPORT_AVERAGE, REPORT_TEXT_ONLY);
    report_add_column(report, "function", "function", REPORT_FUNCTION, 0);
    report_begin_row(report);
    report_put_number(report, 100);
    report_put_real(report, 50);
    report_put_text(report, "a_function_of_30_letters_or_so");
    assert_shown("text", report, 58, "a_function_of_30_letters_or_so  size=100 B, average=50 B\n");
    assert_shown("text", report, 50, "a_function_of_30_letters_or_so  size=100 B\n");
    assert_shown("text", report, 40, "a_function_of_30_letters_or…  size=100 B\n");
    report_destroy(report);
}

static void place_gives_way_to_the_numbers(void **state)
{
    struct report *report = report_create();

    (void)state;
    begin_statistics(report);
    add_row(report, 1000, 0, "/src/names.c", 1, "ünïcödé_and_a_very_long_function_indeed");
    assert_shown("text", report, 50, "names.c:1 (ünïcödé_and_a_very…  size=1000 B (+0 B)\n");
    report_destroy(report);
}

/* Names are whatever bytes the traced program had. */
static void foreign_bytes_do_no_harm(void **state)
{
    struct report *report = report_create();

    (void)state;
    report_add_text(report, "name", "name", "\x1b[31m\xff\xc3\xa4\xc2\x9b\"\n");
    assert_shown("text", report, 0, "  name  \\x1b[31m\\xffä\\xc2\\x9b\"\\x0a\n");
    assert_shown("json", report, 0,
                 "{\n \"name\": \"\\u001B[31m\xef\xbf\xbd\xc3\xa4\xc2\x9b\\\"\\n\"\n}\n");
    assert_shown("csv", report, 0, "name\r\n\"\x1b[31m\xff\xc3\xa4\xc2\x9b\"\"\n\"\r\n");
    report_destroy(report);
}

static void numbers_are_exact(void **state)
{
    struct report *report = report_create();

    (void)state;
    report_add_number(report, "large", NULL, REPORT_BYTES, INT64_MAX);
    report_add_number(report, "larger", NULL, REPORT_ADDRESS, UINT64_MAX);
    report_add_number(report, "flag", NULL, REPORT_FLAG, 1);
    report_add_unknown(report, "usable", NULL, REPORT_BYTES);
    assert_shown("json", report, 0,
                 "{\n \"large\": 9223372036854775807,\n \"larger\": \"18446744073709551615\",\n"
                 " \"flag\": true,\n \"usable\": null\n}\n");
    assert_shown("csv", report, 0,
                 "large,larger,flag,usable\r\n"
                 "9223372036854775807,18446744073709551615,1,\r\n");
    assert_shown("text", report, 0, "");
    report_destroy(report);
}

static void series_and_total_have_a_place_in_each_view(void **state)
{
    struct report *report = report_create();

    (void)state;
    report_begin_table(report, "rows", "rows", REPORT_STATISTICS, 2);
    report_add_column(report, "sizes", "size", REPORT_BYTES, REPORT_SERIES);
    report_add_column(report, "size_diff", "change", REPORT_BYTES, REPORT_SIGNED);
    report_add_column(report, "average", "average", REPORT_AVERAGE, REPORT_TEXT_ONLY);
    report_add_column(report, "module", "module", REPORT_MODULE, 0);
    report_begin_total(report);
    report_put_series(report, (uint64_t[]){1, 2048});
    report_put_number(report, 2047);
    report_begin_row(report);
    report_put_series(report, (uint64_t[]){1, 20480});
    report_put_number(report, 20479);
    report_put_real(report, 2.5);
    report_put_text(report, "libc.so.6, \"new\"");
    report_set_omitted(report, 3);
    assert_shown("text", report, 0,
                 "libc.so.6, \"new\"  size=1 B → 20.0 KiB (+20.0 KiB), average=2 B\n"
                 "… 3 more, --limit 0 shows all\n"
                 "total             size=1 B → 2048 B (+2047 B)\n");
    assert_shown("json", report, 0,
                 "{\n \"total\": {\"sizes\": [1, 2048], \"size_diff\": 2047},\n"
                 " \"rows\": [\n  {\"sizes\": [1, 20480], \"size_diff\": 20479, "
                 "\"module\": \"libc.so.6, \\\"new\\\"\"}\n ],\n \"omitted\": 3,\n"
                 " \"notes\": []\n}\n");
    assert_shown("csv", report, 0,
                 "sizes_1,sizes_2,size_diff,module\r\n"
                 "1,20480,20479,\"libc.so.6, \"\"new\"\"\"\r\n");
    report_destroy(report);
}

static void traceback_lies_below_its_row(void **state)
{
    struct report *report = report_create();

    (void)state;
    begin_statistics(report);
    add_row(report, 1, 0, "/src/a.c", 1, NULL);
    report_begin_traceback(report);
    report_add_frame(report, &(struct report_frame){.function = "f",
                                                    .file = "/src/a.c",
                                                    .line = 1,
                                                    .module = "app",
                                                    .offset = 16,
                                                    .inlined = true});
    report_add_frame(report, &(struct report_frame){.module = "app", .offset = 16});
    report_set_truncated(report, 0);
    assert_shown("text", report, 0,
                 "a.c:1  size=1 B (+0 B)\n"
                 "    a.c:1 (f) inlined\n"
                 "    app+0x10\n"
                 "    … (its outer end is not known)\n");
    assert_shown("csv", report, 0,
                 "size,size_diff,file,line,function,traceback,truncated\r\n"
                 "1,0,/src/a.c,1,,\"f /src/a.c:1; app+0x10\",1\r\n");
    report_destroy(report);
}

/* Add LINE of a function to the traceback of the row, COUNT times. */
static void add_frames(struct report *report, uint32_t line, int count)
{
    for (int i = 0; i < count; i++)
        report_add_frame(report,
                         &(struct report_frame){.function = "f", .file = "/a.c", .line = line});
}

static void deep_recursion_is_folded(void **state)
{
    struct report *report = report_create();

    (void)state;
    begin_statistics(report);
    add_row(report, 1, 0, "/a.c", 1, NULL);
    report_begin_traceback(report);
    add_frames(report, 1, 5000);
    for (int i = 0; i < 10; i++) {
        add_frames(report, 2, 1);
        add_frames(report, 3, 2);
    }
    add_frames(report, 2, 1);
    add_frames(report, 4, 3);
    report_set_truncated(report, 5034);
    assert_shown("text", report, 0,
                 "a.c:1  size=1 B (+0 B)\n"
                 "    a.c:1 (f)\n"
                 "    … (the last frame 4999 times more)\n"
                 "    a.c:2 (f)\n"
                 "    a.c:3 (f)\n"
                 "    a.c:3 (f)\n"
                 "    … (the last 3 frames 9 times more)\n"
                 "    a.c:2 (f)\n"
                 "    a.c:4 (f)\n"
                 "    a.c:4 (f)\n"
                 "    a.c:4 (f)\n"
                 "    … (limited to 5034 frames, as asked)\n");
    report_destroy(report);
}

/* Highest on the right, nothing in between: the level before stays. */
static void chart_has_a_level_for_each_stretch_of_time(void **state)
{
    struct report *report = report_create();
    char *shown;

    (void)state;
    report_begin_table(report, "timeline", "alive", REPORT_CHART, 0);
    report_add_column(report, "time", "time", REPORT_DURATION, 0);
    report_add_column(report, "bytes", "bytes", REPORT_BYTES, 0);
    for (uint64_t i = 0; i < 4; i++) {
        report_begin_row(report);
        report_put_number(report, (uint64_t[]){0, 10, 300, 600}[i]);
        report_put_number(report, (uint64_t[]){0, 100, 50, 100}[i]);
    }
    shown = show("text", report, 0);
    assert_non_null(strstr(shown, "▁█████████████████████████████▅▅▅▅"));
    assert_non_null(strstr(shown, "▅▅█\n  over 600 ns, up to 100 B\n"));
    free(shown);
    report_destroy(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_show_what_tells_them_apart),
        cmocka_unit_test(average_gives_way_to_the_place),
        cmocka_unit_test(place_gives_way_to_the_numbers),
        cmocka_unit_test(foreign_bytes_do_no_harm),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(series_and_total_have_a_place_in_each_view),
        cmocka_unit_test(traceback_lies_below_its_row),
        cmocka_unit_test(deep_recursion_is_folded),
        cmocka_unit_test(chart_has_a_level_for_each_stretch_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
