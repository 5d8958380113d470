/* tui.h - the terminal as a screen, and the keys that are pressed.
 *
 * Whatever ends the process, the terminal is put back as it was: at tui_close(), at exit() and by
 * signals that nobody handles. What is on the screen is by tui_draw.h.
 */
#ifndef VIEWS_TUI_H
#define VIEWS_TUI_H

/* What tui_wait() returns besides characters. */
enum tui_key {
    TUI_NONE = 0x200, /* the time is over, or it was woken */
    TUI_RESIZED,
    TUI_ENTER,
    TUI_ESCAPE,
    TUI_BACKSPACE,
    TUI_UP,
    TUI_DOWN,
    TUI_LEFT,
    TUI_RIGHT,
    TUI_PAGE_UP,
    TUI_PAGE_DOWN,
    TUI_HOME,
    TUI_END,
    TUI_OTHER,
    TUI_GONE, /* the terminal is */
};

/* Is the terminal, as TERM has it, of a kind that can be drawn on? Returns 0; -EINVAL: no, or not
 * known; -ENOSYS: this program was built without screens. */
int tui_check(void);

/* Take the terminal. Returns 0; -ENOTTY: stdin and stdout are none; or as tui_check(). */
int tui_open(void);

/* Give it back. Any time. */
void tui_close(void);

/* Wait for a key for MILLISECONDS, or until DESCRIPTOR (-1: none) can be read. Returns a byte, or
 * an enum tui_key. */
int tui_wait(int milliseconds, int descriptor);

#endif
