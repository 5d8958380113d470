#include "check_run.h"

#include "format/control.h"
#include "launch.h"
#include "leftovers.h"
#include "model/clock.h"
#include "model/request.h"
#include "model/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_PATIENCE 10000000000u /* ns */
#define UNANSWERED_MAX   3u          /* requests; then the program is idle for good */
#define REFUSED_PATIENCE 3000000000u /* ns since the last round: what is refused then stays so */
#define LINE_NAP         1000000u     /* ns between two looks at who reads lines */
#define SECOND           1000000000u
#define INPUT_PIECE      65536u      /* bytes that we read at once */

/* What goes on while the program runs. */
struct turns {
    const struct check_rounds *rounds;
    struct check_run *run;
    uint64_t answered; /* when a round was last ended; 0: none was */
    /* By line: */
    int input;       /* ours; -1: there is none, or it has ended */
    int pipe;        /* to the program's standard input; -1: closed */
    char *text;      /* what was read of our input */
    size_t size, room;
    size_t at, end;  /* in there, what is yet to be handed over of the line */
    bool is_round;   /* the program has a line, and its round is yet to be ended */
};

/* What is said while one waits: here nobody reads it. */
static void say_nothing(const char *text)
{
    (void)text;
}

/* Have the program take a snapshot. Returns 0 or -errno: it is not traced yet, or not any more. */
static int end_round(pid_t pid)
{
    static const volatile sig_atomic_t never;
    const struct request request = {.verb = CONTROL_SNAPSHOT,
                                    .label = "round",
                                    .timeout = REQUEST_PATIENCE,
                                    .given_up = &never,
                                    .tell = say_nothing};
    char path[CONTROL_PATH_SIZE];
    struct target target;
    struct error error;
    int result;

    result = target_open(pid, true, &target, &error);
    if (result < 0)
        return result == -ETIMEDOUT ? -EIO : result;
    result = request_make(&target, &request, path, &error);
    target_close(&target);
    return result;
}

/* Were there as many rounds as are looked at? */
static bool has_all(const struct turns *turns)
{
    size_t count = turns->rounds->count > 0 ? turns->rounds->count : CHECK_ROUNDS_MAX;

    return turns->run->round_count >= count;
}

/* Does the program, which had answered before, take no more snapshots by RESULT, so that the rounds that it
 * is to end after never come? It has stopped tracing, or has executed what is not traced. Another one
 * that is traced needs time to begin. */
static bool refuses_for_good(const struct turns *turns, int result)
{
    return result < 0 && result != -ETIMEDOUT && result != -ESRCH && turns->rounds->count > 0 &&
           turns->run->round_count > 0 && clock_now() - turns->answered >= REFUSED_PATIENCE;
}

static void turn(struct launch *launch, void *context)
{
    struct turns *turns = context;
    struct check_run *run = turns->run;
    int result;

    if (run->ended_by_us || has_all(turns))
        return;
    result = end_round(launch->pid);
    run->unanswered = result == -ETIMEDOUT ? run->unanswered + 1 : 0;
    run->round_count += result == 0;
    if (result == 0)
        turns->answered = clock_now();
    run->refused = refuses_for_good(turns, result);
    if (run->unanswered == UNANSWERED_MAX || run->refused ||
        (turns->rounds->count > 0 && has_all(turns))) {
        run->ended_by_us = true;
        kill(launch->pid, SIGTERM);
    }
}

/* ---- by line ------------------------------------------------------------------------- */

/* Does the first thread of PID wait for input, or for descriptors? */
static bool waits_for_input(pid_t pid)
{
    static const long waiting[] = {SYS_read,       SYS_poll,     SYS_pread64, SYS_readv,
                                   SYS_select,     SYS_epoll_wait, SYS_pselect6, SYS_ppoll,
                                   SYS_epoll_pwait};
    char path[64], text[32] = "";
    char *end;
    ssize_t size;
    long number;
    int file;

    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return true; /* nobody lets us look: it has read the line, that must do */
    size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0)
        return errno == EPERM || errno == EACCES;
    number = strtol(text, &end, 10);
    for (size_t i = 0; end != text && i < sizeof waiting / sizeof *waiting; i++) {
        if (waiting[i] == number)
            return true;
    }
    return false; /* "running", or it waits for something else */
}

static bool has_read_all(int pipe)
{
    int unread = 0;

    return ioctl(pipe, FIONREAD, &unread) < 0 || unread == 0;
}

static void close_pipe(struct turns *turns)
{
    close(turns->pipe);
    turns->pipe = -1;
}

/* Hand over what is left of the line. */
static void hand_over(struct turns *turns)
{
    ssize_t size = write(turns->pipe, turns->text + turns->at, turns->end - turns->at);

    if (size < 0 && errno != EAGAIN)
        close_pipe(turns); /* nobody reads any more */
    if (size > 0)
        turns->at += (size_t)size;
}

/* Read what there is of our input, without waiting for it: also while it is quiet the program may
 * end, or somebody wants us to. */
static void read_input(struct turns *turns)
{
    struct pollfd quiet = {.fd = turns->input, .events = POLLIN};
    ssize_t size;

    if (turns->input < 0 || poll(&quiet, 1, 0) <= 0)
        return;
    if (turns->room - turns->size < INPUT_PIECE) {
        char *longer = realloc(turns->text, turns->room + turns->size + INPUT_PIECE);

        if (longer) {
            turns->text = longer;
            turns->room += turns->size + INPUT_PIECE;
        }
    }
    size = turns->size < turns->room
               ? read(turns->input, turns->text + turns->size, turns->room - turns->size)
               : 0;
    if (size > 0) {
        turns->size += (size_t)size;
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(turns->input);
        turns->input = -1;
    }
}

/* Find the next line, to be handed over. Returns whether there is one yet. */
static bool next_line(struct turns *turns)
{
    const char *newline;

    turns->size -= turns->end;
    if (turns->end > 0)
        memmove(turns->text, turns->text + turns->end, turns->size);
    turns->at = turns->end = 0;
    newline = turns->size > 0 ? memchr(turns->text, '\n', turns->size) : NULL;
    if (!newline) {
        read_input(turns);
        newline = turns->size > 0 ? memchr(turns->text, '\n', turns->size) : NULL;
    }
    if (newline)
        turns->end = (size_t)(newline - turns->text) + 1;
    else if (turns->input < 0)
        turns->end = turns->size; /* the last one has none */
    return turns->end > 0;
}

static void turn_by_line(struct launch *launch, void *context)
{
    struct turns *turns = context;
    struct check_run *run = turns->run;

    if (turns->pipe < 0)
        return;
    if (turns->at < turns->end) {
        hand_over(turns);
        return;
    }
    if (!has_read_all(turns->pipe) || !waits_for_input(launch->pid))
        return;
    if (turns->is_round && !has_all(turns) && end_round(launch->pid) == 0)
        run->round_count++;
    turns->is_round = false;
    if (turns->rounds->count > 0 && has_all(turns)) {
        close_pipe(turns);
    } else if (next_line(turns)) {
        turns->is_round = true;
        hand_over(turns);
    } else if (turns->input < 0) {
        close_pipe(turns);
    }
}

/* Put a pipe in place of our standard input, which becomes that of TURNS. Returns 0 or -errno. */
static int divert_input(struct turns *turns)
{
    int ends[2], own = fcntl(0, F_DUPFD_CLOEXEC, 3);

    if (own < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    turns->pipe = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    close(ends[1]);
    if (dup2(ends[0], 0) < 0 || turns->pipe < 0)
        return -errno;
    if (ends[0] != 0)
        close(ends[0]);
    fcntl(turns->pipe, F_SETFL, O_NONBLOCK);
    turns->input = own;
    return 0;
}

/* ---- the run ------------------------------------------------------------------------- */

static int make_temporary(struct check_run *run)
{
    const char *parent = getenv("TMPDIR");

    snprintf(run->directory, sizeof run->directory, "%s/heapdelta-check.XXXXXX",
             parent && *parent == '/' ? parent : "/tmp");
    if (!mkdtemp(run->directory))
        return -errno;
    run->is_temporary = true;
    return 0;
}

static struct launch_watch watch_of(struct turns *turns)
{
    const struct check_rounds *rounds = turns->rounds;
    struct launch_watch watch = {.turn = turn, .context = turns};

    if (rounds->by == CHECK_BY_SIGNAL)
        watch.signal = rounds->signal;
    if (rounds->by == CHECK_BY_INTERVAL)
        watch.interval = rounds->interval;
    if (rounds->by == CHECK_BY_LINE) {
        watch.interval = LINE_NAP;
        watch.turn = turn_by_line;
    }
    return watch;
}

static void set_variables(struct traced *traced, const struct check_rounds *rounds)
{
    traced->values[TRACED_GRAPH] = "1";    /* at exit, … */
    traced->values[TRACED_COUNTERS] = "2"; /* … where the blocks are, too */
    traced->values[TRACED_SIGNALS] = "1";
    traced->values[TRACED_KEEP] = "200"; /* CHECK_ROUNDS_MAX */
    if (rounds->by == CHECK_BY_MARK)
        traced->values[TRACED_MARKS] = "1";
}

int check_run(const struct command *command, struct traced *traced, const char *path, char **argv,
              const struct check_rounds *rounds, struct check_run *out_run)
{
    struct launch_program program = {path, argv, traced_environment, traced};
    struct turns turns = {.rounds = rounds, .run = out_run, .input = -1, .pipe = -1};
    struct launch_watch watch = watch_of(&turns);
    struct run_snapshots before = {0};
    struct launch launch;
    uint64_t begin;
    int code;

    if (!traced->out) {
        code = make_temporary(out_run);
        if (code < 0)
            return command_fail(command, COMMAND_USAGE, "no temporary directory, '%s': %s",
                                out_run->directory, strerror(-code));
        snprintf(traced->absolute, sizeof traced->absolute, "%s", out_run->directory);
        traced->out = out_run->directory;
    } else {
        snprintf(out_run->directory, sizeof out_run->directory, "%s", traced->out);
    }
    set_variables(traced, rounds);
    if (rounds->by == CHECK_BY_LINE) {
        code = divert_input(&turns);
        if (code < 0)
            return command_fail(command, COMMAND_BAD_INPUT, "standard input: %s", strerror(-code));
    }
    begin = clock_now();
    code = launch_fork(&launch, &program);
    if (code == 0) {
        run_snapshots_find(out_run->directory, 0, true, NULL, &before);
        code = launch_go(&launch);
    }
    if (code < 0) {
        run_snapshots_finish(&before);
        return traced_fail_exec(command, argv[0], code);
    }
    if (rounds->by == CHECK_BY_LINE)
        close(0); /* the program alone is to read it */
    out_run->pid = launch.pid;
    out_run->status = launch_wait(&launch, &watch);
    out_run->duration = clock_now() - begin;
    leftovers_settle(out_run->directory);
    run_snapshots_find(out_run->directory, launch.pid, false, &before, &out_run->snapshots);
    out_run->snapshots_before = before.count;
    run_snapshots_finish(&before);
    if (turns.input >= 0)
        close(turns.input);
    if (turns.pipe >= 0)
        close(turns.pipe);
    free(turns.text);
    return -1;
}

void check_run_finish(struct check_run *run)
{
    char path[PATH_MAX + NAME_MAX];

    for (size_t i = 0; run->is_temporary && i < run->snapshots.count; i++) {
        snprintf(path, sizeof path, "%s/%s", run->directory, run->snapshots.snapshots[i].name);
        unlink(path);
    }
    if (run->is_temporary)
        rmdir(run->directory);
    run_snapshots_finish(&run->snapshots);
}
