#!/usr/bin/env bats
# Handlers may allocate, wherever they interrupt and however small their stack is.

load common

# In the snapshot at exit there are COUNT blocks of SIZE but those that it says were
# lost: no more than LOST, or none.
kept() {
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" "$@" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
count, size, lost = int(sys.argv[3]), int(sys.argv[4]), int((sys.argv + [0])[5])
mine = [block for block in heap.blocks if block.size == size]
assert len(mine) + heap.account.lost_blocks == count, f"{len(mine)} blocks, {heap.account.lost_blocks} lost"
assert heap.account.lost_blocks <= lost, f"{heap.account.lost_blocks} lost"
for block in mine:
    assert not heap.stacks[block.stack][1], "truncated"
END
    snapshots_add_up
}

@test "a handler that interrupts code that does not allocate" {
    same_as_native "$PROGRAMS/signal_handlers" busy
    kept 300 51
}

@test "a handler that interrupts malloc and free" {
    same_as_native "$PROGRAMS/signal_handlers" in-malloc
    kept 300 52
}

@test "a handler whose block is unmapped before the interrupted event is done" {
    same_as_native "$PROGRAMS/signal_handlers" mapped
    [ "$status" -eq 0 ]
    snapshots_add_up
}

@test "a snapshot while a handler's frees and reallocs wait to be counted" {
    same_as_native "$PROGRAMS/signal_handlers" gone
    [ "$status" -eq 0 ]
    ls "$OUT"/*.gone.hds # some are refused: the interrupted thread was at the tables
    snapshots_add_up
    [ "$(info "$(snapshot exit)" 'it["missed_frees"]')" -eq 0 ]
}

@test "a handler on an alternate stack of 8 KiB" {
    same_as_native "$PROGRAMS/signal_handlers" small-stack
    kept 20 53
}

@test "a handler that leaves by siglongjmp" {
    same_as_native "$PROGRAMS/signal_handlers" fault
    kept 100 54
}

@test "snapshots that signals interrupt" {
    same_as_native "$PROGRAMS/signal_handlers" snapshots
    # Where the handler interrupts the taking of a snapshot, it cannot record.
    kept 300 55 "$(cat while_taking)"
    [ "$(ls "$OUT"/*.interrupted.hds | wc -l)" -eq 30 ]
}

@test "the stack goes from the handler on to the interrupted code" {
    traced "$PROGRAMS/signal_handlers" busy
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        json '{(row["traceback"][0]["function"], "busy" in [f["function"] for f in row["traceback"]],
                "main" in [f["function"] for f in row["traceback"]])
               for row in it["rows"] if row["size"] == 51 * row["count"]}' |
        grep -x "{('keep_one', True, True)}"
}

@test "threads with the smallest stack" {
    same_as_native "$PROGRAMS/small_stacks"
    kept 150 61
}

@test "a hook takes at most 1.5 KiB more of the caller's stack" {
    "$PROGRAMS/stack_use" | sort >native
    traced "$PROGRAMS/stack_use" | sort >ours
    join native ours | tee both
    awk '$3 > $2 + 1536 { print "too much:", $0; bad = 1 } END { exit bad || NR != 18 }' both
}
