/* Runs a target on changed pieces of a corpus, without libFuzzer.
 *
 *     fuzz_NAME CORPUS INPUTS [SEED]    so many inputs, a seed from the clock
 *     fuzz_NAME CORPUS SECONDSs [SEED]  as many as can be had in that time
 *
 * CORPUS has an input in each line, with \n, \\ and \xHH for bytes that can't stand there;
 * lines that begin with # are remarks. Each is run as it is, then changed ones: bits, bytes,
 * numbers, pieces left out, doubled, or taken from another. The seed is printed, and makes the
 * same inputs in the same order. One that ends or stops the target is shown as a line.
 */
#include "mutate.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL_SIZE     1024
#define INPUT_MAX     4096u
#define INPUT_SECONDS 20 /* longer for one input is a hang */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void));
void __sanitizer_set_report_fd(void *file);

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t size;
};

static struct input pool[POOL_SIZE], current;
static size_t pool_count;
static uint64_t runs;
static int report; /* where the target can't write to */

/* Show the input as a line for the corpus. */
static void show_current(void)
{
    dprintf(report, "# input number %" PRIu64 " did it:\n", runs);
    for (size_t i = 0; i < current.size; i++) {
        uint8_t byte = current.bytes[i];

        if (isprint(byte) && byte != '\\' && !(i == 0 && byte == '#'))
            dprintf(report, "%c", byte);
        else
            dprintf(report, "\\x%02x", byte);
    }
    dprintf(report, "\n");
}

static void on_signal(int number)
{
    dprintf(report, number == SIGALRM ? "# hangs\n" : "# aborted\n");
    show_current();
    _exit(1);
}

/* Read the escapes of LINE into INPUT. */
static void read_line(const char *line, struct input *input)
{
    unsigned byte;

    input->size = 0;
    while (*line && *line != '\n' && input->size < INPUT_MAX) {
        if (sscanf(line, "\\x%2x", &byte) == 1)
            line += 4;
        else if (line[0] == '\\' && line[1])
            byte = line[1] == 'n' ? '\n' : (unsigned char)line[1], line += 2;
        else
            byte = (unsigned char)*line++;
        input->bytes[input->size++] = (uint8_t)byte;
    }
}

static int read_corpus(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4 * INPUT_MAX + 2];

    if (!file) {
        perror(path);
        return -1;
    }
    while (pool_count < POOL_SIZE / 2 && fgets(line, sizeof(line), file))
        if (line[0] != '#')
            read_line(line, &pool[pool_count++]);
    fclose(file);
    return pool_count > 0 ? 0 : -1;
}

static size_t below(uint64_t *random, size_t limit)
{
    return limit ? mutate_random(random) % limit : 0;
}

/* Replace CUT bytes at AT of INPUT by the SIZE bytes at BYTES, as far as there is room. */
static void replace(struct input *input, size_t at, size_t cut, const void *bytes, size_t size)
{
    if (cut > input->size - at)
        cut = input->size - at;
    if (size > INPUT_MAX - (input->size - cut))
        size = INPUT_MAX - (input->size - cut);
    memmove(input->bytes + at + size, input->bytes + at + cut, input->size - at - cut);
    memcpy(input->bytes + at, bytes, size);
    input->size += size - cut;
}

static void change(struct input *input, uint64_t *random)
{
    static const char *const numbers[] = {"0", "1", "-1", "4294967295", "4294967296", "18446744073709551615",
                                          "99999999999999999999", "0x", "00", " 7"};
    const struct input *other = &pool[below(random, pool_count)];
    size_t at = below(random, input->size + 1), size = 1 + below(random, 20);
    uint64_t value = mutate_random(random);
    uint8_t piece[INPUT_MAX];

    switch (below(random, 8)) {
    case 0:
        if (at < input->size)
            input->bytes[at] ^= (uint8_t)(1 << below(random, 8));
        break;
    case 1:
        replace(input, at, below(random, 2), &value, 1);
        break;
    case 2:
        value = below(random, 2) ? UINT64_MAX << below(random, 64) : value;
        replace(input, at, 4, &value, 4);
        break;
    case 3: {
        const char *number = numbers[below(random, sizeof(numbers) / sizeof(numbers[0]))];

        replace(input, at, below(random, 4), number, strlen(number));
        break;
    }
    case 4:
        replace(input, at, size, "", 0);
        break;
    case 5: /* some of itself once more, perhaps very often */
        memcpy(piece, input->bytes, input->size);
        if (size > input->size - at)
            size = input->size - at;
        for (size_t i = below(random, 16) ? 1 : below(random, 300); i > 0; i--)
            replace(input, below(random, input->size + 1), 0, piece + at, size);
        break;
    default: { /* a piece of another */
        size_t from = below(random, other->size + 1);

        if (size > other->size - from)
            size = other->size - from;
        memcpy(piece, other->bytes + from, size);
        replace(input, at, below(random, 2) * size, piece, size);
        break;
    }
    }
}

/* Run the target on the current input, in a block of just its size. */
static bool run_current(void)
{
    uint8_t *exact = malloc(current.size > 0 ? current.size : 1);
    int result;

    if (!exact)
        abort();
    memcpy(exact, current.bytes, current.size);
    alarm(INPUT_SECONDS);
    runs++;
    result = LLVMFuzzerTestOneInput(exact, current.size);
    alarm(0);
    free(exact);
    return result == 0;
}

static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

int main(int argc, char **argv)
{
    bool timed = argc > 2 && strchr(argv[2], 's');
    uint64_t limit = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, accepted = 0, random;
    time_t end = timed ? seconds_now() + (time_t)limit : 0;
    struct timespec now;

    if (argc < 3 || read_corpus(argv[1]) < 0) {
        fprintf(stderr, "usage: %s CORPUS INPUTS|SECONDSs [SEED]\n", argv[0]);
        return 2;
    }
    report = dup(STDOUT_FILENO);
    __sanitizer_set_report_fd((void *)(intptr_t)report);
    __sanitizer_set_death_callback(show_current);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    clock_gettime(CLOCK_MONOTONIC, &now);
    random = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)now.tv_nsec + 1;
    dprintf(report, "# seed %" PRIu64 "\n1..1\n", random);
    if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0) {
        dprintf(report, "not ok 1 - the target can't begin\n");
        return 1;
    }

    for (size_t i = 0, count = pool_count; i < count; i++) {
        current = pool[i];
        run_current();
    }
    while (timed ? seconds_now() < end : runs < limit) {
        current = pool[below(&random, pool_count)];
        for (size_t i = 1 + below(&random, 4); i > 0; i--)
            change(&current, &random);
        if (!run_current())
            continue;
        accepted++;
        /* What is accepted may be changed further; the corpus itself stays. */
        if (pool_count < POOL_SIZE)
            pool[pool_count++] = current;
        else
            pool[POOL_SIZE / 2 + below(&random, POOL_SIZE / 2)] = current;
    }
    dprintf(report, "ok 1 - %" PRIu64 " inputs, %" PRIu64 " of them accepted\n", runs, accepted);
    return 0;
}
