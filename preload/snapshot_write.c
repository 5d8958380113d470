#include "preload/snapshot_write.h"

#include "format/checksum.h"
#include "format/varint.h"
#include "preload/arena.h"
#include "preload/buffer.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/memory_use.h"
#include "preload/modules.h"
#include "preload/path.h"
#include "preload/real.h"
#include "preload/roster.h"
#include "preload/sampling.h"
#include "preload/syscall.h"
#include "preload/trie.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define READ_SIZE 4096u
#define GATHERED_SIZE ((size_t)16 * 1024)

/* A file being written. */
struct writer {
    const struct cut *cut;
    const struct snapshot_origin *origin;
    const struct graph *graph;
    long file;
    uint64_t size, rss;
    int result;
    struct buffer strings, records;
    char read[READ_SIZE];
    char gathered[GATHERED_SIZE]; /* to be written */
    size_t gathered_size;
};

static void write_now(struct writer *writer, const void *data, size_t size)
{
    const char *bytes = data;

    while (size > 0 && writer->result == 0) {
        long written = SYSCALL_3(SYS_write, writer->file, bytes, size);

        if (written <= 0) {
            writer->result = written < 0 ? (int)written : -ENOSPC;
        } else {
            bytes += written;
            size -= (size_t)written;
        }
    }
}

static void write_gathered(struct writer *writer)
{
    write_now(writer, writer->gathered, writer->gathered_size);
    writer->gathered_size = 0;
}

/* Most sections are small: one call of the kernel does for many. */
static void write_all(struct writer *writer, const void *data, size_t size)
{
    if (size > GATHERED_SIZE - writer->gathered_size)
        write_gathered(writer);
    if (size > GATHERED_SIZE) {
        write_now(writer, data, size);
    } else {
        memcpy(writer->gathered + writer->gathered_size, data, size);
        writer->gathered_size += size;
    }
    writer->size += size;
}

static void write_section(struct writer *writer, enum snapshot_kind kind,
                          enum snapshot_encoding encoding, uint64_t count, const void *payload,
                          size_t length)
{
    struct snapshot_section section = { kind, encoding, count, length, length, 0 };
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, length);
    checksum_add(&sum, &section, offsetof(struct snapshot_section, checksum));
    section.checksum = checksum_value(&sum);
    write_all(writer, &section, sizeof section);
    write_all(writer, payload, length);
}

/* Write the records put so far as a section of COUNT, and begin anew. */
static void write_records(struct writer *writer, enum snapshot_kind kind,
                          enum snapshot_encoding encoding, uint64_t count)
{
    if (writer->records.failed && writer->result == 0)
        writer->result = -ENOMEM;
    write_section(writer, kind, encoding, count, writer->records.data,
                  writer->records.size);
    writer->records.size = 0;
}

/* The offset of TEXT, LENGTH bytes of it, among the strings. */
static uint32_t put_string(struct writer *writer, const char *text, size_t length)
{
    size_t offset = writer->strings.size;

    if (length == 0)
        return 0;
    buffer_put(&writer->strings, text, length);
    buffer_put(&writer->strings, "", 1);
    return (uint32_t)offset;
}

static uint32_t put_text(struct writer *writer, const char *text)
{
    return put_string(writer, text, strlen(text));
}

/* Read the beginning of the file /proc/PID/NAME into writer->read. Returns its size. */
static size_t read_proc(struct writer *writer, const char *name)
{
    char path[64] = "/proc/";
    size_t size = 0;
    long file, more;

    path_append_number(path, sizeof path, identity->pid, 1);
    path_append(path, sizeof path, name);
    file = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return 0;
    while (size < READ_SIZE - 1 && (more = SYSCALL_3(SYS_read, file, writer->read + size,
                                                     READ_SIZE - 1 - size)) > 0)
        size += (size_t)more;
    SYSCALL_1(SYS_close, file);
    writer->read[size] = '\0';
    return size;
}

/* The command line with spaces between the arguments. */
static uint32_t put_command(struct writer *writer)
{
    size_t size = read_proc(writer, "/cmdline");

    while (size > 0 && writer->read[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (writer->read[i] == '\0')
            writer->read[i] = ' ';
    return put_string(writer, writer->read, size);
}

static void write_process(struct writer *writer)
{
    struct snapshot_process process = {
        .run = { identity->run[0], identity->run[1] },
        .parent_run = { identity->parent_run[0], identity->parent_run[1] },
        .start_time = identity->start_time,
        .time = writer->cut->time,
        .elapsed = writer->cut->elapsed,
        .pid = identity->pid,
        .parent_pid = writer->origin->parent_pid,
        .sequence = writer->origin->sequence,
        .epoch = writer->cut->epoch,
        .exec_count = (uint32_t)identity_exec_count(),
        .frame_limit = writer->cut->frame_limit,
        .program = put_text(writer, identity->path),
        .command = put_command(writer),
        .label = put_text(writer, writer->origin->label),
        .trigger = writer->origin->trigger,
        .flags = (real_is_glibc ? SNAPSHOT_HAS_USABLE : 0) |
                 (writer->origin->counters_only ? SNAPSHOT_COUNTERS_ONLY : 0),
        .page_size = 4096,
    };
    struct snapshot_name name = { put_text(writer, identity->program) };

    write_section(writer, SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 1, &process, sizeof process);
    write_section(writer, SNAPSHOT_NAMES, SNAPSHOT_FIXED, 1, &name, sizeof name);
}

static void write_modules(struct writer *writer)
{
    const struct module *modules = (const struct module *)writer->cut->modules.data;
    const struct module *end = modules + writer->cut->module_count;
    uint64_t segment_count = 0;

    for (const struct module *module = modules; module < end; module++) {
        struct snapshot_module record = {
            .start = module->start,
            .end = module->end,
            .bias = module->bias,
            .path = put_text(writer, module->path),
            .generation = module->generation,
            .flags = module->flags,
            .segment_count = module->segment_count,
            .build_id_size = module->build_id_size,
        };

        memcpy(record.build_id, module->build_id, sizeof record.build_id);
        buffer_put(&writer->records, &record, sizeof record);
    }
    write_records(writer, SNAPSHOT_MODULES, SNAPSHOT_FIXED, writer->cut->module_count);
    for (const struct module *module = modules; module < end; module++)
        for (uint32_t i = 0; i < module->segment_count; i++) {
            const struct module_segment *segment = &module->segments[i];
            struct snapshot_segment record = { segment->address, segment->size,
                                               segment->file_offset, segment->flags, 0 };

            buffer_put(&writer->records, &record, sizeof record);
            segment_count++;
        }
    write_records(writer, SNAPSHOT_SEGMENTS, SNAPSHOT_FIXED, segment_count);
}

static void write_stacks(struct writer *writer)
{
    uint64_t last_address = 0;

    for (uint32_t number = 1; number < writer->cut->frame_count; number++) {
        const struct trie_frame *frame = trie_frame(number);

        buffer_put_varint(&writer->records, frame->parent);
        buffer_put_varint(&writer->records, varint_delta(frame->address, last_address));
        buffer_put_varint(&writer->records, frame->module);
        last_address = frame->address;
    }
    write_records(writer, SNAPSHOT_FRAMES, SNAPSHOT_VARINT, writer->cut->frame_count - 1);
    for (uint32_t number = 0; number < writer->cut->stack_count; number++) {
        const struct trie_stack *stack = trie_stack(number);

        buffer_put_varint(&writer->records, stack->frame);
        buffer_put_varint(&writer->records, stack->flags);
    }
    write_records(writer, SNAPSHOT_STACKS, SNAPSHOT_VARINT, writer->cut->stack_count);
}

/* On whose behalf and in which thread each stack allocates, if that is told apart. */
static void write_owners(struct writer *writer)
{
    bool any = false;

    for (uint32_t number = 0; number < writer->cut->stack_count; number++) {
        const struct trie_stack *stack = trie_stack(number);

        buffer_put_varint(&writer->records, stack->domain);
        buffer_put_varint(&writer->records, stack->thread);
        any |= stack->domain != 0 || stack->thread != 0;
    }
    if (any)
        write_records(writer, SNAPSHOT_OWNERS, SNAPSHOT_VARINT, writer->cut->stack_count);
    writer->records.size = 0;
}

static void write_blocks(struct writer *writer)
{
    const struct cut *cut = writer->cut;
    size_t own_size = cut->blocks.size - cut->tracked_size;

    write_section(writer, SNAPSHOT_BLOCKS, SNAPSHOT_VARINT, cut->block_count - cut->tracked_count,
                  cut->blocks.data, own_size);
    if (cut->tracked_count)
        write_section(writer, SNAPSHOT_TRACKED, SNAPSHOT_VARINT, cut->tracked_count,
                      cut->blocks.data + own_size, cut->tracked_size);
}

static void write_sampling(struct writer *writer)
{
    const struct cut *cut = writer->cut;
    struct snapshot_sampling record = { sampling.mean, sampling.min, sampling.max };

    if (!sampling_on)
        return;
    write_section(writer, SNAPSHOT_SAMPLING, SNAPSHOT_FIXED, 1, &record, sizeof record);
    if (sampling.mean && !writer->origin->counters_only)
        write_section(writer, SNAPSHOT_WEIGHTS, SNAPSHOT_VARINT, cut->block_count,
                      cut->weights.data, cut->weights.size);
}

static void write_epochs(struct writer *writer)
{
    const struct epoch *epoch = (const struct epoch *)writer->cut->epochs.data;

    for (uint32_t i = 0; i < writer->cut->epoch_count; i++, epoch++) {
        struct snapshot_epoch record = { epoch->number, put_text(writer, epoch->label),
                                         epoch->time };

        buffer_put(&writer->records, &record, sizeof record);
    }
    write_records(writer, SNAPSHOT_EPOCHS, SNAPSHOT_FIXED, writer->cut->epoch_count);
}

/* Put the thread TID of NAME. */
static void put_thread(struct writer *writer, uint32_t tid, const char *name, size_t size)
{
    struct snapshot_thread record = { tid, put_string(writer, name, size) };

    buffer_put(&writer->records, &record, sizeof record);
}

/* First those of the roster, by their numbers, also those that have ended; then other living ones. */
static void write_threads(struct writer *writer)
{
    uint64_t count = roster_count();

    for (int round = 0; round < 2; round++) {
        for (struct thread *thread = guard_threads(); thread; thread = thread->next) {
            char path[64] = "/task/";
            size_t size;

            if (!thread->alive || (round == 0) != (thread->number != 0))
                continue;
            path_append_number(path, sizeof path, thread->tid, 1);
            path_append(path, sizeof path, "/comm");
            size = read_proc(writer, path);
            size -= size > 0; /* the newline */
            if (thread->number && size > 0)
                roster_name(thread->number, writer->read, (uint32_t)size);
            else if (!thread->number) {
                put_thread(writer, thread->tid, writer->read, size);
                count++;
            }
        }
        for (uint32_t number = 1; round == 0 && number <= count; number++) {
            const struct roster_thread *thread = roster_thread(number);

            put_thread(writer, thread->tid, thread->name, strnlen(thread->name, sizeof thread->name));
        }
    }
    write_records(writer, SNAPSHOT_THREADS, SNAPSHOT_FIXED, count);
}

/* Resident bytes: the second number in statm, in pages. */
static uint64_t resident(struct writer *writer)
{
    uint64_t pages = 0;
    const char *digit;

    if (read_proc(writer, "/statm") == 0)
        return 0;
    digit = strchr(writer->read, ' ');
    for (digit += digit != NULL; digit && *digit >= '0' && *digit <= '9'; digit++)
        pages = pages * 10 + (uint64_t)(*digit - '0');
    return pages * 4096;
}

static void write_timeline(struct writer *writer)
{
    uint64_t last_time = 0;

    for (uint32_t i = 0; i < writer->cut->sample_count; i++) {
        const struct timeline_sample *sample = &writer->cut->samples[i];

        buffer_put_varint(&writer->records, varint_delta(sample->time, last_time));
        buffer_put_varint(&writer->records, sample->bytes);
        buffer_put_varint(&writer->records, sample->blocks);
        buffer_put_varint(&writer->records, sample->rss);
        last_time = sample->time;
    }
    /* The moment of the cut, the only one at which we may look at /proc. */
    buffer_put_varint(&writer->records, varint_delta(writer->cut->elapsed, last_time));
    buffer_put_varint(&writer->records, writer->cut->bytes);
    buffer_put_varint(&writer->records, writer->cut->live_blocks);
    buffer_put_varint(&writer->records, writer->rss);
    write_records(writer, SNAPSHOT_TIMELINE, SNAPSHOT_VARINT, writer->cut->sample_count + 1);
}

static void write_account(struct writer *writer)
{
    struct snapshot_account account = {
        .live_bytes = writer->cut->bytes,
        .live_blocks = writer->cut->live_blocks,
        .peak_bytes = writer->cut->peak,
        .usable_bytes = writer->cut->totals.usable,
        .allocations = writer->cut->totals.allocations,
        .frees = writer->cut->totals.frees,
        .missed_frees = writer->cut->totals.missed_frees,
        .lost_blocks = writer->cut->totals.lost_blocks,
        .truncated_stacks = writer->cut->truncated,
        .rss = writer->rss,
        .tracer_blocks_bytes = writer->cut->tracer[ARENA_BLOCKS],
        .tracer_stacks_bytes = writer->cut->tracer[ARENA_STACKS],
        .tracer_counters_bytes = writer->cut->tracer[ARENA_COUNTERS],
        .tracer_other_bytes = writer->cut->tracer[ARENA_OTHER],
        .pause = writer->cut->pause,
        .threads_seen = writer->cut->threads_seen,
    };

    account.tracer_bytes = account.tracer_blocks_bytes + account.tracer_stacks_bytes +
                           account.tracer_counters_bytes + account.tracer_other_bytes;
    write_section(writer, SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 1, &account, sizeof account);
}

/* What the memory is used for, in a snapshot that somebody asked for: it takes the kernel some
 * ms a GiB. */
static void write_memory(struct writer *writer)
{
    const struct cut *cut = writer->cut;
    struct snapshot_memory uses[SNAPSHOT_MEMORY_KINDS];

    if (writer->origin->brief || writer->origin->trigger == SNAPSHOT_BY_INTERVAL ||
        writer->origin->trigger == SNAPSHOT_BY_GROWTH || writer->origin->trigger == SNAPSHOT_AT_PEAK)
        return;
    /* Who asks at its end what it shares? */
    if (memory_use_find(identity->pid, (const uint64_t *)cut->places.data,
                        cut->places.size / sizeof(uint64_t), !writer->graph,
                        writer->graph || writer->origin->trigger == SNAPSHOT_AT_EXIT ? writer->rss : 0,
                        uses) < 0)
        return;
    if (writer->graph) /* what the program shares with this copy of it is nobody else's */
        uses[SNAPSHOT_MEMORY_ALL].proportional = 0;
    write_section(writer, SNAPSHOT_MEMORY, SNAPSHOT_FIXED, SNAPSHOT_MEMORY_KINDS - 1, uses + 1,
                  sizeof uses - sizeof *uses);
}

static void write_roots(struct writer *writer)
{
    const struct roots *roots = &writer->graph->roots;

    for (uint32_t i = 0; i < roots->count; i++) {
        const struct root *root = roots_get(roots, i);
        struct snapshot_root record = {
            .start = root->start,
            .size = root->end - root->start + root->size,
            .kind = root->kind,
            .thread = root->thread,
            .module = root->module,
            .name = root->name ? put_text(writer, root->name) : 0,
        };

        buffer_put(&writer->records, &record, sizeof record);
    }
    write_records(writer, SNAPSHOT_ROOTS, SNAPSHOT_FIXED, roots->count);
}

static void write_graph_records(struct writer *writer, enum snapshot_kind kind,
                                const struct graph_records *records)
{
    write_section(writer, kind, SNAPSHOT_VARINT, records->count, records->bytes.data,
                  records->bytes.size);
}

static void write_graph(struct writer *writer)
{
    const struct graph *graph = writer->graph;

    write_section(writer, SNAPSHOT_GRAPH, SNAPSHOT_FIXED, 1, &graph->record, sizeof graph->record);
    write_roots(writer);
    write_graph_records(writer, SNAPSHOT_ROOT_FRAMES, &graph->root_frames);
    write_graph_records(writer, SNAPSHOT_ROOT_EDGES, &graph->root_edges);
    write_graph_records(writer, SNAPSHOT_EDGES, &graph->edges);
    write_graph_records(writer, SNAPSHOT_MODULE_WORDS, &graph->module_words);
}

static void write_file(struct writer *writer)
{
    struct snapshot_header header = { SNAPSHOT_MAGIC, SNAPSHOT_VERSION, sizeof header };

    writer->rss = resident(writer);
    buffer_put(&writer->strings, "", 1);
    write_all(writer, &header, sizeof header);
    write_process(writer);
    write_modules(writer);
    write_stacks(writer);
    write_owners(writer);
    write_section(writer, SNAPSHOT_COUNTERS, SNAPSHOT_VARINT, writer->cut->stack_count,
                  writer->cut->counters.data, writer->cut->counters.size);
    write_section(writer, SNAPSHOT_MORE_COUNTERS, SNAPSHOT_VARINT, writer->cut->stack_count,
                  writer->cut->more_counters.data, writer->cut->more_counters.size);
    if (!writer->origin->counters_only)
        write_blocks(writer);
    write_sampling(writer);
    write_section(writer, SNAPSHOT_SERIES, SNAPSHOT_VARINT, writer->cut->series_count,
                  writer->cut->series.data, writer->cut->series.size);
    write_section(writer, SNAPSHOT_PROGRESS, SNAPSHOT_VARINT, writer->cut->series_count,
                  writer->cut->progress.data, writer->cut->progress.size);
    write_epochs(writer);
    write_threads(writer);
    write_timeline(writer);
    write_account(writer);
    write_memory(writer);
    if (writer->graph)
        write_graph(writer);
    if (writer->strings.failed && writer->result == 0)
        writer->result = -ENOMEM;
    write_section(writer, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, writer->strings.size,
                  writer->strings.data, writer->strings.size);
    write_section(writer, SNAPSHOT_END, SNAPSHOT_BYTES,
                  writer->size + sizeof(struct snapshot_section), NULL, 0);
    write_gathered(writer);
}

int snapshot_write(const struct cut *cut, const struct snapshot_origin *origin,
                   const struct graph *graph, long file)
{
    struct writer *writer = arena_map(sizeof *writer, ARENA_OTHER);
    int result;

    if (!writer)
        return -ENOMEM;
    writer->cut = cut;
    writer->origin = origin;
    writer->graph = graph;
    writer->file = file;
    write_file(writer);
    result = writer->result;
    buffer_finish(&writer->strings);
    buffer_finish(&writer->records);
    arena_unmap(writer, sizeof *writer, ARENA_OTHER);
    return result;
}
