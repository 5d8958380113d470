#include "model/request.h"

#include "model/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define MILLISECOND   1000000u /* ns */
#define REST          (1 * MILLISECOND)
#define PATIENCE      (50 * MILLISECOND) /* until an idle program is woken */
#define WAKE_INTERVAL (100 * MILLISECOND)
#define DOUBT         (20 * MILLISECOND) /* until a hindrance is looked at again */
#define DOUBTS_MAX    50 /* looks at a running process that blocks our signal until that is told */

/* Why the program can't be woken. */
enum hindrance {
    HINDRANCE_NONE,
    HINDRANCE_NO_SIGNAL, /* there is none, or the program has taken it over */
    HINDRANCE_BLOCKED, /* or in sigwait, which a signal would end */
};

struct waiting {
    const struct target *target;
    const struct request *request;
    uint64_t deadline, next_look; /* ns of our clock */
    bool told;
    int doubts;
    enum hindrance hindrance;
    struct error *error;
};

static int fail(const struct waiting *waiting, int code, const char *what)
{
    return error_set(waiting->error, code, "%s %s", waiting->target->title, what);
}

/* Why the request was not taken in time. */
static const char *untaken_text(const struct waiting *waiting)
{
    switch (waiting->hindrance) {
    case HINDRANCE_BLOCKED:
        return "allocates nothing at the moment, and all its threads block the signal that would "
               "wake it, or are in sigwait; wait longer with --timeout";
    case HINDRANCE_NO_SIGNAL:
        return "allocates nothing at the moment, and there is no signal that would wake it; wait "
               "longer with --timeout";
    default:
        return "did not come by within the time-out; wait longer with --timeout";
    }
}

/* Take it that HINDRANCE is why the program can't be woken. Told, once, if it is not for
 * the first time: for a moment, in a handler, many programs block all signals. */
static void find_hindered(struct waiting *waiting, enum hindrance hindrance)
{
    bool again = hindrance == waiting->hindrance;
    struct error text;

    waiting->hindrance = hindrance;
    if (waiting->told || hindrance == HINDRANCE_NONE)
        return;
    if (!again) {
        waiting->next_look = clock_now() + DOUBT;
        return;
    }
    waiting->told = true;
    error_set(&text, 0, "%s %s; the request is taken at its next allocation",
              waiting->target->title,
              waiting->hindrance == HINDRANCE_BLOCKED
                  ? "blocks our signal, or is in sigwait, in every thread"
                  : "has no signal that we could wake it with");
    if (waiting->request->tell)
        waiting->request->tell(text.text);
}

/* Look what the process does; if it has to come by for the request (WANTED), wake it. */
static int look(struct waiting *waiting, const struct control_page *page, bool wanted)
{
    int result;

    switch (target_look(waiting->target)) {
    case TARGET_ENDED:
        return fail(waiting, -ESRCH, "ended before it was done");
    case TARGET_REPLACED:
        return fail(waiting, -ESRCH, "executed another program before it was done; ask again");
    case TARGET_STOPPED:
        return error_set(waiting->error, -EBUSY, "%s is stopped; continue it with: kill -CONT %d",
                         waiting->target->title, (int)waiting->target->pid);
    case TARGET_ENDING:
        return 0;
    case TARGET_THERE:
        break;
    }
    if (!wanted)
        return 0;
    result = target_signal(waiting->target, (int)page->signal);
    /* It may be on its way out of our handler, for an earlier request, and only lack a CPU. */
    if (result == -EALREADY && waiting->doubts < DOUBTS_MAX) {
        waiting->doubts++;
        waiting->next_look = clock_now() + DOUBT;
        return 0;
    }
    find_hindered(waiting, result == -EAGAIN || result == -EALREADY ? HINDRANCE_BLOCKED
                           : result == -ENOSYS ? HINDRANCE_NO_SIGNAL
                                               : HINDRANCE_NONE);
    return 0;
}

/* Rest for a moment, and look whether it makes sense to go on. */
static int rest(struct waiting *waiting, const struct control_page *page, bool wanted)
{
    struct pollfd process = {.fd = waiting->target->pidfd, .events = POLLIN};
    const struct timespec moment = {.tv_nsec = REST};

    ppoll(&process, 1, &moment, NULL);
    if (*waiting->request->given_up)
        return fail(waiting, -EINTR, "was not waited for");
    if (process.revents)
        return fail(waiting, -ESRCH, "ended before it was done");
    if (clock_now() >= waiting->next_look) {
        waiting->next_look = clock_now() + WAKE_INTERVAL;
        return look(waiting, page, wanted);
    }
    return 0;
}

static bool too_late(const struct waiting *waiting)
{
    return waiting->deadline && clock_now() >= waiting->deadline;
}

/* Be the only one who asks. */
static int lock(struct waiting *waiting)
{
    struct control_page page = {0};

    while (flock(waiting->target->file, LOCK_EX | LOCK_NB) < 0) {
        int result;

        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(waiting->error, -errno, "%s: can't lock its control file: %s",
                             waiting->target->title, strerror(errno));
        if (too_late(waiting))
            return fail(waiting, -ETIMEDOUT, "is still being asked by another heapdelta");
        result = rest(waiting, &page, false);
        if (result < 0)
            return result;
    }
    return 0;
}

static int put_request(const struct waiting *waiting, enum control_request request)
{
    uint8_t byte = (uint8_t)request;

    return target_write(waiting->target, &byte, sizeof(byte),
                        offsetof(struct control_page, request), waiting->error);
}

/* Wait until the page is free to ask; a request that somebody left there is withdrawn. */
static int wait_for_turn(struct waiting *waiting, struct control_page *page)
{
    int result;

    while ((result = target_read(waiting->target, page, waiting->error)) == 0) {
        if (page->request == CONTROL_IDLE || page->request == CONTROL_FINISHED)
            return 0;
        if (page->request == CONTROL_WANTED)
            return put_request(waiting, CONTROL_IDLE);
        if (too_late(waiting))
            return fail(waiting, -ETIMEDOUT,
                        "is still at an earlier request; wait longer with --timeout");
        result = rest(waiting, page, false);
        if (result < 0)
            return result;
    }
    return result;
}

/* Write the request into the page, which was as PAGE is. The number goes to OUT_NUMBER. */
static int ask(const struct waiting *waiting, const struct control_page *page, uint32_t *out_number)
{
    char label[CONTROL_LABEL_SIZE] = "";
    uint32_t verb = waiting->request->verb, number = page->number + 1;
    int result;

    if (number == page->reply)
        number++;
    if (waiting->request->label)
        strncpy(label, waiting->request->label, sizeof(label) - 1);
    *out_number = number;
    result = target_write(waiting->target, &number, sizeof(number),
                          offsetof(struct control_page, number), waiting->error);
    if (result == 0)
        result = target_write(waiting->target, &verb, sizeof(verb),
                              offsetof(struct control_page, verb), waiting->error);
    if (result == 0)
        result = target_write(waiting->target, label, sizeof(label),
                              offsetof(struct control_page, label), waiting->error);
    if (result == 0 && waiting->request->path)
        result = target_write(waiting->target, waiting->request->path,
                              strlen(waiting->request->path) + 1,
                              offsetof(struct control_page, path), waiting->error);
    return result < 0 ? result : put_request(waiting, CONTROL_WANTED);
}

/* Give up waiting: take the request back, if it was not taken. Returns whether it was
 * not. */
static bool withdraw(const struct waiting *waiting)
{
    struct waiting silent = *waiting;
    struct control_page page;

    silent.error = NULL; /* the reason for giving up counts */
    return target_read(waiting->target, &page, NULL) == 0 && page.request == CONTROL_WANTED &&
           put_request(&silent, CONTROL_IDLE) == 0;
}

/* Wait for the answer to request NUMBER; it is in PAGE then. */
static int wait_for_answer(struct waiting *waiting, uint32_t number, struct control_page *page)
{
    int result = 0;

    waiting->next_look = clock_now() + PATIENCE;
    while (result == 0) {
        result = target_read(waiting->target, page, waiting->error);
        if (result < 0)
            return result;
        /* Only what is read after the reply belongs to it. */
        if (page->reply == number)
            return target_read(waiting->target, page, waiting->error);
        if (too_late(waiting)) {
            result = withdraw(waiting)
                         ? fail(waiting, -ETIMEDOUT, untaken_text(waiting))
                         : fail(waiting, -ETIMEDOUT,
                                "has begun, but is not done yet: it goes on; wait longer with "
                                "--timeout");
            return result;
        }
        result = rest(waiting, page, page->request == CONTROL_WANTED);
    }
    /* It may have been done just before the end. */
    if (target_read(waiting->target, page, NULL) == 0 && page->reply == number)
        return 0;
    withdraw(waiting);
    return result;
}

/* What the process said instead of doing it. */
static const char *refusal_text(int code)
{
    switch (code) {
    case -ENODATA:
        return "it does not trace at the moment; 'heapdelta start' makes it";
    case -ETIMEDOUT:
        return "a thread did not come to rest within a second; ask again";
    case -EINVAL:
        return "it does not know this request";
    case -EOWNERDEAD:
        return "the task that wrote it was killed; ask again";
    case -EBUSY:
        return "it is about to end";
    default:
        return strerror(code < 0 && code > -4096 ? -code : EIO);
    }
}

int request_make(const struct target *target, const struct request *request,
                 char out_path[CONTROL_PATH_SIZE], struct error *error)
{
    struct waiting waiting = {.target = target, .request = request, .error = error};
    struct control_page page;
    uint32_t number;
    int result;

    waiting.deadline = request->timeout ? clock_now() + request->timeout : 0;
    /* A stopped process is told at once: nothing is asked of it. */
    result = look(&waiting, &page, false);
    if (result == 0)
        result = lock(&waiting);
    if (result == 0)
        result = wait_for_turn(&waiting, &page);
    if (result == 0)
        result = ask(&waiting, &page, &number);
    if (result == 0)
        result = wait_for_answer(&waiting, number, &page);
    flock(target->file, LOCK_UN);
    if (result < 0)
        return result;
    if (page.error != 0)
        return error_set(error, -ECANCELED, "%s refused: %s", target->title,
                         refusal_text(page.error));
    strcpy(out_path, page.path);
    return 0;
}
