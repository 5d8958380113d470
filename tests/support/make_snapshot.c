/* make_snapshot - write the snapshot that a text describes.
 *
 *     make_snapshot DESCRIPTION.txt OUT.hds
 *
 * One statement a line, words separated by blanks, # begins a comment. Numbers as
 * C has them. NAMEs are free and only for reference within the text; "-" is none.
 *
 *     process FIELD VALUE           any field of struct snapshot_process; program,
 *                                   command, label: the rest of the line; run and
 *                                   parent_run: one number
 *     account FIELD VALUE           any field of struct snapshot_account
 *     module NAME START-END BIAS PATH [BUILD-ID in hex | -] [FLAGS]
 *     frame NAME PARENT ADDRESS MODULE
 *     stack NAME FRAME [FLAGS]
 *     counters STACK ALLOCATIONS BYTES FREES BYTES REALLOCATIONS
 *     more-counters STACK TEMPORARY PEAK-BYTES PEAK-BLOCKS
 *     block ADDRESS SIZE STACK [EPOCH]
 *     blocks COUNT FIRST STEP SIZE STACK [EPOCH]      COUNT blocks STEP bytes apart
 *     epoch NUMBER TIME [LABEL]
 *     thread TID NAME
 *     sample TIME BYTES BLOCKS RSS
 *     point TIME                    of the series
 *     change STACK BYTES BLOCKS     … what STACK holds from there on
 *     part PID                      a copy of the process with this PID; parts before
 *     origin STACK-COUNT PART       … so many of the stacks are of it
 *     owner STACK DOMAIN [THREAD]   THREAD: its place among the threads, from 1
 *     called NAME                   of the process; again: of the first part …
 *     graph [FIELD VALUE]           there is a heap graph; any field of struct snapshot_graph
 *     root NAME KIND START SIZE [THREAD] [MODULE] [TEXT]     KIND is its number
 *     root-frame ROOT END ADDRESS MODULE
 *     pointer ADDRESS VALUE [INSIDE]        the word at ADDRESS points to VALUE
 *     root-pointer ROOT OFFSET VALUE [INSIDE]
 *     pointers COUNT ADDRESS STEP VALUE STEP   COUNT of them, the numbers STEP apart
 *
 * and to break it:
 *
 *     version N                     in the header
 *     compress                      all sections by zstd
 *     omit KIND                     leave a section out (its number)
 *     section KIND ENCODING COUNT [HEX]   another section, with a good checksum
 *     patch OFFSET HEX              overwrite bytes of the file
 *     repair                        then make the checksums right again
 *     cut SIZE                      keep the first SIZE bytes only
 *
 * What is left out has the defaults of snapshot_builder.h.
 */
#include "snapshot_builder.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16
#define HEX_MAX   4096

struct name {
    char *text;
    uint32_t number;
    struct name *next;
};

struct patch {
    uint64_t offset;
    uint8_t data[HEX_MAX];
    size_t size;
    struct patch *next;
};

/* Where we are in the text, for messages; what was described so far. */
static const char *source;
static unsigned line_number;
static struct snapshot_builder *builder;
static struct name *modules, *frames, *stacks, *roots;
static struct patch *patches, **last_patch = &patches;
static bool repair;
static uint64_t cut = UINT64_MAX;

struct field {
    const char *name;
    size_t offset, size;
};

#define FIELD(record, name) \
    { #name, offsetof(struct record, name), sizeof(((struct record *)0)->name) }
#define PROCESS(name) FIELD(snapshot_process, name)
#define ACCOUNT(name) FIELD(snapshot_account, name)
#define GRAPH(name)   FIELD(snapshot_graph, name)

static const struct field process_fields[] = {
    PROCESS(run),        PROCESS(parent_run),  PROCESS(start_time),
    PROCESS(time),       PROCESS(elapsed),     PROCESS(pid),
    PROCESS(parent_pid), PROCESS(sequence),    PROCESS(epoch),
    PROCESS(exec_count), PROCESS(frame_limit), PROCESS(program),
    PROCESS(command),    PROCESS(label),       PROCESS(trigger),
    PROCESS(flags),      PROCESS(page_size),   {0},
};

static const struct field account_fields[] = {
    ACCOUNT(live_bytes),          ACCOUNT(live_blocks),
    ACCOUNT(peak_bytes),          ACCOUNT(usable_bytes),
    ACCOUNT(allocations),         ACCOUNT(frees),
    ACCOUNT(missed_frees),        ACCOUNT(lost_blocks),
    ACCOUNT(truncated_stacks),    ACCOUNT(rss),
    ACCOUNT(tracer_bytes),        ACCOUNT(tracer_blocks_bytes),
    ACCOUNT(tracer_stacks_bytes), ACCOUNT(tracer_counters_bytes),
    ACCOUNT(tracer_other_bytes),  ACCOUNT(pause),
    ACCOUNT(threads_seen),        {0},
};

static const struct field graph_fields[] = {
    GRAPH(pause),         GRAPH(time),           GRAPH(memory), GRAPH(root_bytes),
    GRAPH(block_bytes),   GRAPH(skipped_bytes),  GRAPH(scanned_blocks), GRAPH(flags),
    GRAPH(threads),       GRAPH(threads_stopped), GRAPH(stop_error),    {0},
};

static void __attribute__((noreturn)) fail(const char *what, const char *which)
{
    fprintf(stderr, "%s:%u: %s%s%s\n", source, line_number, what, which ? ": " : "",
            which ? which : "");
    exit(1);
}

static uint64_t number(const char *word)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(word, &end, 0);
    if (errno || end == word || *end)
        fail("not a number", word);
    return value;
}

static void name_add(struct name **names, const char *text, uint32_t value)
{
    struct name *name = malloc(sizeof(*name));

    if (!name || !(name->text = strdup(text)))
        fail("no memory", NULL);
    name->number = value;
    name->next = *names;
    *names = name;
}

/* What TEXT stands for; a number stands for itself, so that wrong ones can be
 * written, "-" for NONE. */
static uint32_t name_find(const struct name *names, const char *text, uint32_t none)
{
    if (strcmp(text, "-") == 0)
        return none;
    for (const struct name *name = names; name; name = name->next)
        if (strcmp(name->text, text) == 0)
            return name->number;
    if (!isdigit((unsigned char)*text))
        fail("unknown name", text);
    return (uint32_t)number(text);
}

/* The bytes that TEXT spells in hex; "-" and "" are none. */
static size_t hex(const char *text, uint8_t *out, size_t room)
{
    size_t size = 0;

    if (strcmp(text, "-") == 0)
        return 0;
    for (; *text; text += 2) {
        char pair[3] = {text[0], text[1], 0};
        char *end;

        if (size == room)
            fail("too long", NULL);
        out[size++] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            fail("not pairs of hex digits", text);
    }
    return size;
}

static void set_field(void *record, const struct field *fields, const char *name, const char *rest)
{
    static const char *const texts[] = {"program", "command", "label"};

    for (; fields->name; fields++) {
        uint64_t value;

        if (strcmp(fields->name, name) != 0)
            continue;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
            if (strcmp(name, texts[i]) == 0) {
                uint32_t at = snapshot_builder_string(builder, rest);

                memcpy((char *)record + fields->offset, &at, sizeof(at));
                return;
            }
        }
        value = number(rest);
        memset((char *)record + fields->offset, 0, fields->size);
        memcpy((char *)record + fields->offset, &value, fields->size < 8 ? fields->size : 8);
        return;
    }
    fail("unknown field", name);
}

static void read_module(char **words, size_t count)
{
    uint8_t build_id[32];
    size_t build_id_size = count > 5 ? hex(words[5], build_id, sizeof(build_id)) : 0;
    char *dash = strchr(words[2], '-');

    if (!dash)
        fail("START-END expected", words[2]);
    *dash = 0;
    name_add(&modules, words[1],
             snapshot_builder_module(builder, number(words[2]), number(dash + 1), number(words[3]),
                                     words[4], build_id, (uint32_t)build_id_size,
                                     count > 6 ? (uint32_t)number(words[6]) : 0));
}

static void read_blocks(char **words, size_t count)
{
    uint64_t blocks = number(words[1]), first = number(words[2]), step = number(words[3]);
    uint32_t stack = name_find(stacks, words[5], 0);
    uint32_t epoch = count > 6 ? (uint32_t)number(words[6]) : 1;

    for (uint64_t i = 0; i < blocks; i++)
        snapshot_builder_block(builder, first + i * step, number(words[4]), stack, epoch);
}

static void read_counters(char **words)
{
    uint64_t values[SNAPSHOT_COUNTERS_PER_STACK];

    for (size_t i = 0; i < SNAPSHOT_COUNTERS_PER_STACK; i++)
        values[i] = number(words[2 + i]);
    snapshot_builder_counters(builder, name_find(stacks, words[1], 0), values);
}

static void read_more_counters(char **words)
{
    const uint64_t values[3] = {number(words[2]), number(words[3]), number(words[4])};

    snapshot_builder_more_counters(builder, name_find(stacks, words[1], 0), values);
}

static void read_part(char **words)
{
    struct snapshot_process part = *snapshot_builder_process(builder);

    part.pid = (uint32_t)number(words[1]);
    part.run[1] = part.pid;
    snapshot_builder_part(builder, &part);
}

static void read_root(char **words, size_t count)
{
    struct snapshot_root root = {
        .kind = (uint32_t)number(words[2]),
        .start = number(words[3]),
        .size = number(words[4]),
        .thread = count > 5 ? (uint32_t)number(words[5]) : 0,
        .module = count > 6 ? name_find(modules, words[6], 0) : 0,
        .name = count > 7 ? snapshot_builder_string(builder, words[7]) : 0,
    };

    name_add(&roots, words[1], snapshot_builder_root(builder, &root));
}

static void read_pointers(char **words)
{
    uint64_t count = number(words[1]), address = number(words[2]), value = number(words[4]);

    for (uint64_t i = 0; i < count; i++)
        snapshot_builder_pointer(builder, address + i * number(words[3]),
                                 value + i * number(words[5]), 0);
}

static void read_section(char **words, size_t count)
{
    uint8_t payload[HEX_MAX];
    size_t size = count > 4 ? hex(words[4], payload, sizeof(payload)) : 0;

    snapshot_builder_section(builder, (uint32_t)number(words[1]), (uint32_t)number(words[2]),
                             number(words[3]), payload, size, size);
}

static void read_patch(char **words)
{
    struct patch *patch = calloc(1, sizeof(*patch));

    if (!patch)
        fail("no memory", NULL);
    patch->offset = number(words[1]);
    patch->size = hex(words[2], patch->data, sizeof(patch->data));
    *last_patch = patch;
    last_patch = &patch->next;
}

/* Do what WORDS say; REST is the line from the third word on. */
static void read_statement(char **words, size_t count, const char *rest)
{
    static const struct {
        const char *name;
        size_t words_min;
    } statements[] = {
        {"process", 2},      {"account", 3},    {"module", 5},        {"frame", 5},
        {"stack", 3},        {"counters", 7},   {"more-counters", 5}, {"block", 4},
        {"blocks", 6},       {"epoch", 3},      {"thread", 3},        {"sample", 5},
        {"version", 2},      {"compress", 1},   {"omit", 2},          {"section", 4},
        {"patch", 3},        {"repair", 1},     {"cut", 2},           {"point", 2},
        {"change", 4},       {"part", 2},       {"origin", 3},        {"owner", 3},
        {"called", 2},       {"part", 2},       {"origin", 3},        {"graph", 1},
        {"root", 5},         {"root-frame", 5}, {"pointer", 3},       {"pointers", 6},
        {"root-pointer", 4},
    };
    const char *verb = words[0];
    size_t i = 0;

    while (i < sizeof(statements) / sizeof(*statements) && strcmp(statements[i].name, verb) != 0)
        i++;
    if (i == sizeof(statements) / sizeof(*statements))
        fail("unknown statement", verb);
    if (count < statements[i].words_min)
        fail("too few words", verb);

    if (strcmp(verb, "process") == 0)
        set_field(snapshot_builder_process(builder), process_fields, words[1], rest);
    else if (strcmp(verb, "account") == 0)
        set_field(snapshot_builder_account(builder), account_fields, words[1], rest);
    else if (strcmp(verb, "module") == 0)
        read_module(words, count);
    else if (strcmp(verb, "frame") == 0)
        name_add(&frames, words[1],
                 snapshot_builder_frame(builder, name_find(frames, words[2], 0), number(words[3]),
                                        name_find(modules, words[4], 0)));
    else if (strcmp(verb, "stack") == 0)
        name_add(&stacks, words[1],
                 snapshot_builder_stack(builder, name_find(frames, words[2], 0),
                                        count > 3 ? (uint32_t)number(words[3]) : 0));
    else if (strcmp(verb, "counters") == 0)
        read_counters(words);
    else if (strcmp(verb, "more-counters") == 0)
        read_more_counters(words);
    else if (strcmp(verb, "block") == 0)
        snapshot_builder_block(builder, number(words[1]), number(words[2]),
                               name_find(stacks, words[3], 0),
                               count > 4 ? (uint32_t)number(words[4]) : 1);
    else if (strcmp(verb, "blocks") == 0)
        read_blocks(words, count);
    else if (strcmp(verb, "epoch") == 0)
        snapshot_builder_epoch(builder, (uint32_t)number(words[1]), count > 3 ? words[3] : "",
                               number(words[2]));
    else if (strcmp(verb, "thread") == 0)
        snapshot_builder_thread(builder, (uint32_t)number(words[1]), rest);
    else if (strcmp(verb, "sample") == 0)
        snapshot_builder_sample(builder, number(words[1]), number(words[2]), number(words[3]),
                                number(words[4]));
    else if (strcmp(verb, "point") == 0)
        snapshot_builder_point(builder, number(words[1]));
    else if (strcmp(verb, "change") == 0)
        snapshot_builder_change(builder, name_find(stacks, words[1], 0), number(words[2]),
                                number(words[3]));
    else if (strcmp(verb, "part") == 0)
        read_part(words);
    else if (strcmp(verb, "origin") == 0)
        for (uint64_t left = number(words[1]); left > 0; left--)
            snapshot_builder_origin(builder, number(words[2]));
    else if (strcmp(verb, "owner") == 0)
        snapshot_builder_owner(builder, name_find(stacks, words[1], 0), number(words[2]),
                               count > 3 ? number(words[3]) : 0);
    else if (strcmp(verb, "called") == 0)
        snapshot_builder_called(builder, words[1]);
    else if (strcmp(verb, "graph") == 0) {
        struct snapshot_graph *graph = snapshot_builder_graph(builder);

        if (count > 2)
            set_field(graph, graph_fields, words[1], rest);
    } else if (strcmp(verb, "root") == 0)
        read_root(words, count);
    else if (strcmp(verb, "root-frame") == 0)
        snapshot_builder_root_frame(builder, name_find(roots, words[1], 0), number(words[2]),
                                    number(words[3]), name_find(modules, words[4], 0));
    else if (strcmp(verb, "pointer") == 0)
        snapshot_builder_pointer(builder, number(words[1]), number(words[2]),
                                 count > 3 ? (unsigned)number(words[3]) : 0);
    else if (strcmp(verb, "pointers") == 0)
        read_pointers(words);
    else if (strcmp(verb, "root-pointer") == 0)
        snapshot_builder_root_pointer(builder, name_find(roots, words[1], 0), number(words[2]),
                                      number(words[3]), count > 4 ? (unsigned)number(words[4]) : 0);
    else if (strcmp(verb, "version") == 0)
        snapshot_builder_version(builder, (uint32_t)number(words[1]));
    else if (strcmp(verb, "compress") == 0)
        snapshot_builder_compress(builder);
    else if (strcmp(verb, "omit") == 0)
        snapshot_builder_omit(builder, (uint32_t)number(words[1]));
    else if (strcmp(verb, "section") == 0)
        read_section(words, count);
    else if (strcmp(verb, "patch") == 0)
        read_patch(words);
    else if (strcmp(verb, "repair") == 0)
        repair = true;
    else
        cut = number(words[1]);
}

static void read_line(char *line)
{
    char *words[WORDS_MAX];
    char *rest = NULL;
    size_t count = 0;
    char *copy = strdup(line);

    if (!copy)
        fail("no memory", NULL);
    for (char *word = strtok(line, " \t\n"); word && *word != '#' && count < WORDS_MAX;
         word = strtok(NULL, " \t\n")) {
        if (count == 2)
            rest = copy + (word - line);
        words[count++] = word;
    }
    if (rest)
        rest[strcspn(rest, "\n")] = 0;
    if (count > 0)
        read_statement(words, count, rest ? rest : "");
    free(copy);
}

int main(int argc, char **argv)
{
    char line[HEX_MAX * 2 + 256];
    FILE *file;
    uint8_t *data;
    size_t size;
    int result;

    if (argc != 3) {
        fprintf(stderr, "usage: make_snapshot DESCRIPTION.txt OUT.hds\n");
        return 2;
    }
    source = argv[1];
    file = fopen(source, "r");
    if (!file)
        fail("cannot open", strerror(errno));
    builder = snapshot_builder_create();
    while (fgets(line, sizeof(line), file)) {
        line_number++;
        read_line(line);
    }
    fclose(file);

    data = snapshot_builder_finish(builder, &size);
    for (const struct patch *patch = patches; patch; patch = patch->next) {
        if (patch->offset > size || patch->size > size - patch->offset)
            fail("patch behind the end", NULL);
        memcpy(data + patch->offset, patch->data, patch->size);
    }
    if (repair)
        snapshot_builder_repair(data, size);
    result = snapshot_builder_save(argv[2], data, cut < size ? cut : size);
    if (result != 0) {
        fprintf(stderr, "make_snapshot: %s: %s\n", argv[2], strerror(-result));
        return 1;
    }
    return 0;
}
