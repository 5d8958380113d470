#include "preload/snapshot_write.h"

#include "format/checksum.h"
#include "format/varint.h"
#include "preload/arena.h"
#include "preload/buffer.h"
#include "preload/config.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/image.h"
#include "preload/lock.h"
#include "preload/modules.h"
#include "preload/real.h"
#include "preload/syscall.h"
#include "preload/timeline.h"
#include "preload/tracker.h"
#include "preload/trie.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_KEPT 64u /* bytes of PROGRAM and of LABEL */
#define PATH_SIZE 4096u
#define READ_SIZE 4096u

/* ---- who we are -------------------------------------------------------------- */

static struct {
    uint64_t run[2], start_time;
    char path[PATH_SIZE];          /* of the executable */
    char program[NAME_MAX_KEPT + 1];
} identity;

/* Copy NAME to the NAME_MAX_KEPT + 1 bytes at OUT, harmless in a file name. */
static void clean_name(const char *name, char *out)
{
    size_t i = 0;

    for (; name && name[i] && i < NAME_MAX_KEPT; i++) {
        char c = name[i];
        bool harmless = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '+' || c == '-';

        out[i] = harmless ? c : '_';
    }
    out[i] = '\0';
}

/* Whether the paths A and B lead to the same file. */
static bool same_file(const char *a, const char *b)
{
    struct stat first, second;

    return SYSCALL_4(SYS_newfstatat, AT_FDCWD, a, &first, 0) == 0 &&
           SYSCALL_4(SYS_newfstatat, AT_FDCWD, b, &second, 0) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void snapshot_init(void)
{
    long length = SYSCALL_4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", identity.path,
                            sizeof identity.path - 1);
    const char *called = (const char *)getauxval(AT_EXECFN), *name = identity.path, *slash;

    identity.path[length > 0 ? length : 0] = '\0';
    if (called && (length <= 0 || same_file(called, identity.path)))
        name = called; /* what people call it, as a link may: redis-server, python3 */
    slash = strrchr(name, '/');
    clean_name(slash ? slash + 1 : name, identity.program);
    identity.start_time = syscall_time(CLOCK_REALTIME) - timeline_now();
    if (SYSCALL_3(SYS_getrandom, identity.run, sizeof identity.run, 0) != sizeof identity.run) {
        identity.run[0] = identity.start_time;
        identity.run[1] = syscall_getpid();
    }
}

/* ---- the snapshot under way ---------------------------------------------------- */

struct snapshot {
    enum snapshot_trigger trigger;
    const char *path; /* NULL: make a name */
    char label[NAME_MAX_KEPT + 1];

    /* Known at the cut. */
    uint64_t time, elapsed, pause;
    uint32_t epoch, epoch_count, sequence, frame_limit;
    uint32_t stack_count, frame_count, module_count;
    uint64_t block_count, bytes, current_peak, truncated;
    struct tracker_totals totals;
    uint64_t tracer[ARENA_USES], threads_seen;
    struct buffer blocks, counters;
    uint64_t last_address; /* while blocks are put */
    struct timeline_sample samples[TIMELINE_SAMPLES];
    uint32_t sample_count;

    /* While the file is made. */
    uint32_t pid, parent_pid;
    struct buffer strings, records;
    long file;
    uint64_t file_size;
    int result;
    char name[PATH_SIZE], hidden[PATH_SIZE], read[READ_SIZE];
};

static struct lock snapshot_lock; /* one at a time */
static uint32_t sequence;

/* ---- the cut: with the gate closed ---------------------------------------------- */

static void put_block(void *context, const struct live_block *block)
{
    struct snapshot *snapshot = context;

    buffer_put_varint(&snapshot->blocks, varint_delta(block->address, snapshot->last_address));
    buffer_put_varint(&snapshot->blocks, block->size);
    buffer_put_varint(&snapshot->blocks, block->stack);
    buffer_put_varint(&snapshot->blocks, block->epoch);
    snapshot->last_address = block->address;
    snapshot->block_count++;
    snapshot->bytes += block->size;
}

static void cut(struct snapshot *snapshot)
{
    tracker_check_modules();
    for (int use = 0; use < ARENA_USES; use++)
        snapshot->tracer[use] = arena_used(use);
    snapshot->time = syscall_time(CLOCK_REALTIME);
    snapshot->elapsed = timeline_now();
    snapshot->stack_count = trie_stack_count();
    snapshot->frame_count = trie_frame_count();
    snapshot->module_count = modules_count();
    snapshot->frame_limit = tracker_frame_limit();
    snapshot->current_peak = counters_peak();
    snapshot->threads_seen = guard_threads_seen();
    tracker_sum(&snapshot->totals);
    live_each(put_block, snapshot);
    tracker_each_in_flight(put_block, snapshot);
    for (uint32_t stack = 0; stack < snapshot->stack_count; stack++) {
        struct counter counter;

        tracker_sum_counter(stack, &counter);
        snapshot->truncated += trie_stack(stack)->flags & SNAPSHOT_STACK_TRUNCATED &&
                               counter.value[SNAPSHOT_ALLOCATIONS] > 0;
        for (int i = 0; i < SNAPSHOT_COUNTERS_PER_STACK; i++)
            buffer_put_varint(&snapshot->counters, counter.value[i]);
    }
    snapshot->sample_count = timeline_copy(snapshot->samples);
    snapshot->epoch = epochs_current();
    snapshot->epoch_count = epochs_count();
    epochs_begin(snapshot->label, snapshot->elapsed);
}

/* ---- the file: in the task ------------------------------------------------------- */

static void write_all(struct snapshot *snapshot, const void *data, size_t size)
{
    const char *bytes = data;

    while (size > 0 && snapshot->result == 0) {
        long written = SYSCALL_3(SYS_write, snapshot->file, bytes, size);

        if (written <= 0) {
            snapshot->result = written < 0 ? (int)written : -ENOSPC;
        } else {
            bytes += written;
            size -= (size_t)written;
            snapshot->file_size += (size_t)written;
        }
    }
}

static void write_section(struct snapshot *snapshot, enum snapshot_kind kind,
                          enum snapshot_encoding encoding, uint64_t count, const void *payload,
                          size_t length)
{
    struct snapshot_section section = { kind, encoding, count, length, length, 0 };
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, length);
    checksum_add(&sum, &section, offsetof(struct snapshot_section, checksum));
    section.checksum = checksum_value(&sum);
    write_all(snapshot, &section, sizeof section);
    write_all(snapshot, payload, length);
}

/* Write the records put so far as a section of COUNT, and begin anew. */
static void write_records(struct snapshot *snapshot, enum snapshot_kind kind,
                          enum snapshot_encoding encoding, uint64_t count)
{
    if (snapshot->records.failed && snapshot->result == 0)
        snapshot->result = -ENOMEM;
    write_section(snapshot, kind, encoding, count, snapshot->records.data,
                  snapshot->records.size);
    snapshot->records.size = 0;
}

/* The offset of TEXT, LENGTH bytes of it, among the strings. */
static uint32_t put_string(struct snapshot *snapshot, const char *text, size_t length)
{
    size_t offset = snapshot->strings.size;

    if (length == 0)
        return 0;
    buffer_put(&snapshot->strings, text, length);
    buffer_put(&snapshot->strings, "", 1);
    return (uint32_t)offset;
}

static uint32_t put_text(struct snapshot *snapshot, const char *text)
{
    return put_string(snapshot, text, strlen(text));
}

/* Append TEXT to the string at PATH, of PATH_SIZE bytes. False if it is too long. */
static bool append(char *path, const char *text)
{
    size_t length = strlen(path), size = strlen(text);

    if (length + size >= PATH_SIZE)
        return false;
    memcpy(path + length, text, size + 1);
    return true;
}

/* Append NUMBER with at least DIGITS digits. */
static bool append_number(char *path, uint64_t number, int digits)
{
    char text[24], *digit = text + sizeof text - 1;

    *digit = '\0';
    for (; number > 0 || digits > 0; number /= 10, digits--)
        *--digit = (char)('0' + number % 10);
    return append(path, digit);
}

/* Read the beginning of the file /proc/PID/NAME into snapshot->read. Returns its size. */
static size_t read_proc(struct snapshot *snapshot, const char *name)
{
    char path[64] = "/proc/";
    size_t size = 0;
    long file, more;

    append_number(path, snapshot->pid, 1);
    append(path, name);
    file = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return 0;
    while (size < READ_SIZE - 1 && (more = SYSCALL_3(SYS_read, file, snapshot->read + size,
                                                     READ_SIZE - 1 - size)) > 0)
        size += (size_t)more;
    SYSCALL_1(SYS_close, file);
    snapshot->read[size] = '\0';
    return size;
}

/* The command line with spaces between the arguments. */
static uint32_t put_command(struct snapshot *snapshot)
{
    size_t size = read_proc(snapshot, "/cmdline");

    while (size > 0 && snapshot->read[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (snapshot->read[i] == '\0')
            snapshot->read[i] = ' ';
    return put_string(snapshot, snapshot->read, size);
}

static void write_process(struct snapshot *snapshot)
{
    struct snapshot_process process = {
        .run = { identity.run[0], identity.run[1] },
        .start_time = identity.start_time,
        .time = snapshot->time,
        .elapsed = snapshot->elapsed,
        .pid = snapshot->pid,
        .parent_pid = snapshot->parent_pid,
        .sequence = snapshot->sequence,
        .epoch = snapshot->epoch,
        .exec_count = (uint32_t)config->exec_count,
        .frame_limit = snapshot->frame_limit,
        .program = put_text(snapshot, identity.path),
        .command = put_command(snapshot),
        .label = put_text(snapshot, snapshot->label),
        .trigger = snapshot->trigger,
        .flags = real_is_glibc ? SNAPSHOT_HAS_USABLE : 0,
        .page_size = 4096,
    };

    write_section(snapshot, SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 1, &process, sizeof process);
}

static void write_modules(struct snapshot *snapshot)
{
    uint64_t segment_count = 0;

    for (uint32_t number = 1; number <= snapshot->module_count; number++) {
        const struct module *module = modules_get(number);
        struct snapshot_module record = {
            .start = module->start,
            .end = module->end,
            .bias = module->bias,
            .path = put_text(snapshot, module->path),
            .generation = module->generation,
            .flags = module->flags,
            .segment_count = module->segment_count,
            .build_id_size = module->build_id_size,
        };

        memcpy(record.build_id, module->build_id, sizeof record.build_id);
        buffer_put(&snapshot->records, &record, sizeof record);
    }
    write_records(snapshot, SNAPSHOT_MODULES, SNAPSHOT_FIXED, snapshot->module_count);
    for (uint32_t number = 1; number <= snapshot->module_count; number++)
        for (uint32_t i = 0; i < modules_get(number)->segment_count; i++) {
            const struct module_segment *segment = &modules_get(number)->segments[i];
            struct snapshot_segment record = { segment->address, segment->size,
                                               segment->file_offset, segment->flags, 0 };

            buffer_put(&snapshot->records, &record, sizeof record);
            segment_count++;
        }
    write_records(snapshot, SNAPSHOT_SEGMENTS, SNAPSHOT_FIXED, segment_count);
}

static void write_stacks(struct snapshot *snapshot)
{
    uint64_t last_address = 0;

    for (uint32_t number = 1; number < snapshot->frame_count; number++) {
        const struct trie_frame *frame = trie_frame(number);

        buffer_put_varint(&snapshot->records, frame->parent);
        buffer_put_varint(&snapshot->records, varint_delta(frame->address, last_address));
        buffer_put_varint(&snapshot->records, frame->module);
        last_address = frame->address;
    }
    write_records(snapshot, SNAPSHOT_FRAMES, SNAPSHOT_VARINT, snapshot->frame_count - 1);
    for (uint32_t number = 0; number < snapshot->stack_count; number++) {
        const struct trie_stack *stack = trie_stack(number);

        buffer_put_varint(&snapshot->records, stack->frame);
        buffer_put_varint(&snapshot->records, stack->flags);
    }
    write_records(snapshot, SNAPSHOT_STACKS, SNAPSHOT_VARINT, snapshot->stack_count);
}

static void write_epochs(struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->epoch_count; i++) {
        const struct epoch *epoch = epochs_get(i);
        struct snapshot_epoch record = { epoch->number, put_text(snapshot, epoch->label),
                                         epoch->time };

        buffer_put(&snapshot->records, &record, sizeof record);
    }
    write_records(snapshot, SNAPSHOT_EPOCHS, SNAPSHOT_FIXED, snapshot->epoch_count);
}

static void write_threads(struct snapshot *snapshot)
{
    uint64_t count = 0;

    for (struct thread *thread = guard_threads(); thread; thread = thread->next) {
        struct snapshot_thread record = { thread->tid, 0 };
        char path[64] = "/task/";
        size_t size;

        if (!thread->alive)
            continue;
        append_number(path, thread->tid, 1);
        append(path, "/comm");
        size = read_proc(snapshot, path);
        record.name = put_string(snapshot, snapshot->read, size > 0 ? size - 1 : 0);
        buffer_put(&snapshot->records, &record, sizeof record);
        count++;
    }
    write_records(snapshot, SNAPSHOT_THREADS, SNAPSHOT_FIXED, count);
}

static void write_timeline(struct snapshot *snapshot)
{
    uint64_t last_time = 0;

    for (uint32_t i = 0; i < snapshot->sample_count; i++) {
        const struct timeline_sample *sample = &snapshot->samples[i];

        buffer_put_varint(&snapshot->records, varint_delta(sample->time, last_time));
        buffer_put_varint(&snapshot->records, sample->bytes);
        buffer_put_varint(&snapshot->records, sample->blocks);
        buffer_put_varint(&snapshot->records, sample->rss);
        last_time = sample->time;
    }
    write_records(snapshot, SNAPSHOT_TIMELINE, SNAPSHOT_VARINT, snapshot->sample_count);
}

/* Resident bytes: the second number in statm, in pages. */
static uint64_t resident(struct snapshot *snapshot)
{
    uint64_t pages = 0;
    const char *digit;

    if (read_proc(snapshot, "/statm") == 0)
        return 0;
    digit = strchr(snapshot->read, ' ');
    for (digit += digit != NULL; digit && *digit >= '0' && *digit <= '9'; digit++)
        pages = pages * 10 + (uint64_t)(*digit - '0');
    return pages * 4096;
}

static void write_account(struct snapshot *snapshot)
{
    struct snapshot_account account = {
        .live_bytes = snapshot->bytes,
        .live_blocks = snapshot->block_count,
        .peak_bytes = snapshot->current_peak,
        .usable_bytes = snapshot->totals.usable,
        .allocations = snapshot->totals.allocations,
        .frees = snapshot->totals.frees,
        .missed_frees = snapshot->totals.missed_frees,
        .lost_blocks = snapshot->totals.lost_blocks,
        .truncated_stacks = snapshot->truncated,
        .rss = resident(snapshot),
        .tracer_blocks_bytes = snapshot->tracer[ARENA_BLOCKS],
        .tracer_stacks_bytes = snapshot->tracer[ARENA_STACKS],
        .tracer_counters_bytes = snapshot->tracer[ARENA_COUNTERS],
        .tracer_other_bytes = snapshot->tracer[ARENA_OTHER],
        .pause = snapshot->pause,
        .threads_seen = snapshot->threads_seen,
    };

    account.tracer_bytes = account.tracer_blocks_bytes + account.tracer_stacks_bytes +
                           account.tracer_counters_bytes + account.tracer_other_bytes;
    write_section(snapshot, SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 1, &account, sizeof account);
}

static void write_file(struct snapshot *snapshot)
{
    struct snapshot_header header = { SNAPSHOT_MAGIC, SNAPSHOT_VERSION, sizeof header };

    buffer_put(&snapshot->strings, "", 1);
    write_all(snapshot, &header, sizeof header);
    write_process(snapshot);
    write_modules(snapshot);
    write_stacks(snapshot);
    write_section(snapshot, SNAPSHOT_COUNTERS, SNAPSHOT_VARINT, snapshot->stack_count,
                  snapshot->counters.data, snapshot->counters.size);
    write_section(snapshot, SNAPSHOT_BLOCKS, SNAPSHOT_VARINT, snapshot->block_count,
                  snapshot->blocks.data, snapshot->blocks.size);
    write_epochs(snapshot);
    write_threads(snapshot);
    write_timeline(snapshot);
    write_account(snapshot);
    if (snapshot->strings.failed && snapshot->result == 0)
        snapshot->result = -ENOMEM;
    write_section(snapshot, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, snapshot->strings.size,
                  snapshot->strings.data, snapshot->strings.size);
    write_section(snapshot, SNAPSHOT_END, SNAPSHOT_BYTES,
                  snapshot->file_size + sizeof(struct snapshot_section), NULL, 0);
}

/* ---- names ------------------------------------------------------------------------ */

/* Make snapshot->name, where the file goes, with the number of the snapshot. */
static bool make_name(struct snapshot *snapshot)
{
    char *name = snapshot->name;

    name[0] = '\0';
    if (snapshot->path)
        return append(name, snapshot->path);
    return (!config->out || (append(name, config->out) && append(name, "/"))) &&
           append(name, identity.program) && append(name, ".") &&
           append_number(name, snapshot->pid, 1) && append(name, ".") &&
           append_number(name, snapshot->sequence, 4) &&
           (!snapshot->label[0] || (append(name, ".") && append(name, snapshot->label))) &&
           append(name, ".hds");
}

/* Make snapshot->hidden: beside the final name, with a dot before and .part behind. */
static bool make_hidden(struct snapshot *snapshot)
{
    const char *base = strrchr(snapshot->name, '/');
    size_t directory = base ? (size_t)(base + 1 - snapshot->name) : 0;

    memcpy(snapshot->hidden, snapshot->name, directory);
    snapshot->hidden[directory] = '\0';
    return append(snapshot->hidden, ".") && append(snapshot->hidden, snapshot->name + directory) &&
           append(snapshot->hidden, ".part");
}

/* Open the hidden file for us alone, never as descriptor 0 to 2. */
static long open_hidden(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    long file = SYSCALL_4(SYS_openat, AT_FDCWD, path, flags, 0600), moved;

    if (file == -EEXIST) { /* left by a process of our number that was killed */
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, path, 0);
        file = SYSCALL_4(SYS_openat, AT_FDCWD, path, flags, 0600);
    }
    if (file < 0 || file > 2)
        return file;
    moved = SYSCALL_3(SYS_fcntl, file, F_DUPFD_CLOEXEC, 3);
    SYSCALL_1(SYS_close, file);
    return moved;
}

/* Rename FROM to TO unless that exists, on file systems old and new. */
static int rename_new(const char *from, const char *to)
{
    long result = SYSCALL_5(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    if (result == -EINVAL || result == -ENOSYS) {
        result = SYSCALL_5(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
        if (result == 0)
            SYSCALL_3(SYS_unlinkat, AT_FDCWD, from, 0);
    }
    return (int)result;
}

/* Choose where the file goes. A number that is taken, by an earlier image of this
 * process, is passed over. */
static bool choose_name(struct snapshot *snapshot)
{
    do
        if (!make_name(snapshot) || !make_hidden(snapshot))
            return false;
    while (!snapshot->path && SYSCALL_3(SYS_faccessat, AT_FDCWD, snapshot->name, F_OK) == 0 &&
           (snapshot->sequence = ++sequence));
    return true;
}

/* The task. */
static void write_snapshot(void *context)
{
    struct snapshot *snapshot = context;

    if (!choose_name(snapshot)) {
        snapshot->result = -ENAMETOOLONG;
        return;
    }
    snapshot->file = open_hidden(snapshot->hidden);
    if (snapshot->file < 0) {
        snapshot->result = (int)snapshot->file;
        return;
    }
    write_file(snapshot);
    SYSCALL_1(SYS_close, snapshot->file);
    if (snapshot->result == 0)
        snapshot->result = rename_new(snapshot->hidden, snapshot->name);
    if (snapshot->result < 0)
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, snapshot->hidden, 0);
}

/* ---- the whole ---------------------------------------------------------------------- */

/* Fill in the cut. */
static int close_and_cut(struct snapshot *snapshot)
{
    uint64_t before = syscall_time(CLOCK_MONOTONIC);
    int result;

    result = guard_close();
    if (result < 0)
        return result;
    if (tracker_tracing())
        cut(snapshot);
    else
        result = -ENODATA;
    guard_open();
    snapshot->pause = syscall_time(CLOCK_MONOTONIC) - before;
    if (snapshot->blocks.failed || snapshot->counters.failed)
        result = -ENOMEM;
    return result;
}

int snapshot_take(enum snapshot_trigger trigger, const char *label, const char *path)
{
    struct thread *self;
    struct snapshot *snapshot;
    int result;

    if (!tracker_tracing())
        return -ENODATA;
    self = guard_enter();
    if (!self)
        return guard_self() ? -EBUSY : -ENOMEM;
    snapshot = arena_map(sizeof *snapshot, ARENA_OTHER);
    if (!snapshot) {
        guard_leave(self);
        return -ENOMEM;
    }
    snapshot->trigger = trigger;
    snapshot->path = path;
    snapshot->pid = syscall_getpid();
    snapshot->parent_pid = (uint32_t)SYSCALL_0(SYS_getppid);
    clean_name(label, snapshot->label);
    lock_take(&snapshot_lock);
    result = close_and_cut(snapshot);
    if (result == 0) {
        snapshot->sequence = ++sequence;
        image_run(write_snapshot, snapshot);
        result = snapshot->result;
    }
    lock_release(&snapshot_lock);
    buffer_finish(&snapshot->blocks);
    buffer_finish(&snapshot->counters);
    buffer_finish(&snapshot->strings);
    buffer_finish(&snapshot->records);
    arena_unmap(snapshot, sizeof *snapshot, ARENA_OTHER);
    guard_leave(self);
    return result;
}
