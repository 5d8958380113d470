/* top_screen.c - `top` on a terminal: what its keys do. */
#include "ending.h"
#include "model/clock.h"
#include "top.h"
#include "views/tui.h"
#include "views/tui_draw.h"
#include "views/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND  1000000u /* ns */
#define LOOK_TIMEOUT (1000 * MILLISECOND)
#define NAMES_TIME   (200 * MILLISECOND) /* for names, before the screen is drawn again */
#define NAMES_ROUND  64

static const char *const help[] = {
    "  up down PgUp PgDn Home End   choose a row (also j, k)",
    "  Enter     the stack of the row; there left and right show its other stacks",
    "  g, G      rows by line, function, module, thread, type, file; backwards",
    "  o         the next order; or at once:",
    "  L         by live bytes         B        by live blocks",
    "  W         by growth             A        by calls per second",
    "  R         by bytes per second   N        by name",
    "  /         only rows whose name contains what you type; Enter keeps it,",
    "            Esc ends it",
    "  space     freeze: the program is asked nothing until you press it again",
    "  m, M      mark: growth is counted from now on; M: again from the beginning",
    "  s         take a whole snapshot: the file stays, and its path is shown",
    "  ?         this help             q        leave",
    "",
    "live      what is allocated and not freed, as the program requested it",
    "growth    of live, since you began to watch, or since the mark",
    "bytes/s   what was allocated since the last look, also if it is freed again",
    "course    live during the last 60 looks, from 0 to its own highest",
    "",
    "An idle program is not disturbed. A look at another one holds it as a snapshot",
    "of counters alone does: 0.3 ms with 20,000 stacks.",
};

enum mode {
    MODE_TABLE,
    MODE_STACK,
    MODE_HELP,
    MODE_FILTER,  /* one is being typed */
    MODE_LEAVING, /* asked whether the program is to end */
};

/* Kinds of rows, in the order that 'g' goes through. */
static const enum group_key keys[] = {GROUP_LINENO, GROUP_FUNCTION, GROUP_MODULE,
                                      GROUP_THREAD, GROUP_TYPE,     GROUP_FILENAME};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

struct screen {
    struct top *top;
    const char *output; /* of the program that we have started; NULL: we have not */
    enum mode mode;
    bool frozen, leaving;
    long left; /* stacks without a name */

    struct report *table;
    uint32_t *names; /* of its rows */
    size_t first, selected;
    uint32_t chosen; /* the name of the selected row, which it keeps as rows move */
    size_t stack;    /* which of its stacks is shown, */
    size_t scroll;   /* from which frame on */
    char message[PATH_MAX + 64];
};

/* Find names for some time. */
static int find_names(struct screen *screen)
{
    uint64_t end = clock_now() + NAMES_TIME;

    do
        screen->left = top_name(screen->top, NAMES_ROUND);
    while (screen->left > 0 && clock_now() < end && !ending_signal);
    return screen->left < 0 ? -ENOMEM : 0;
}

/* Make the table anew, and find the selected row in it. */
static int make_table(struct screen *screen)
{
    struct report *table;
    uint32_t *names = NULL;
    size_t rows, page = tui_page();

    if (!screen->top->heap)
        return 0;
    if (find_names(screen) < 0)
        return -ENOMEM;
    table = top_report(screen->top, 0, screen->left, &names);
    if (!table)
        return -ENOMEM;
    report_destroy(screen->table);
    free(screen->names);
    screen->table = table;
    screen->names = names;
    rows = table->tables[0].row_count;
    for (size_t i = 0; i < rows; i++)
        if (screen->chosen && names[i] == screen->chosen)
            screen->selected = i;
    if (screen->selected >= rows)
        screen->selected = rows ? rows - 1 : 0;
    if (screen->selected < screen->first)
        screen->first = screen->selected;
    if (screen->selected >= screen->first + page)
        screen->first = screen->selected - page + 1;
    return 0;
}

/* What the last line says in MODE_TABLE. */
static const char *bottom_of(const struct screen *screen, char *buffer, size_t size)
{
    const struct top *top = screen->top;

    if (screen->mode == MODE_FILTER)
        snprintf(buffer, size, "only names with: %s_", top->filter);
    else if (screen->mode == MODE_LEAVING)
        snprintf(buffer, size, "the program still runs: q again ends it, another key stays");
    else if (top->ended)
        snprintf(buffer, size, "%s; %s. q leaves", top->trouble.text,
                 screen->table ? "this is the last that was seen of it" : "nothing was seen of it");
    else if (*screen->message)
        snprintf(buffer, size, "%s", screen->message);
    else if (*top->trouble.text)
        snprintf(buffer, size, "%s", top->trouble.text);
    else if (screen->frozen)
        snprintf(buffer, size, "frozen: space goes on");
    else
        snprintf(buffer, size,
                 "q leave  ? help  g by what  o order  / filter  Enter stack  m mark  s snapshot");
    return buffer;
}

static void draw_stack(struct screen *screen, const char *bottom)
{
    size_t count = 0;
    struct report *report = top_stack(screen->top, screen->chosen, screen->stack, &count);

    if (!report) {
        screen->mode = MODE_TABLE;
        return;
    }
    if (screen->scroll >= report->tables[0].rows[0].frame_count)
        screen->scroll = 0;
    tui_draw_traceback(report, screen->scroll, bottom);
    report_destroy(report);
}

static void draw(struct screen *screen)
{
    char buffer[PATH_MAX + 128];
    const char *bottom = bottom_of(screen, buffer, sizeof(buffer));

    if (screen->mode == MODE_STACK)
        draw_stack(screen, screen->top->ended || *screen->message
                               ? bottom
                               : "Esc back  left, right: other stacks of the row  up, down: scroll");
    if (screen->mode == MODE_STACK)
        return;
    if (screen->mode == MODE_HELP)
        tui_draw_lines("heapdelta top", help, sizeof(help) / sizeof(help[0]), 0, "Esc back");
    else if (screen->table)
        tui_draw_table(screen->table, screen->first, screen->selected, bottom);
    else
        tui_draw_lines(screen->top->ended ? "heapdelta top: the program has ended"
                                          : "heapdelta top: waiting for the program",
                       NULL, 0, 0, bottom);
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* Select the row BY further down. */
static void move_by(struct screen *screen, long by)
{
    size_t rows = screen->table ? screen->table->tables[0].row_count : 0;
    long to = (long)screen->selected + by;

    if (rows == 0)
        return;
    screen->selected = to < 0 ? 0 : (size_t)to >= rows ? rows - 1 : (size_t)to;
    screen->chosen = screen->names[screen->selected];
}

static void change_rows(struct screen *screen, size_t step)
{
    size_t at = 0;

    while (at + 1 < KEY_COUNT && keys[at] != screen->top->key)
        at++;
    screen->top->key = keys[(at + step) % KEY_COUNT];
    screen->chosen = 0;
    screen->selected = screen->first = 0;
}

static void change_order(struct screen *screen, enum watch_order order)
{
    screen->top->order = order;
    screen->chosen = 0;
    screen->selected = screen->first = 0;
}

static void take_snapshot(struct screen *screen)
{
    char path[PATH_MAX];
    struct error error;

    if (top_snapshot(screen->top, path, &error) == 0)
        snprintf(screen->message, sizeof(screen->message), "snapshot: %s", path);
    else
        snprintf(screen->message, sizeof(screen->message), "%s", error.text);
}

static void mark(struct screen *screen)
{
    struct error error;

    if (top_mark(screen->top, &error) == 0)
        snprintf(screen->message, sizeof(screen->message), "marked: growth is counted from now on");
    else
        snprintf(screen->message, sizeof(screen->message), "%s", error.text);
}

static void leave(struct screen *screen)
{
    if (screen->output && !screen->top->ended && screen->mode != MODE_LEAVING)
        screen->mode = MODE_LEAVING;
    else
        screen->leaving = true;
}

static void press_in_table(struct screen *screen, int key)
{
    long page = (long)tui_page();

    switch (key) {
    case TUI_UP: case 'k': move_by(screen, -1); break;
    case TUI_DOWN: case 'j': move_by(screen, 1); break;
    case TUI_PAGE_UP: move_by(screen, -page); break;
    case TUI_PAGE_DOWN: move_by(screen, page); break;
    case TUI_HOME: move_by(screen, -(long)screen->selected); break;
    case TUI_END: move_by(screen, INT32_MAX); break;
    case 'g': change_rows(screen, 1); break;
    case 'G': change_rows(screen, KEY_COUNT - 1); break;
    case 'o': change_order(screen, (screen->top->order + 1) % WATCH_ORDERS); break;
    case 'L': change_order(screen, WATCH_BY_LIVE); break;
    case 'W': change_order(screen, WATCH_BY_GROWTH); break;
    case 'R': change_order(screen, WATCH_BY_RATE); break;
    case 'B': change_order(screen, WATCH_BY_BLOCKS); break;
    case 'A': change_order(screen, WATCH_BY_ALLOCATIONS); break;
    case 'N': change_order(screen, WATCH_BY_NAME); break;
    case ' ': screen->frozen = !screen->frozen; break;
    case 's': take_snapshot(screen); break;
    case 'm': mark(screen); break;
    case 'M': top_unmark(screen->top); break;
    case 'q': leave(screen); break;
    case '/':
        screen->mode = MODE_FILTER;
        break;
    case '?': case 'h': screen->mode = MODE_HELP; break;
    case TUI_ESCAPE:
        screen->top->filter[0] = '\0';
        break;
    case TUI_ENTER:
        if (screen->table && screen->table->tables[0].row_count > 0) {
            screen->chosen = screen->names[screen->selected];
            screen->stack = screen->scroll = 0;
            screen->mode = MODE_STACK;
        }
        break;
    }
}

static void press_in_stack(struct screen *screen, int key)
{
    size_t count = 0;

    switch (key) {
    case TUI_UP: case 'k': screen->scroll -= screen->scroll > 0; break;
    case TUI_DOWN: case 'j': screen->scroll++; break;
    case TUI_RIGHT:
        report_destroy(top_stack(screen->top, screen->chosen, screen->stack, &count));
        screen->stack += screen->stack + 1 < count;
        screen->scroll = 0;
        break;
    case TUI_LEFT:
        screen->stack -= screen->stack > 0;
        screen->scroll = 0;
        break;
    case TUI_ESCAPE: case TUI_ENTER: case TUI_BACKSPACE: screen->mode = MODE_TABLE; break;
    case ' ': screen->frozen = !screen->frozen; break;
    case 'q': leave(screen); break;
    case '?': case 'h': screen->mode = MODE_HELP; break;
    }
}

static void press_in_filter(struct screen *screen, int key)
{
    char *filter = screen->top->filter;
    size_t length = strlen(filter);

    if (key == TUI_ENTER || key == TUI_ESCAPE) {
        if (key == TUI_ESCAPE)
            filter[0] = '\0';
        screen->mode = MODE_TABLE;
    } else if (key == TUI_BACKSPACE && length > 0) {
        do /* a character of several bytes goes as a whole */
            length--;
        while (length > 0 && (filter[length] & 0xc0) == 0x80);
        filter[length] = '\0';
    } else if (key >= ' ' && key < 256 && length + 1 < TOP_FILTER_SIZE) {
        filter[length] = (char)key;
        filter[length + 1] = '\0';
    }
    screen->chosen = 0;
}

static void press(struct screen *screen, int key)
{
    if (key == TUI_NONE || key == TUI_RESIZED)
        return;
    screen->message[0] = '\0';
    switch (screen->mode) {
    case MODE_TABLE:
        press_in_table(screen, key);
        break;
    case MODE_STACK:
        press_in_stack(screen, key);
        break;
    case MODE_FILTER:
        press_in_filter(screen, key);
        break;
    case MODE_HELP:
        if (key == 'q' || key == TUI_ESCAPE || key == TUI_ENTER || key == '?')
            screen->mode = MODE_TABLE;
        break;
    case MODE_LEAVING:
        screen->mode = MODE_TABLE;
        if (key == 'q')
            screen->leaving = true;
        break;
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* How many ms there are until NEXT; while names are to be found, none. */
static int time_left(const struct screen *screen, uint64_t next)
{
    uint64_t time = clock_now();

    if (screen->left > 0)
        return 0;
    /* A change of size may come just before the wait for a key begins, and is seen after it. */
    if (screen->frozen || screen->top->ended)
        return 1000;
    return next > time ? (int)((next - time) / MILLISECOND) + 1 : 0;
}

static int watch(struct screen *screen, uint64_t delay)
{
    uint64_t next = clock_now();
    int result = 0;

    while (!screen->leaving && !ending_signal && result == 0) {
        int key;

        if (clock_now() >= next && !screen->frozen && !screen->top->ended) {
            result = top_look(screen->top, LOOK_TIMEOUT);
            next = clock_now() + delay;
        }
        if (result == 0 && !ending_signal)
            result = make_table(screen);
        if (result < 0)
            break;
        draw(screen);
        key = tui_wait(time_left(screen, next), ending_descriptor());
        if (key == TUI_GONE)
            break;
        press(screen, key);
    }
    return result;
}

int top_show(struct top *top, uint64_t delay, const char *output)
{
    struct screen screen = {.top = top, .output = output};
    int result = tui_open();

    if (result < 0)
        return result;
    if (output)
        snprintf(screen.message, sizeof(screen.message), "the program's output goes to %s", output);
    result = watch(&screen, delay);
    tui_close();
    report_destroy(screen.table);
    free(screen.names);
    return result;
}
