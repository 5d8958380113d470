#include "model/process_load.h"

#include "model/loader.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

int process_load_strings(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_STRINGS];
    struct owned_heap *owned = loader->owned;
    int result;

    if (payload->size == 0 || payload->data[0] != 0)
        return DAMAGE(loader, SNAPSHOT_STRINGS, 0, "it does not begin with the empty string");
    if (payload->data[payload->size - 1] != 0)
        return DAMAGE(loader, SNAPSHOT_STRINGS, payload->size - 1, "its last string does not end");
    result = loader_allocate(loader, payload->size, 1, &owned->strings);
    if (result != 0)
        return result;
    memcpy(owned->strings, payload->data, payload->size);
    owned->strings_size = payload->size;
    return 0;
}

/* Find the strings that PROCESS, which lies AT bytes into the section KIND, names. */
static int find_process_strings(const struct loader *loader, enum snapshot_kind kind, size_t at,
                                const struct snapshot_process *process, struct heap_part *out_part)
{
    int result;

    out_part->process = process;
    result = loader_string(loader, kind, at + offsetof(struct snapshot_process, program),
                           process->program, &out_part->program);
    if (result == 0)
        result = loader_string(loader, kind, at + offsetof(struct snapshot_process, command),
                               process->command, &out_part->command);
    if (result == 0)
        result = loader_string(loader, kind, at + offsetof(struct snapshot_process, label),
                               process->label, &out_part->label);
    return result;
}

int process_load_process(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_PROCESS];
    struct snapshot_process *process = &loader->owned->process;
    struct heap *heap = loader->heap;
    struct heap_part part = {0};
    int result;

    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_PROCESS, 0, "%zu processes, not one", payload->count);
    memcpy(process, payload->data, sizeof(*process));
    heap->process = process;
    heap->has_blocks = !(process->flags & SNAPSHOT_COUNTERS_ONLY);
    result = find_process_strings(loader, SNAPSHOT_PROCESS, 0, process, &part);
    if (result != 0)
        return result;
    heap->program = part.program;
    heap->command = part.command;
    heap->label = part.label;
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Find out what each program was called as; without a word about it, as its file. */
int process_load_names(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_NAMES];
    struct heap *heap = loader->heap;
    size_t expected = 1 + (heap->is_merged ? heap->part_count : 0);

    if (payload->present && payload->count != expected)
        return DAMAGE(loader, SNAPSHOT_NAMES, 0, "%zu names of %zu processes", payload->count,
                      expected);
    for (size_t i = 0; i < expected; i++) {
        const char *called = base_name(i ? heap->parts[i - 1].program : heap->program);
        struct snapshot_name name = {0};
        int result = 0;

        if (payload->present) {
            memcpy(&name, payload->data + i * sizeof(name), sizeof(name));
            result = loader_string(loader, SNAPSHOT_NAMES, i * sizeof(name), name.called, &called);
        }
        if (result != 0)
            return result;
        if (i)
            heap->parts[i - 1].called = called;
        else
            heap->called = called;
    }
    if (!heap->is_merged)
        heap->parts[0].called = heap->called;
    return 0;
}

int process_load_parts(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_PARTS];
    struct owned_heap *owned = loader->owned;
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->parts), &heap->parts);

    if (result == 0)
        result = loader_allocate(loader, payload->count, sizeof(*owned->part_processes),
                                 &owned->part_processes);
    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        size_t at = i * sizeof(*owned->part_processes);

        memcpy(&owned->part_processes[i], payload->data + at, sizeof(*owned->part_processes));
        result = find_process_strings(loader, SNAPSHOT_PARTS, at, &owned->part_processes[i],
                                      &heap->parts[i]);
    }
    if (result != 0)
        return result;
    heap->is_merged = payload->count > 0;
    heap->part_count = payload->count;
    if (!heap->is_merged)
        heap->parts[heap->part_count++] =
            (struct heap_part){heap->process, heap->program, heap->command, heap->label, NULL};
    return 0;
}

int process_load_account(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_ACCOUNT];

    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_ACCOUNT, 0, "%zu accounts, not one", payload->count);
    memcpy(&loader->owned->account, payload->data, sizeof(loader->owned->account));
    loader->heap->account = &loader->owned->account;
    return 0;
}

/* Kinds that are not known here, of a later version, are passed over. */
int process_load_memory(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_MEMORY];
    struct snapshot_memory *memory = loader->owned->memory;
    struct snapshot_memory record;

    for (size_t i = 0; i < payload->count; i++) {
        const size_t at = i * sizeof(record);

        memcpy(&record, payload->data + at, sizeof(record));
        if (record.kind == 0)
            return DAMAGE(loader, SNAPSHOT_MEMORY, at, "memory of kind 0");
        if (record.kind >= SNAPSHOT_MEMORY_KINDS)
            continue;
        if (memory[record.kind].kind)
            return DAMAGE(loader, SNAPSHOT_MEMORY, at, "memory of kind %u twice", record.kind);
        memory[record.kind] = record;
    }
    loader->heap->memory = payload->count > 0 ? memory : NULL;
    return 0;
}

int process_load_sampling(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_SAMPLING];
    struct snapshot_sampling *sampling = &loader->owned->sampling;

    if (!payload->present)
        return 0;
    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_SAMPLING, 0, "%zu of them, not one", payload->count);
    memcpy(sampling, payload->data, sizeof(*sampling));
    loader->heap->sampling = sampling;
    return 0;
}

int process_load_epochs(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_EPOCHS];
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->epochs), &heap->epochs);

    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        struct heap_epoch *epoch = &heap->epochs[i];
        struct snapshot_epoch record;

        memcpy(&record, payload->data + i * sizeof(record), sizeof(record));
        epoch->number = record.number;
        epoch->time = record.time;
        if (record.number == 0 || (i > 0 && record.number <= heap->epochs[i - 1].number))
            return DAMAGE(loader, SNAPSHOT_EPOCHS, i * sizeof(record),
                          "epoch %" PRIu32 " is out of order", record.number);
        result =
            loader_string(loader, SNAPSHOT_EPOCHS, i * sizeof(record), record.label, &epoch->label);
    }
    heap->epoch_count = payload->count;
    return result;
}

int process_load_threads(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_THREADS];
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->threads), &heap->threads);

    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        struct snapshot_thread record;

        memcpy(&record, payload->data + i * sizeof(record), sizeof(record));
        heap->threads[i].tid = record.tid;
        result = loader_string(loader, SNAPSHOT_THREADS, i * sizeof(record), record.name,
                               &heap->threads[i].name);
    }
    heap->thread_count = payload->count;
    return result;
}
