#include "views/junit.h"

#include "views/text.h"
#include "views/xml_text.h"

#include <stdlib.h>
#include <string.h>

static void print_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    xml_text_print(out, value, 0);
    fputc('"', out);
}

static void print_duration(FILE *out, uint64_t duration)
{
    fprintf(out, " time=\"%.3f\"", (double)duration / 1e9);
}

/* The verdict of the first row, which is the worst. */
static const char *worst_of(const struct report *report)
{
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        if (table->style == REPORT_VERDICTS && table->row_count > 0)
            return table->rows[0].cells[0].text;
    }
    return "limit";
}

/* The whole report, as people read it. */
static void print_text(FILE *out, const struct report *report)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return;
    text_print(stream, report, 0);
    if (fclose(stream) == 0) {
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n"))) {
            xml_text_print(out, line, 0);
            fputs(rest ? "\n" : "", out);
        }
    }
    free(text);
}

void junit_print(FILE *out, const struct report *report, const struct junit_case *test)
{
    int failures = test->failure != NULL, errors = !failures && test->error;

    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
          "  <testsuite name=\"heapdelta check\" tests=\"1\"",
          out);
    fprintf(out, " failures=\"%d\" errors=\"%d\" skipped=\"0\"", failures, errors);
    print_duration(out, test->duration);
    fputs(">\n    <testcase classname=\"heapdelta\"", out);
    print_attribute(out, "name", test->name);
    print_duration(out, test->duration);
    fputs(">\n", out);
    if (failures) {
        fputs("      <failure", out);
        print_attribute(out, "message", test->failure);
        print_attribute(out, "type", worst_of(report));
        fputc('>', out);
        print_text(out, report);
        fputs("</failure>\n", out);
    } else if (errors) {
        fputs("      <error", out);
        print_attribute(out, "message", test->error);
        fprintf(out, " type=\"%s\">", test->is_unjudged ? "unjudged" : "program");
        if (test->is_unjudged)
            print_text(out, report);
        fputs("</error>\n", out);
    }
    fputs("    </testcase>\n  </testsuite>\n</testsuites>\n", out);
}
