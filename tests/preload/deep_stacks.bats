#!/usr/bin/env bats
# Stacks are complete, however deep; a limit that was asked for is said.

load common

# The stack of the block of 4242 bytes is DEPTH times dive(), ends where the
# thread began, and is not cut.
dives() {
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        "$PYTHON" -c 'import json, sys
depth, below = int(sys.argv[1]), sys.argv[2].split()
row, = [row for row in json.load(sys.stdin)["rows"] if row["size"] == 4242]
names = [frame["function"] for frame in row["traceback"]]
assert row["count"] == 1
assert not row["truncated"]
assert names.count("dive") == depth, names.count("dive")
assert names[:depth] == ["dive"] * depth
assert names[depth:depth + len(below)] == below, names[depth:]
assert len(names) > depth + len(below), "the frames of libc are missing"' "$@"
    [ "$(info "$(snapshot exit)" 'it["truncated_stacks"]')" -eq 0 ]
    snapshots_add_up
}

@test "200 calls deep" {
    traced "$PROGRAMS/deep_recursion" 200
    dives 200 main
}

@test "2,000 calls deep" {
    traced "$PROGRAMS/deep_recursion" 2000
    dives 2000 main
}

@test "20,000 calls deep" {
    traced "$PROGRAMS/deep_recursion" 20000
    dives 20000 main
}

@test "2,000 calls deep in a second thread" {
    traced "$PROGRAMS/deep_recursion" 2000 thread
    dives 2000 thread_main
}

@test "a limit of 64 frames keeps the newest 64 and says so" {
    HEAPDELTA_NFRAME=64 traced "$PROGRAMS/deep_recursion" 200
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
block, = [block for block in heap.blocks if block.size == 4242]
assert len(heap.stack(block.stack)) == 64
assert heap.stacks[block.stack][1] == snapshot.LIMITED
assert heap.process.frame_limit == 64
END
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        json '[row["truncated"] for row in it["rows"] if row["size"] == 4242]' | grep -x '\[True\]'
    snapshots_add_up
}

@test "a limit of one frame" {
    HEAPDELTA_NFRAME=1 traced "$PROGRAMS/deep_recursion" 200
    [ "$("$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        json '[[f["function"] for f in row["traceback"]] for row in it["rows"] if row["size"] == 4242]')" \
        = "[['dive']]" ]
}
