#include "model/record_kinds.h"

/* clang-format off */
#define FIXED(record, member, type) {#member, type, sizeof(((struct record *)0)->member), false}
#define VARINT(name, type) {name, type, 0, false}
#define DELTA(name, type) {name, type, 0, true}

#define PROCESS_FIELDS \
    FIXED(snapshot_process, run, RECORD_BYTES), \
    FIXED(snapshot_process, parent_run, RECORD_BYTES), \
    FIXED(snapshot_process, start_time, RECORD_NUMBER), \
    FIXED(snapshot_process, time, RECORD_NUMBER), \
    FIXED(snapshot_process, elapsed, RECORD_NUMBER), \
    FIXED(snapshot_process, pid, RECORD_NUMBER), \
    FIXED(snapshot_process, parent_pid, RECORD_NUMBER), \
    FIXED(snapshot_process, sequence, RECORD_NUMBER), \
    FIXED(snapshot_process, epoch, RECORD_NUMBER), \
    FIXED(snapshot_process, exec_count, RECORD_NUMBER), \
    FIXED(snapshot_process, frame_limit, RECORD_NUMBER), \
    FIXED(snapshot_process, program, RECORD_STRING), \
    FIXED(snapshot_process, command, RECORD_STRING), \
    FIXED(snapshot_process, label, RECORD_STRING), \
    FIXED(snapshot_process, trigger, RECORD_NUMBER), \
    FIXED(snapshot_process, flags, RECORD_ADDRESS), \
    FIXED(snapshot_process, page_size, RECORD_NUMBER)

#define BLOCK_FIELDS \
    DELTA("address", RECORD_ADDRESS), \
    VARINT("size", RECORD_NUMBER), \
    VARINT("stack", RECORD_NUMBER), \
    VARINT("epoch", RECORD_NUMBER)

const struct record_kind record_kinds[] = {
    [SNAPSHOT_END] = {"end", SNAPSHOT_FIXED, 0, {{0}}},
    [SNAPSHOT_STRINGS] = {"strings", SNAPSHOT_BYTES, 0, {{"text", RECORD_STRING, 0, false}}},
    [SNAPSHOT_PROCESS] = {"process", SNAPSHOT_FIXED, 0, {PROCESS_FIELDS}},
    [SNAPSHOT_MODULES] = {"modules", SNAPSHOT_FIXED, 1, {
        FIXED(snapshot_module, start, RECORD_ADDRESS),
        FIXED(snapshot_module, end, RECORD_ADDRESS),
        FIXED(snapshot_module, bias, RECORD_ADDRESS),
        FIXED(snapshot_module, path, RECORD_STRING),
        FIXED(snapshot_module, generation, RECORD_NUMBER),
        FIXED(snapshot_module, flags, RECORD_ADDRESS),
        FIXED(snapshot_module, segment_count, RECORD_NUMBER),
        FIXED(snapshot_module, build_id_size, RECORD_NUMBER),
        FIXED(snapshot_module, build_id, RECORD_BYTES),
        FIXED(snapshot_module, reserved, RECORD_PADDING),
    }},
    [SNAPSHOT_SEGMENTS] = {"segments", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_segment, address, RECORD_ADDRESS),
        FIXED(snapshot_segment, size, RECORD_NUMBER),
        FIXED(snapshot_segment, file_offset, RECORD_NUMBER),
        FIXED(snapshot_segment, flags, RECORD_ADDRESS),
        FIXED(snapshot_segment, reserved, RECORD_PADDING),
    }},
    [SNAPSHOT_FRAMES] = {"frames", SNAPSHOT_VARINT, 1, {
        VARINT("parent", RECORD_NUMBER),
        DELTA("address", RECORD_ADDRESS),
        VARINT("module", RECORD_NUMBER),
    }},
    [SNAPSHOT_STACKS] = {"stacks", SNAPSHOT_VARINT, 0, {
        VARINT("frame", RECORD_NUMBER),
        VARINT("flags", RECORD_ADDRESS),
    }},
    [SNAPSHOT_COUNTERS] = {"counters", SNAPSHOT_VARINT, 0, {
        VARINT("allocations", RECORD_NUMBER),
        VARINT("allocated_bytes", RECORD_NUMBER),
        VARINT("frees", RECORD_NUMBER),
        VARINT("freed_bytes", RECORD_NUMBER),
        VARINT("reallocations", RECORD_NUMBER),
    }},
    [SNAPSHOT_BLOCKS] = {"blocks", SNAPSHOT_VARINT, 0, {BLOCK_FIELDS}},
    [SNAPSHOT_EPOCHS] = {"epochs", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_epoch, number, RECORD_NUMBER),
        FIXED(snapshot_epoch, label, RECORD_STRING),
        FIXED(snapshot_epoch, time, RECORD_NUMBER),
    }},
    [SNAPSHOT_THREADS] = {"threads", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_thread, tid, RECORD_NUMBER),
        FIXED(snapshot_thread, name, RECORD_STRING),
    }},
    [SNAPSHOT_TIMELINE] = {"timeline", SNAPSHOT_VARINT, 0, {
        DELTA("time", RECORD_NUMBER),
        VARINT("bytes", RECORD_NUMBER),
        VARINT("blocks", RECORD_NUMBER),
        VARINT("rss", RECORD_NUMBER),
    }},
    [SNAPSHOT_ACCOUNT] = {"account", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_account, live_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, live_blocks, RECORD_NUMBER),
        FIXED(snapshot_account, peak_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, usable_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, allocations, RECORD_NUMBER),
        FIXED(snapshot_account, frees, RECORD_NUMBER),
        FIXED(snapshot_account, missed_frees, RECORD_NUMBER),
        FIXED(snapshot_account, lost_blocks, RECORD_NUMBER),
        FIXED(snapshot_account, truncated_stacks, RECORD_NUMBER),
        FIXED(snapshot_account, rss, RECORD_NUMBER),
        FIXED(snapshot_account, tracer_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, tracer_blocks_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, tracer_stacks_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, tracer_counters_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, tracer_other_bytes, RECORD_NUMBER),
        FIXED(snapshot_account, pause, RECORD_NUMBER),
        FIXED(snapshot_account, threads_seen, RECORD_NUMBER),
    }},
    [SNAPSHOT_SERIES] = {"series", SNAPSHOT_VARINT, 0, {
        DELTA("time", RECORD_NUMBER), /* of a point, as is `changes` */
        VARINT("changes", RECORD_NUMBER),
        VARINT("stack", RECORD_NUMBER), /* of a change, as are the next two */
        VARINT("bytes", RECORD_SIGNED),
        VARINT("blocks", RECORD_SIGNED),
    }},
    [SNAPSHOT_PARTS] = {"parts", SNAPSHOT_FIXED, 0, {PROCESS_FIELDS}},
    [SNAPSHOT_ORIGINS] = {"origins", SNAPSHOT_VARINT, 0, {
        VARINT("part", RECORD_NUMBER),
    }},
    [SNAPSHOT_GRAPH] = {"graph", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_graph, pause, RECORD_NUMBER),
        FIXED(snapshot_graph, time, RECORD_NUMBER),
        FIXED(snapshot_graph, memory, RECORD_NUMBER),
        FIXED(snapshot_graph, root_bytes, RECORD_NUMBER),
        FIXED(snapshot_graph, block_bytes, RECORD_NUMBER),
        FIXED(snapshot_graph, skipped_bytes, RECORD_NUMBER),
        FIXED(snapshot_graph, scanned_blocks, RECORD_NUMBER),
        FIXED(snapshot_graph, flags, RECORD_ADDRESS),
        FIXED(snapshot_graph, threads, RECORD_NUMBER),
        FIXED(snapshot_graph, threads_stopped, RECORD_NUMBER),
        FIXED(snapshot_graph, stop_error, RECORD_NUMBER),
    }},
    [SNAPSHOT_ROOTS] = {"roots", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_root, start, RECORD_ADDRESS),
        FIXED(snapshot_root, size, RECORD_NUMBER),
        FIXED(snapshot_root, kind, RECORD_NUMBER),
        FIXED(snapshot_root, thread, RECORD_NUMBER),
        FIXED(snapshot_root, module, RECORD_NUMBER),
        FIXED(snapshot_root, name, RECORD_STRING),
    }},
    [SNAPSHOT_ROOT_FRAMES] = {"root_frames", SNAPSHOT_VARINT, 0, {
        VARINT("root", RECORD_NUMBER),
        DELTA("end", RECORD_ADDRESS),
        DELTA("address", RECORD_ADDRESS),
        VARINT("module", RECORD_NUMBER),
    }},
    [SNAPSHOT_ROOT_EDGES] = {"root_edges", SNAPSHOT_VARINT, 0, {
        DELTA("root", RECORD_NUMBER),
        VARINT("offset", RECORD_NUMBER),
        DELTA("target", RECORD_NUMBER),
        VARINT("inside", RECORD_NUMBER),
    }},
    [SNAPSHOT_EDGES] = {"edges", SNAPSHOT_VARINT, 0, {
        DELTA("block", RECORD_NUMBER),
        VARINT("offset", RECORD_NUMBER),
        DELTA("target", RECORD_NUMBER),
        VARINT("inside", RECORD_NUMBER),
    }},
    [SNAPSHOT_MODULE_WORDS] = {"module_words", SNAPSHOT_VARINT, 0, {
        DELTA("block", RECORD_NUMBER),
        VARINT("offset", RECORD_NUMBER),
        DELTA("address", RECORD_ADDRESS),
    }},
    [SNAPSHOT_OWNERS] = {"owners", SNAPSHOT_VARINT, 0, {
        VARINT("domain", RECORD_NUMBER),
        VARINT("thread", RECORD_NUMBER),
    }},
    [SNAPSHOT_TRACKED] = {"tracked", SNAPSHOT_VARINT, 0, {BLOCK_FIELDS}},
    [SNAPSHOT_NAMES] = {"names", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_name, called, RECORD_STRING),
    }},
    [SNAPSHOT_MEMORY] = {"memory", SNAPSHOT_FIXED, 0, {
        FIXED(snapshot_memory, kind, RECORD_NUMBER),
        FIXED(snapshot_memory, areas, RECORD_NUMBER),
        FIXED(snapshot_memory, mapped, RECORD_NUMBER),
        FIXED(snapshot_memory, resident, RECORD_NUMBER),
        FIXED(snapshot_memory, swapped, RECORD_NUMBER),
        FIXED(snapshot_memory, proportional, RECORD_NUMBER),
    }},
    [SNAPSHOT_MORE_COUNTERS] = {"more_counters", SNAPSHOT_VARINT, 0, {
        VARINT("temporary", RECORD_NUMBER),
        VARINT("peak_bytes", RECORD_NUMBER),
        VARINT("peak_blocks", RECORD_NUMBER),
    }},
    [SNAPSHOT_PROGRESS] = {"progress", SNAPSHOT_VARINT, 0, {
        DELTA("allocations", RECORD_NUMBER),
    }},
    [SNAPSHOT_SAMPLING] = {"sampling", SNAPSHOT_FIXED, sizeof(struct snapshot_sampling), {
        FIXED(snapshot_sampling, mean, RECORD_NUMBER),
        FIXED(snapshot_sampling, min, RECORD_NUMBER),
        FIXED(snapshot_sampling, max, RECORD_NUMBER),
    }},
    [SNAPSHOT_WEIGHTS] = {"weights", SNAPSHOT_VARINT, 0, {
        VARINT("weight", RECORD_NUMBER),
    }},
};
/* clang-format on */

const size_t record_kind_count = sizeof(record_kinds) / sizeof(record_kinds[0]);
