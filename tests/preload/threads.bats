#!/usr/bin/env bats
# Threads that begin, end and are ended at any moment.

load common

# The program ends as it always does, 15 times, with a whole snapshot each time.
ends_well() {
    for i in {1..15}; do
        rm -rf "$OUT"
        mkdir "$OUT"
        same_as_native "$PROGRAMS/busy_end" "$1"
        [ "$status" -eq 6 ]
        [ "$1" = exec ] || [ -f "$(snapshot exit)" ]
        [ "$1" = exec ] || snapshots_add_up
    done
}

@test "return from main while others allocate" { ends_well return; }
@test "exit while others allocate" { ends_well exit; }
@test "_exit while others allocate" { ends_well _exit; }
@test "quick_exit while others allocate" { ends_well quick_exit; }
@test "exec while others allocate" { ends_well exec; }

@test "snapshots while threads allocate and hardly anything is alive" {
    same_as_native "$PROGRAMS/few_live"
    [ "$(cat native.out)" = "0 failed" ]
    [ "$(ls "$OUT"/*.few.hds | wc -l)" -eq 300 ]
}

@test "cancelled threads free what they had" {
    same_as_native "$PROGRAMS/cancelled"
    [ "$(cat native.out)" = "200 cancelled, 200 cleaned up" ]
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
sizes = collections.Counter(block.size for block in heap.blocks)
assert [sizes[96], sizes[1000], sizes[3000]] == [200, 0, 0], sizes
END
    [ "$(info "$(snapshot exit)" 'it["missed_frees"]')" -eq 0 ]
    snapshots_add_up
}

@test "what short-lived threads keep is known" {
    same_as_native "$PROGRAMS/thread_churn"
    [ "$(cat native.out)" -eq 2000 ]
    "$PYTHON" - "$TOOLS" "$OUT" <<'END'
import glob, sys
sys.path.insert(0, sys.argv[1])
import snapshot
for path in glob.glob(sys.argv[2] + "/*.hds"):
    heap = snapshot.Snapshot(path)
    count = sum(1 for block in heap.own_blocks() if block.size == 171)
    label = heap.string(heap.process.label)
    assert count >= (2000 if label == "exit" else int(label.split("-")[-1])), (label, count)
    if label == "exit":
        assert count == 2000 == len(heap.own_blocks()), count
        assert heap.account.missed_frees == 0
END
    snapshots_add_up
}
