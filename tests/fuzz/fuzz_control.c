/* The target: whatever a control page says, and however its process answers, `status` and
 * `snapshot` stay inside it and end.
 *
 * The process that is asked is this one: it has a page of its own mapped, as the shim would. An
 * input is a list of changes to a good page: two bytes for an offset, one for a length, and the
 * bytes. Another thread answers requests: with what the page says then.
 */
#include "command.h"
#include "format/control.h"
#include "promise.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct control_page good, *page;
static char path[64], pid[16];
static atomic_bool answering;

/* The commands' way to speak; the rest of main.c is not here. */
int command_fail(const struct command *command, enum command_status status, const char *format, ...)
{
    char text[8192];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    PROMISE(command->name && !strchr(text, '\n') && !strchr(text, '\033'));
    return (int)status;
}

int command_help(const struct command *command)
{
    (void)command;
    return 0;
}

static void remove_page(void)
{
    unlink(path);
}

/* Say that each request is done, whatever else the page says. */
static void *answer(void *unused)
{
    const struct timespec moment = {.tv_nsec = 50000};

    for (;; nanosleep(&moment, NULL)) {
        if (!atomic_load(&answering) || *(volatile uint8_t *)&page->request != CONTROL_WANTED)
            continue;
        page->request = CONTROL_FINISHED;
        atomic_thread_fence(memory_order_release);
        page->reply = page->number;
    }
    return unused;
}

static void make_good(void)
{
    good = (struct control_page){
        .version = CONTROL_VERSION,
        .size = CONTROL_SIZE,
        .pid = (uint32_t)getpid(),
        .state = CONTROL_TRACING,
        .since = 1700000000000000000u,
        .snapshots = 3,
        .live_bytes = 123456,
        .live_blocks = 12,
        .peak_bytes = 234567,
        .mark_time = 1700000001000000000u,
        .mark_bytes = 1000,
        .message_count = 2,
        .path = "/nowhere/fuzz.1.0001.hds",
        .messages = {"one", "two"},
    };
    memcpy(good.magic, CONTROL_MAGIC, sizeof(good.magic));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    pthread_t thread;
    int file, nowhere = open("/dev/null", O_WRONLY);

    (void)argc;
    (void)argv;
    make_good();
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    snprintf(path, sizeof(path), "/tmp/.fuzz.%s.control", pid);
    unlink(path); /* of an earlier process of this number, that was aborted */
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, CONTROL_SIZE) != 0)
        return -1;
    atexit(remove_page);
    page = mmap(NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED || pthread_create(&thread, NULL, answer, NULL) != 0)
        return -1;
    return dup2(nowhere, STDOUT_FILENO) < 0 ? -1 : 0; /* what is asked for is printed there */
}

/* Run COMMAND with the arguments …, up to a NULL, and this process. */
static int run(const struct command *command, const char *first, ...)
{
    char *arguments[8] = {(char *)command->name};
    int count = 1, status;
    va_list rest;

    va_start(rest, first);
    for (const char *word = first; word; word = va_arg(rest, const char *))
        arguments[count++] = (char *)word;
    va_end(rest);
    arguments[count++] = pid;
    status = command->run(count, arguments);
    PROMISE(status == COMMAND_DONE || status == COMMAND_NEGATIVE || status == COMMAND_BAD_INPUT);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned count;
    int status;

    atomic_store(&answering, false);
    memcpy(page, &good, sizeof(good));
    for (size_t at = 0; at + 3 <= size; at += 3u + data[at + 2]) {
        size_t offset = (data[at] | (size_t)data[at + 1] << 8) % CONTROL_SIZE, length = data[at + 2];

        if (length > size - at - 3)
            length = size - at - 3;
        if (length > CONTROL_SIZE - offset)
            length = CONTROL_SIZE - offset;
        memcpy((char *)page + offset, data + at + 3, length);
    }
    status = run(&command_status, "-o", "/dev/null", NULL);
    PROMISE(run(&command_status, "-o", "/dev/null", "--format", "json", NULL) == status);
    if (count < 100 || count % 16 == 0) { /* it takes a moment; the corpus comes first */
        atomic_store(&answering, count % 32 != 16);
        run(&command_snapshot, "--timeout", "5ms", NULL);
    }
    count++;
    return status == COMMAND_DONE ? 0 : -1;
}
