/* Lists of suppressions that were changed at random: whatever the text is, reading it ends, stays
 * within it, and either fails with a reason or has entries that can be asked.
 *
 *     fuzz_suppressions [INPUTS [SEED]]    default 200000 inputs, a seed from the clock
 *     fuzz_suppressions FILE…              just these
 *
 * The seed is printed, and makes the same inputs in the same order.
 */
#include "model/suppressions.h"
#include "mutate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 4096u

#define PROMISE(condition)                                                                        \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            printf("not ok 1 - promise broken: %s, input %" PRIu64 "\n", #condition, inputs);     \
            abort();                                                                              \
        }                                                                                         \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t inputs;

/* The words of both languages, which changes are made of. */
static const char *const words[] = {
    "leak:main\n", "leak:^a*b$\n", "# comment\n", "{\n", "  name\n", "   Memcheck:Leak\n",
    "   Memcheck:Param\n", "   Helgrind,Memcheck:Leak\n", "   match-leak-kinds: definite,possible\n",
    "   match-leak-kinds:\n", "   fun:*alloc\n", "   fun:_ZN3fooIiE3barEv\n", "   fun:_Z\n",
    "   obj:/usr/lib/*.so\n", "   src:a.c:12\n", "   src:a.c\n", "   src::\n", "   ...\n", "}\n", "\n",
    "\r\n", " \t", "leak:", "fun:", "{", "}", "\xff\xfe", "*", "?", "$", "^", ":",
};

#define WORD_COUNT (sizeof(words) / sizeof(*words))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct heap_frame frames[1];
    static struct heap_stack stacks[1];
    static const struct heap heap = {
        .frames = frames, .frame_count = 1, .stacks = stacks, .stack_count = 1};
    struct suppressions *list = suppressions_create();
    struct error error = {""};
    int result = suppressions_parse(list, (const char *)data, size, "fuzz.supp", &error);

    PROMISE(result == 0 || result == -EINVAL);
    PROMISE(result == 0 || strncmp(error.text, "fuzz.supp:", 10) == 0);
    PROMISE(result == 0 || suppressions_count(list) == 0);
    PROMISE(!strchr(error.text, '\n'));
    for (size_t i = 0; i < suppressions_count(list); i++) {
        const struct suppression *entry = suppressions_get(list, i);

        PROMISE(*entry->name && entry->line >= 1 && entry->line <= size);
        suppressions_match_template(entry->name, "operator new(unsigned long)");
    }
    suppressions_match(list, &heap, NULL, 0, GRAPH_DEFINITELY_LOST, 1, 1);
    suppressions_destroy(list);
    return result;
}

static size_t make(uint64_t *random, char text[TEXT_MAX])
{
    size_t size = 0, count = mutate_random(random) % 24;

    for (size_t i = 0; i < count; i++) {
        const char *word = words[mutate_random(random) % WORD_COUNT];
        size_t length = strlen(word);

        /* Mostly what belongs together. */
        if (mutate_random(random) % 3 == 0) {
            word = "{\n n\n Memcheck:Leak\n ...\n fun:main\n}\n";
            length = strlen(word);
        }
        if (size + length > TEXT_MAX)
            break;
        memcpy(text + size, word, length);
        size += length;
    }
    for (count = mutate_random(random) % 4; size > 0 && count > 0; count--) {
        size_t at = mutate_random(random) % size;

        switch (mutate_random(random) % 3) {
        case 0:
            text[at] = (char)mutate_random(random);
            break;
        case 1:
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
            break;
        default:
            size = at;
        }
    }
    return size;
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);
    size_t size;

    if (!file || !text) {
        perror(path);
        return 2;
    }
    size = fread(text, 1, 1 << 20, file);
    fclose(file);
    printf("%s: %s\n", path,
           LLVMFuzzerTestOneInput((uint8_t *)text, size) == 0 ? "accepted" : "refused");
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    struct timespec now;
    char *rest = NULL, text[TEXT_MAX];
    unsigned long count = argc > 1 ? strtoul(argv[1], &rest, 10) : 200000;
    uint64_t random, accepted = 0;

    if (rest && *rest) {
        for (int i = 1; i < argc; i++)
            if (run_file(argv[i]) != 0)
                return 2;
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    random = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)now.tv_nsec;
    printf("# seed %" PRIu64 "\n1..1\n", random);
    fflush(stdout);
    for (; inputs < count; inputs++) {
        size_t size = make(&random, text);
        /* A block of just this size, so that reading past it is seen. */
        uint8_t *data = malloc(size > 0 ? size : 1);

        memcpy(data, text, size);
        accepted += LLVMFuzzerTestOneInput(data, size) == 0;
        free(data);
    }
    /* Were hardly any accepted, or refused, the inputs would be no good. */
    if (count >= 1000 && (accepted < count / 50 || accepted > count / 2)) {
        printf("not ok 1 - %" PRIu64 " of %lu inputs were accepted\n", accepted, count);
        return 1;
    }
    printf("ok 1 - %lu lists, %" PRIu64 " of them accepted\n", count, accepted);
    return 0;
}
