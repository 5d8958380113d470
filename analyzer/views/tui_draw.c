#include "views/tui_draw.h"

#include "views/names.h"
#include "views/paths.h"
#include "views/sparkline.h"
#include "views/units.h"
#include "views/utf8.h"
#include "views/value.h"

#include <curses.h>
#include <langinfo.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define TABLE_TOP    4  /* the first row of a table: below title, facts, headings and total */
#define NAME_COLUMNS 30 /* that a name is to have at least */
#define COLUMNS_MAX  16 /* that are looked at */
#define COURSE_MAX   (60 * 3 + 1)

static bool ascii; /* the locale is not UTF-8 */

static size_t columns(void)
{
    return (size_t)COLS;
}

/* Columns of the character that TEXT, which is not empty, begins with, and its bytes; what cannot be
 * shown is a question mark. */
static size_t columns_of(const char *text, size_t *out_size, bool *out_shown)
{
    uint32_t code = (unsigned char)*text;
    size_t size = utf8_next(text, &code);
    int width = size == 0   ? -1
                : size == 1 ? (code >= 0x20 && code < 0x7f ? 1 : -1)
                            : wcwidth((wchar_t)code);

    *out_size = size ? size : 1;
    *out_shown = width >= 0 && (size == 1 || !ascii);
    return *out_shown ? (size_t)width : 1;
}

/* Put TEXT at the place where the cursor is, cut to ROOM columns. Returns how many it took. */
static size_t put(const char *text, size_t room)
{
    size_t used = 0, size, width;
    bool shown;

    for (; *text; text += size) {
        width = columns_of(text, &size, &shown);
        if (used + width > room)
            break;
        if (shown)
            addnstr(text, (int)size);
        else
            addch('?');
        used += width;
    }
    return used;
}

/* Put a name. Of a path for which ROOM is too little, the end is what tells it from others. */
static void put_name(const char *name, size_t room)
{
    const char *mark = ascii ? "..." : "…";
    size_t length = 0, size;
    bool shown;

    for (const char *at = name; *at; at += size)
        length += columns_of(at, &size, &shown);
    if (*name == '/' && length > room) {
        room -= put(mark, room);
        for (; length > room; name += size)
            length -= columns_of(name, &size, &shown);
    }
    put(name, room);
}

/* A stream whose text is put on the screen: what views write to, that know only streams. */
struct piece {
    FILE *stream;
    char *text;
    size_t size;
};

static bool piece_begin(struct piece *piece)
{
    *piece = (struct piece){0};
    piece->stream = open_memstream(&piece->text, &piece->size);
    return piece->stream;
}

/* The text of PIECE, for free(); may be NULL. */
static char *piece_end(struct piece *piece)
{
    fclose(piece->stream);
    return piece->text;
}

static char *value_text(const struct report_cell *cell, const struct report_column *column)
{
    struct piece piece;

    if (!piece_begin(&piece))
        return NULL;
    value_print(piece.stream, cell, column->kind, column->flags, 0);
    return piece_end(&piece);
}

/* Put TEXT, which may be NULL, right-aligned into WIDTH columns. */
static void put_right(const char *text, size_t width)
{
    size_t length = text ? utf8_width(text) : 0;

    for (; length < width; length++)
        addch(' ');
    if (text)
        put(text, width);
}

/* Whether the screen is large enough to draw on; else it says so. */
static bool begin(const char *title)
{
    char text[80];

    ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    erase();
    attrset(A_NORMAL);
    move(0, 0);
    if (LINES < TUI_ROWS || COLS < TUI_COLUMNS) {
        snprintf(text, sizeof(text), "%dx%d is too small: %dx%d are needed", COLS, LINES,
                 TUI_COLUMNS, TUI_ROWS);
        put(text, columns());
        return false;
    }
    attron(A_BOLD);
    put(title ? title : "", columns());
    attroff(A_BOLD);
    return true;
}

static void end(const char *bottom)
{
    if (LINES >= TUI_ROWS && COLS >= TUI_COLUMNS) {
        move(LINES - 1, 0);
        put(bottom, columns() - 1); /* the very last place would scroll */
    }
    refresh();
}

size_t tui_page(void)
{
    return LINES > TABLE_TOP + 1 ? (size_t)(LINES - TABLE_TOP - 1) : 1;
}

/* Put facts and notes on one line. */
static void put_facts(const struct report *report)
{
    struct piece piece;
    bool any = false;
    char *text;

    if (!piece_begin(&piece))
        return;
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (!fact->title || fact->is_heading)
            continue;
        fprintf(piece.stream, "%s%s ", any ? ", " : "", fact->title);
        value_print(piece.stream, &fact->value, fact->kind, 0, 0);
        any = true;
    }
    for (size_t i = 0; i < report->note_count; i++) {
        fprintf(piece.stream, "%s%s", any ? "; " : "", report->notes[i]);
        any = true;
    }
    text = piece_end(&piece);
    put(text ? text : "", columns());
    free(text);
}

/* How a table is laid out: which columns are shown, and how wide. */
struct layout {
    const struct report_table *table;
    bool shown[COLUMNS_MAX];
    size_t course; /* columns of the sparkline; 0: none */
    size_t name;   /* … and of the name */
};

static size_t width_of(const struct report_column *column)
{
    return column->kind == REPORT_BYTES ? (column->flags & REPORT_SIGNED ? 10 : 9) : 9;
}

static bool is_number(const struct report_column *column)
{
    return column->kind == REPORT_BYTES || column->kind == REPORT_COUNT;
}

/* Show the column NUMBER if there is ROOM, which it takes of it. */
static void show_column(struct layout *layout, size_t number, size_t *room)
{
    const struct report_column *column = &layout->table->columns[number];

    if (layout->shown[number] || column->flags & (REPORT_DATA_ONLY | REPORT_SERIES) ||
        !is_number(column) || *room < width_of(column) + 1 + NAME_COLUMNS)
        return;
    layout->shown[number] = true;
    *room -= width_of(column) + 1;
}

/* Choose the columns for which there is room: the one that the rows are ordered by, then the first
 * ones. */
static struct layout lay_out(const struct report_table *table)
{
    struct layout layout = {.table = table};
    size_t room = columns() - 2; /* the sign, and what it is set off by */
    size_t count = table->column_count < COLUMNS_MAX ? table->column_count : COLUMNS_MAX;

    layout.course = columns() < 100 ? 10 : columns() < 140 ? 20 : columns() < 180 ? 40 : 60;
    room -= layout.course + 1;
    for (size_t i = 0; i < count; i++)
        if (table->columns[i].flags & REPORT_ORDER)
            show_column(&layout, i, &room);
    for (size_t i = 0; i < count; i++)
        show_column(&layout, i, &room);
    layout.name = room;
    return layout;
}

static void put_course(const struct layout *layout, const struct report_cell *cell)
{
    char text[COURSE_MAX];
    size_t used = 0;

    if (cell->known)
        used = put(sparkline_write(text, sizeof(text), cell->series, layout->table->series_length,
                                   layout->course, ascii),
                   layout->course);
    for (; used < layout->course + 1; used++)
        addch(' ');
}

/* Put a line of CELLS, or (NULL) the headings. */
static void put_cells(const struct layout *layout, const struct report_cell *cells)
{
    const struct report_table *table = layout->table;
    char *name = NULL;

    for (size_t i = 0; i < table->column_count && i < COLUMNS_MAX; i++) {
        const struct report_column *column = &table->columns[i];

        if (layout->shown[i]) {
            char *text = cells ? value_text(&cells[i], column) : NULL;

            if (!cells && column->flags & REPORT_ORDER)
                attron(A_BOLD);
            put_right(cells ? text : column->title, width_of(column));
            if (!cells)
                attroff(A_BOLD);
            addch(' ');
            free(text);
        } else if ((column->kind == REPORT_TEXT || column->kind == REPORT_FUNCTION) &&
                   !(column->flags & REPORT_DATA_ONLY)) {
            free(name);
            name = cells ? value_text(&cells[i], column) : strdup(column->title);
        }
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (!(table->columns[i].flags & REPORT_SERIES))
            continue;
        if (cells)
            put_course(layout, &cells[i]);
        else
            for (size_t j = put(table->columns[i].title, layout->course); j < layout->course + 1; j++)
                addch(' ');
    }
    put_name(name ? name : "", layout->name);
    free(name);
}

void tui_draw_table(const struct report *report, size_t first, size_t selected, const char *bottom)
{
    const struct report_table *table = &report->tables[0];
    struct layout layout;

    if (begin(report->title)) {
        layout = lay_out(table);
        move(1, 0);
        put_facts(report);
        move(2, 2);
        attron(A_UNDERLINE);
        put_cells(&layout, NULL);
        attroff(A_UNDERLINE);
        if (table->total) {
            move(3, 2);
            put_cells(&layout, table->total);
        }
        for (size_t i = 0; i < tui_page() && first + i < table->row_count; i++) {
            move(TABLE_TOP + (int)i, 0);
            if (first + i == selected)
                attron(A_BOLD);
            put(first + i == selected ? "> " : "  ", 2);
            put_cells(&layout, table->rows[first + i].cells);
            attroff(A_BOLD);
        }
    }
    end(bottom);
}

/* FRAME on a line of its own, for free(). */
static char *frame_text(const struct report_frame *frame, const struct paths *paths)
{
    struct piece piece;

    if (!piece_begin(&piece))
        return NULL;
    if (frame->function)
        names_print(piece.stream, frame->function, false);
    else
        utf8_print(piece.stream, frame->place ? frame->place : "?");
    fputs(frame->inlined ? " (inlined)" : "", piece.stream);
    if (frame->file)
        fprintf(piece.stream, "  %s:%u", paths_short(paths, frame->file), frame->line);
    else if (frame->module && frame->function)
        fprintf(piece.stream, "  [%s]", frame->module);
    return piece_end(&piece);
}

/* Paths of the files in ROW. NULL for lack of memory. */
static struct paths *paths_of(const struct report_row *row)
{
    struct paths *paths = paths_create();

    for (size_t i = 0; paths && i < row->frame_count; i++) {
        if (row->frames[i].file && paths_add(paths, row->frames[i].file) < 0) {
            paths_destroy(paths);
            return NULL;
        }
    }
    if (paths)
        paths_shorten(paths);
    return paths;
}

void tui_draw_traceback(const struct report *report, size_t first, const char *bottom)
{
    const struct report_row *row = &report->tables[0].rows[0];
    struct paths *paths = paths_of(row);

    if (begin(report->title) && paths) {
        for (size_t i = first; i < row->frame_count; i++) {
            char *text = frame_text(&row->frames[i], paths);
            int line = 2 + (int)(i - first);

            if (line < LINES - 1) {
                move(line, 2);
                put(text ? text : "", columns() - 2);
            }
            free(text);
        }
        if (row->truncated && (int)(row->frame_count - first) + 2 < LINES - 1) {
            move(2 + (int)(row->frame_count - first), 2);
            put("… here the recorded stack ends", columns() - 2);
        }
        if (row->frame_count == 0) {
            move(2, 2);
            put("no frame of it is known", columns() - 2);
        }
    }
    paths_destroy(paths);
    end(bottom);
}

void tui_draw_lines(const char *title, const char *const *lines, size_t count, size_t first,
                    const char *bottom)
{
    if (begin(title)) {
        for (size_t i = first; i < count && (int)(i - first) + 2 < LINES - 1; i++) {
            move(2 + (int)(i - first), 0);
            put(lines[i], columns());
        }
    }
    end(bottom);
}
