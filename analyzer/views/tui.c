#include "views/tui.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termcap.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE_DELAY 25 /* ms: after which an escape is one, and not the beginning of a key */

/* Signals that end a process which does not handle them; the first three are the caller's. */
static const int deadly[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,    SIGFPE,
                             SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM,   SIGXCPU,
                             SIGXFSZ, SIGSYS,  SIGPROF, SIGIO,   SIGVTALRM, SIGPWR};

static SCREEN *screen;
static struct termios before; /* the terminal as it was */
static char leave[128];       /* what a terminal is told at the end */

/* ---- taking and giving back -------------------------------------------------------------- */

/* Put the terminal back by what a handler may do, and die. */
static void on_deadly_signal(int number)
{
    ssize_t written = write(STDOUT_FILENO, leave, strlen(leave));

    (void)written;
    tcsetattr(STDOUT_FILENO, TCSANOW, &before);
    raise(number); /* its handler is the default again */
}

static void add_to_leave(const char *capability)
{
    const char *text = tigetstr(capability);

    if (text && text != (const char *)-1 && strlen(leave) + strlen(text) < sizeof(leave))
        strcat(leave, text);
}

static void watch_deadly_signals(void)
{
    leave[0] = '\0';
    add_to_leave("sgr0");
    add_to_leave("rmkx");
    add_to_leave("cnorm");
    add_to_leave("rmcup");
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        struct sigaction action;

        if (sigaction(deadly[i], NULL, &action) < 0 || action.sa_handler != SIG_DFL)
            continue;
        action = (struct sigaction){.sa_handler = on_deadly_signal,
                                    .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
        sigaction(deadly[i], &action, NULL);
    }
}

int tui_check(void)
{
    const char *kind = getenv("TERM");

    return kind && tgetent(NULL, kind) == 1 && tgetstr("cm", NULL) ? 0 : -EINVAL;
}

int tui_open(void)
{
    static bool registered;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDOUT_FILENO, &before) < 0)
        return -ENOTTY;
    setlocale(LC_CTYPE, "");
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return -EINVAL;
    watch_deadly_signals();
    if (!registered)
        atexit(tui_close);
    registered = true;
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, true);
    nodelay(stdscr, true);
    set_escdelay(ESCAPE_DELAY);
    curs_set(0);
    return 0;
}

void tui_close(void)
{
    if (!screen)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static int translate(int key)
{
    static const struct {
        int key;
        enum tui_key meaning;
    } table[] = {
        {KEY_RESIZE, TUI_RESIZED}, {KEY_ENTER, TUI_ENTER},     {'\r', TUI_ENTER},
        {'\n', TUI_ENTER},         {27, TUI_ESCAPE},           {KEY_BACKSPACE, TUI_BACKSPACE},
        {127, TUI_BACKSPACE},      {'\b', TUI_BACKSPACE},      {KEY_UP, TUI_UP},
        {KEY_DOWN, TUI_DOWN},      {KEY_LEFT, TUI_LEFT},       {KEY_RIGHT, TUI_RIGHT},
        {KEY_PPAGE, TUI_PAGE_UP},  {KEY_NPAGE, TUI_PAGE_DOWN}, {KEY_HOME, TUI_HOME},
        {KEY_END, TUI_END},        {ERR, TUI_NONE},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].key == key)
            return (int)table[i].meaning;
    }
    return key >= 0 && key < 256 ? key : TUI_OTHER;
}

int tui_wait(int milliseconds, int descriptor)
{
    struct pollfd waited[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = descriptor, .events = POLLIN}};
    int key = getch();

    if (key == ERR) {
        poll(waited, 2, milliseconds); /* a change of size interrupts it, too */
        key = getch();
        if (key == ERR && waited[0].revents & (POLLHUP | POLLERR))
            return TUI_GONE;
        /* Readable, and nothing there to be read: the terminal hung up. */
        if (key == ERR && waited[0].revents & POLLIN &&
            tcgetattr(STDIN_FILENO, &(struct termios){0}) < 0)
            return TUI_GONE;
    }
    return translate(key);
}
