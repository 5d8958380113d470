#!/usr/bin/env bats
# heapdelta.h keeps the rules of tracemalloc, in one thread and in several.

load common

# What the program said of its snapshots is in them, block by block.
keeps_the_rules() {
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$PROGRAMS/tracemalloc_rules" "$1" >truth || {
        cat truth
        return 1
    }
    [ "$(wc -l <truth)" -eq 5 ]
    for label in $(cut -d' ' -f1 truth); do
        "$PYTHON" - "$TOOLS" "$(snapshot "$label")" "$label" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
print(sys.argv[3], sum(block.size for block in [*heap.blocks, *heap.tracked]))
END
    done | diff truth -
    snapshots_add_up

    "$HEAPDELTA" stats --filter domain=9 --group-by traceback --format json "$(snapshot replaced)" |
        json '[(row["size"] // row["count"],
                sorted({"track_first", "track_again"} & {frame["function"] for frame in row["traceback"]}))
               for row in it["rows"]], it["total"]["count"]' >replaced
    cat replaced
    [ "$(cat replaced)" = "([(200, ['track_again'])], $2)" ]
}

@test "one thread" {
    keeps_the_rules 0 1
}

@test "two threads, and one that looks on" {
    keeps_the_rules 2 2
}

@test "eight" {
    keeps_the_rules 8 8
}
