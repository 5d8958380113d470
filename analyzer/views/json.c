#include "views/json.h"

#include "views/tree.h"
#include "views/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *text_value(const char *text)
{
    size_t room = 3 * strlen(text) + 1, length = 0;
    char *clean;
    json_t *value = json_string(text);

    if (value)
        return value;
    /* No UTF-8, then. */
    clean = malloc(room);
    if (!clean)
        return NULL;
    while (*text) {
        uint32_t code;
        size_t size = utf8_next(text, &code);

        memcpy(clean + length, size ? text : "\xef\xbf\xbd", size ? size : 3);
        length += size ? size : 3;
        text += size ? size : 1;
    }
    value = json_stringn(clean, length);
    free(clean);
    return value;
}

static json_t *number_value(uint64_t number, unsigned flags)
{
    char digits[24];

    if (number <= INT64_MAX || flags & REPORT_SIGNED)
        return json_integer((json_int_t)number);
    snprintf(digits, sizeof(digits), "%" PRIu64, number);
    return json_string(digits);
}

static json_t *series_value(const uint64_t *series, size_t length)
{
    json_t *array = json_array();

    for (size_t i = 0; i < length; i++) {
        if (json_array_append_new(array, number_value(series[i], 0)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *cell_value(const struct report_cell *cell, enum report_kind kind, unsigned flags,
                          size_t series_length)
{
    if (!cell->known)
        return json_null();
    if (flags & REPORT_SERIES)
        return series_value(cell->series, series_length);
    switch (kind) {
    case REPORT_TEXT:
    case REPORT_FILE:
    case REPORT_FUNCTION:
    case REPORT_MODULE:
        return text_value(cell->text);
    case REPORT_FLAG:
        return json_boolean(cell->number);
    case REPORT_AVERAGE:
        return json_real(cell->real);
    case REPORT_LINE:
    case REPORT_BYTES:
    case REPORT_COUNT:
    case REPORT_NUMBER:
    case REPORT_ADDRESS:
    case REPORT_DURATION:
        break;
    }
    return number_value(cell->number, flags);
}

static json_t *frame_value(const struct report_frame *frame)
{
    json_t *object = json_object();

    json_object_set_new(object, "function",
                        frame->function ? text_value(frame->function) : json_null());
    json_object_set_new(object, "file", frame->file ? text_value(frame->file) : json_null());
    json_object_set_new(object, "line", json_integer(frame->line));
    json_object_set_new(object, "module", frame->module ? text_value(frame->module) : json_null());
    json_object_set_new(object, "offset", number_value(frame->offset, 0));
    json_object_set_new(object, "inlined", json_boolean(frame->inlined));
    if (json_object_size(object) == 6)
        return object;
    json_decref(object);
    return NULL;
}

/* Set the cells at CELLS in OBJECT. Returns 0 or -ENOMEM. */
static int set_cells(json_t *object, const struct report_table *table,
                     const struct report_cell *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];

        if (column->flags & REPORT_TEXT_ONLY)
            continue;
        if (json_object_set_new(
                object, column->key,
                cell_value(&cells[i], column->kind, column->flags, table->series_length)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static json_t *optional_text(const char *text)
{
    return text ? text_value(text) : json_null();
}

static int set_frames(json_t *object, const struct report_frame *frames, size_t count)
{
    json_t *traceback = json_array();

    if (json_object_set_new(object, "traceback", traceback) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(traceback, frame_value(&frames[i])) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* What is known of LINK; blocks have other keys than what is no block. */
static json_t *link_value(const struct report_link *link, bool is_path)
{
    bool is_block = strcmp(link->kind, "block") == 0;
    json_t *object = json_object();

    if (!object)
        return NULL;
    if (is_path) {
        json_object_set_new(object, "kind", json_string(link->kind));
        json_object_set_new(object, "name", optional_text(link->name));
        json_object_set_new(object, "type", optional_text(link->type));
        json_object_set_new(object, "offset", number_value(link->offset, 0));
        json_object_set_new(object, "count", number_value(link->count, 0));
    }
    if (is_block) {
        json_object_set_new(object, "size", number_value(link->size, 0));
        json_object_set_new(object, "count", number_value(link->count, 0));
        json_object_set_new(object, "file", optional_text(link->file ? link->file : link->place));
        json_object_set_new(object, "line", number_value(link->line, 0));
        json_object_set_new(object, "function", optional_text(link->function));
    } else {
        json_object_set_new(object, "file", optional_text(link->file));
        json_object_set_new(object, "static", json_boolean(link->is_static));
        json_object_set_new(object, "function", optional_text(link->function));
        json_object_set_new(object, "module", optional_text(link->module));
        json_object_set_new(object, "thread",
                            link->thread ? number_value(link->thread, 0) : json_null());
        json_object_set_new(object, "thread_name", optional_text(link->thread_name));
    }
    if (is_block && is_path) {
        json_object_set_new(object, "type_found", optional_text(link->type_found));
        json_object_set_new(object, "repeats", json_boolean(link->repeats));
        if (set_frames(object, link->frames, link->frame_count) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static int set_links(json_t *object, const char *key, const struct report_link *links, size_t count,
                     bool is_path)
{
    json_t *array = json_array();

    if (json_object_set_new(object, key, array) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, link_value(&links[i], is_path)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Set the cells of ROW in OBJECT, and its traceback or path. */
static int set_row(json_t *object, const struct report_table *table, const struct report_row *row)
{
    if (set_cells(object, table, row->cells) < 0)
        return -ENOMEM;
    if ((table->style == REPORT_PATHS || row->path_length > 0) &&
        (set_links(object, "path", row->path, row->path_length, true) < 0 ||
         set_links(object, "retains", row->retains, row->retain_count, false) < 0))
        return -ENOMEM;
    if (!row->has_traceback)
        return 0;
    if (set_frames(object, row->frames, row->frame_count) < 0)
        return -ENOMEM;
    return json_object_set_new(object, "truncated", json_boolean(row->truncated)) < 0 ? -ENOMEM : 0;
}

/* Set those of the cells at CELLS that have a value: in a total, what adds up. */
static int set_known(json_t *object, const struct report_table *table,
                     const struct report_cell *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];

        if (column->flags & REPORT_TEXT_ONLY || !cells[i].known)
            continue;
        if (json_object_set_new(object, column->key,
                                cell_value(&cells[i], column->kind, column->flags,
                                           table->series_length)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Write VALUE, which may be NULL for lack of memory, and free it. */
static int print_value(FILE *out, json_t *value)
{
    if (!value)
        return -ENOMEM;
    json_dumpf(value, out, JSON_ENCODE_ANY);
    json_decref(value);
    return 0;
}

/* Write `"KEY": ` on a new line of the object that began with *BEGUN unset. */
static void print_key(FILE *out, const char *key, bool *begun)
{
    fputs(*begun ? ",\n " : "{\n ", out);
    *begun = true;
    fprintf(out, "\"%s\": ", key);
}

/* Write the rows of TABLE, a line each: they may be too many for one value in memory. */
static int print_rows(FILE *out, const struct report_table *table)
{
    fputc('[', out);
    for (size_t i = 0; i < table->row_count; i++) {
        json_t *row = json_object();

        fputs(i ? ",\n  " : "\n  ", out);
        if (set_row(row, table, &table->rows[i]) < 0) {
            json_decref(row);
            return -ENOMEM;
        }
        print_value(out, row);
    }
    fputs(table->row_count ? "\n ]" : "]", out);
    return 0;
}

/* Write TABLE as an object of objects. */
static int print_keyed(FILE *out, const struct report_table *table, bool *begun)
{
    struct report_table values = *table;
    json_t *object = json_object();
    int result = 0;

    values.columns++;
    values.column_count--;
    for (size_t i = 0; i < table->row_count && result == 0; i++) {
        json_t *row = json_object();

        if (json_object_set_new(object, table->rows[i].cells[0].text, row) < 0 ||
            set_cells(row, &values, table->rows[i].cells + 1) < 0)
            result = -ENOMEM;
    }
    print_key(out, table->key, begun);
    if (result == 0)
        return print_value(out, object);
    json_decref(object);
    return result;
}

/* Write OBJECT, which is freed, without its braces. */
static int print_members(FILE *out, json_t *object)
{
    char *text = json_dumps(object, 0);
    size_t length = text ? strlen(text) : 0;

    json_decref(object);
    if (length < 2) {
        free(text);
        return -ENOMEM;
    }
    fwrite(text + 1, 1, length - 2, out);
    free(text);
    return 0;
}

/* Write what is known of ROW of a tree: its frame and its numbers, or for how many it stands. */
static int print_node(FILE *out, const struct report_table *table, const struct report_row *row)
{
    json_t *object = row->stands_for ? json_object() : frame_value(&row->frames[0]);

    if (row->stands_for)
        json_object_set_new(object, "nodes", json_integer((json_int_t)row->stands_for));
    if (set_known(object, table, row->cells) < 0) {
        json_decref(object);
        return -ENOMEM;
    }
    return print_members(out, object);
}

/* Whether TABLE is one that may lack rows, and that notes are about. */
static bool is_statistics(const struct report_table *table)
{
    return table->style == REPORT_STATISTICS || table->style == REPORT_PATHS ||
           table->style == REPORT_VERDICTS || table->style == REPORT_TREE;
}

static int print_table(FILE *out, const struct report_table *table, bool *begun)
{
    if (table->style == REPORT_KEYED)
        return print_keyed(out, table, begun);
    if (table->total) {
        json_t *total = json_object();

        if (set_known(total, table, table->total) < 0) {
            json_decref(total);
            return -ENOMEM;
        }
        print_key(out, "total", begun);
        print_value(out, total);
    }
    print_key(out, table->key, begun);
    if (table->style == REPORT_TREE)
        return tree_print_json(out, table, print_node);
    if (print_rows(out, table) < 0)
        return -ENOMEM;
    if (is_statistics(table) || table->omitted) {
        print_key(out, "omitted", begun);
        fprintf(out, "%zu", table->omitted);
    }
    return 0;
}

static int print_notes(FILE *out, const struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->note_count; i++) {
        if (json_array_append_new(array, text_value(report->notes[i])) < 0) {
            json_decref(array);
            return -ENOMEM;
        }
    }
    return print_value(out, array);
}

static int print_report(FILE *out, const struct report *report)
{
    bool begun = false, has_statistics = false;

    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (!fact->key)
            continue;
        print_key(out, fact->key, &begun);
        if (print_value(out, cell_value(&fact->value, fact->kind, 0, 0)) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < report->table_count; i++) {
        if (print_table(out, &report->tables[i], &begun) < 0)
            return -ENOMEM;
        has_statistics |= is_statistics(&report->tables[i]);
    }
    if (has_statistics) {
        print_key(out, "notes", &begun);
        if (print_notes(out, report) < 0)
            return -ENOMEM;
    }
    fputs(begun ? "\n}" : "{}", out);
    return 0;
}

int json_print(FILE *out, struct report *const *reports, size_t count)
{
    fputs(count == 1 ? "" : "[", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n" : "", out);
        if (print_report(out, reports[i]) < 0)
            return -ENOMEM;
    }
    fputs(count == 1 ? "\n" : "]\n", out);
    return 0;
}

int json_print_line(FILE *out, struct report *report)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    int result = memory ? json_print(memory, &report, 1) : -ENOMEM;

    if (memory && fclose(memory) != 0)
        result = -ENOMEM;
    /* A newline is never part of a value. */
    for (size_t i = 0; result == 0 && i < size; i++)
        if (text[i] != '\n')
            fputc(text[i], out);
    if (result == 0)
        fputc('\n', out);
    free(text);
    return result;
}

int json_print_lines(FILE *out, const struct report *report)
{
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        for (size_t j = 0; j < table->row_count; j++) {
            json_t *object = json_object();

            if (json_object_set_new(object, "section", json_string(table->key)) < 0 ||
                set_row(object, table, &table->rows[j]) < 0) {
                json_decref(object);
                return -ENOMEM;
            }
            json_dumpf(object, out, 0);
            fputc('\n', out);
            json_decref(object);
        }
    }
    return 0;
}
