#include "views/sarif.h"

#include "views/json_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static const struct {
    const char *id, *name, *text;
} rules[] = {
    {"lost", "LostMemory", "Blocks were lost: no chain of pointers leads to them any more."},
    {"held_growing", "GrowingMemory", "Blocks are held by somebody, but become more and more."},
};

#define RULE_COUNT (sizeof(rules) / sizeof(*rules))

/* FILE as a URI: what no URI has is escaped. */
static void print_uri(FILE *out, const char *file)
{
    size_t size = 3 * strlen(file) + 8, length = 0;
    char *uri = malloc(size);

    if (!uri) {
        fputs("\"\"", out);
        return;
    }
    if (*file == '/')
        length = (size_t)snprintf(uri, size, "file://");
    for (const char *at = file; *at; at++) {
        unsigned char c = (unsigned char)*at;

        if (isascii(c) && (isalnum(c) || strchr("/._-~+", c)))
            uri[length++] = (char)c;
        else
            length += (size_t)snprintf(uri + length, size - length, "%%%02X", c);
    }
    uri[length] = '\0';
    json_text_print(out, uri);
    free(uri);
}

static void print_place(FILE *out, const char *file, uint32_t line, const char *function,
                        const char *message)
{
    const char *comma = "";

    fputc('{', out);
    if (file) {
        fputs("\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
        print_uri(out, file);
        fputc('}', out);
        if (line > 0)
            fprintf(out, ",\"region\":{\"startLine\":%" PRIu32 "}", line);
        fputc('}', out);
        comma = ",";
    }
    if (function) {
        fprintf(out, "%s\"logicalLocations\":[{\"fullyQualifiedName\":", comma);
        json_text_print(out, function);
        fputs(",\"kind\":\"function\"}]", out);
        comma = ",";
    }
    if (message) {
        fprintf(out, "%s\"message\":{\"text\":", comma);
        json_text_print(out, message);
        fputc('}', out);
    }
    fputc('}', out);
}

static void print_stack(FILE *out, const struct report_row *row)
{
    fputs(",\"stacks\":[{\"message\":{\"text\":\"allocated by\"},\"frames\":[", out);
    for (size_t i = 0; i < row->frame_count; i++) {
        const struct report_frame *frame = &row->frames[i];

        fprintf(out, "%s{\"location\":", i ? "," : "");
        print_place(out, frame->file, frame->line, frame->function, NULL);
        if (frame->module) {
            fputs(",\"module\":", out);
            json_text_print(out, frame->module);
        }
        fputc('}', out);
    }
    fputs("]}]", out);
}

/* "3 blocks, 48 bytes: nobody points at it any more" */
static int print_message(FILE *out, const struct report_row *row)
{
    const struct report_cell *cells = row->cells, *holder = &cells[CELL_HOLDER];
    uint64_t count = cells[CELL_WITH_COUNT].number;
    char *text;

    if (asprintf(&text, "%" PRIu64 " %s of %" PRIu64 " bytes: %s%s%s%s", count,
                 count == 1 ? "block" : "blocks", cells[CELL_WITH_SIZE].number, cells[CELL_TEXT].text,
                 holder->known ? " (held by " : "", holder->known ? holder->text : "",
                 holder->known ? ")" : "") < 0)
        return -ENOMEM;
    fputs("\"message\":{\"text\":", out);
    json_text_print(out, text);
    fputc('}', out);
    free(text);
    return 0;
}

static int print_result(FILE *out, const struct report_row *row)
{
    const struct report_cell *cells = row->cells;
    size_t rule = 0;
    int result;

    while (rule < RULE_COUNT - 1 && strcmp(rules[rule].id, cells[CELL_VERDICT].text) != 0)
        rule++;
    fprintf(out, "{\"ruleId\":\"%s\",\"ruleIndex\":%zu,\"level\":\"error\",", rules[rule].id, rule);
    result = print_message(out, row);
    fputs(",\"locations\":[", out);
    print_place(out, cells[CELL_FILE].is_place ? NULL : cells[CELL_FILE].text,
                (uint32_t)cells[CELL_LINE].number,
                cells[CELL_FUNCTION].known ? cells[CELL_FUNCTION].text : cells[CELL_FILE].text,
                NULL);
    fputc(']', out);
    if (row->frame_count > 0)
        print_stack(out, row);
    fprintf(out, ",\"partialFingerprints\":{\"heapdeltaStack/v1\":\"%016" PRIx64 "\"}}",
            report_row_fingerprint(row));
    return result;
}

int sarif_print(FILE *out, const struct report *report, const struct sarif_run *run)
{
    const char *comma = "";
    int result = 0;

    fputs("{\"$schema\":\"" SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{"
          "\"name\":\"heapdelta\",\"version\":",
          out);
    json_text_print(out, run->version);
    fputs(",\"rules\":[", out);
    for (size_t i = 0; i < RULE_COUNT; i++)
        fprintf(out, "%s{\"id\":\"%s\",\"name\":\"%s\",\"shortDescription\":{\"text\":\"%s\"}}",
                i ? "," : "", rules[i].id, rules[i].name, rules[i].text);
    fputs("]}},\"columnKind\":\"utf16CodeUnits\",\"invocations\":[{\"commandLine\":", out);
    json_text_print(out, run->command);
    fprintf(out, ",\"exitCode\":%d,\"executionSuccessful\":%s", run->status,
            run->error ? "false" : "true");
    if (run->error) {
        fputs(",\"exitCodeDescription\":", out);
        json_text_print(out, run->error);
    }
    fputs("}],\"results\":[", out);
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        for (size_t j = 0; table->style == REPORT_VERDICTS && j < table->row_count; j++) {
            fputs(comma, out);
            comma = ",\n";
            if (print_result(out, &table->rows[j]) < 0)
                result = -ENOMEM;
        }
    }
    fputs("]}]}\n", out);
    return result;
}
