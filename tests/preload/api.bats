#!/usr/bin/env bats
# The functions of heapdelta.h keep their word.

load common

# "SEQUENCE LABEL" of the snapshots in $OUT, by their names; all of one process.
names() {
    (cd "$OUT" && printf '%s\n' ./*.hds) |
        sed -E 's/^\.\/api(_nopie)?\.[0-9]+\.([0-9]{4})(\.?.*)\.hds$/\2 \3/'
}

@test "without the shim nothing happens" {
    "$PROGRAMS/api" untraced
    "$PROGRAMS/api_nopie" untraced
    "$PROGRAMS/api_cplusplus"
    [ -z "$(ls -A "$OUT")" ]
}

@test "with it, each function does what it says" {
    traced "$PROGRAMS/api" traced
    snapshots_add_up
}

@test "also in a program that is not position-independent" {
    traced "$PROGRAMS/api_nopie" traced
    snapshots_add_up
}

@test "snapshots are named by program, process, number and label" {
    traced "$PROGRAMS/api" traced
    names | grep -v parallel >seen
    cat seen
    [ "$(cut -d' ' -f2 seen | tr '\n' ' ')" = \
        ".early   .a_b_c.d-e_f__ .$(printf 'l%.0s' {1..64}) .epochs .tracked .limited .late .exit " ]
    # Each number once.
    [ "$(names | cut -d' ' -f1 | sort | uniq -d | wc -l)" -eq 0 ]
    [ "$(names | grep -c parallel)" -eq 40 ]
}

@test "the files belong to their owner alone" {
    umask 000
    traced "$PROGRAMS/api" traced
    [ "$(stat -c %a "$OUT"/*.hds to.hds | sort -u)" = 600 ]
}

@test "epochs have the labels of the marks that began them" {
    traced "$PROGRAMS/api" traced
    "$PYTHON" - "$TOOLS" "$(snapshot epochs)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
labels = {number: heap.string(label) for number, label, _time in heap.epochs}
times = [time for _number, _label, time in heap.epochs]
assert labels[1] == "", labels
assert times == sorted(times), times
epoch = {block.size: block.epoch for block in heap.own_blocks()}
assert labels[epoch[152]] == "one", labels
assert labels[epoch[153]] == "two", labels
assert epoch[151] + 1 == epoch[152] == epoch[153] - 1 == heap.process.epoch - 1, epoch
END
}

@test "a limit set by start holds and is said" {
    traced "$PROGRAMS/api" traced
    "$PYTHON" - "$TOOLS" "$(snapshot limited)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
block, = [block for block in heap.blocks if block.size == 154]
assert len(heap.stack(block.stack)) == 3
assert heap.stacks[block.stack][1] == snapshot.LIMITED
assert heap.process.frame_limit == 3
END
}

@test "without a directory, snapshots go where the program is" {
    LD_PRELOAD="$SHIM" "$PROGRAMS/api_cplusplus"
    [ "$(ls ./api_cplusplus.*.0001.cplusplus.hds | wc -l)" -eq 1 ]
    [ "$(ls ./*.hds | wc -l)" -eq 1 ]
}

@test "blocks of other domains are in the snapshot, with the stacks that tracked them" {
    traced "$PROGRAMS/api" traced
    "$PYTHON" - "$TOOLS" "$(snapshot tracked)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
tracked = sorted((heap.domains[block.stack], block.size, block.address) for block in heap.tracked)
pool = tracked[0][2]
assert tracked == [(7, 201, pool), (7, 202, pool + 301), (2**32 - 1, 203, pool)], tracked
main = [module for module in heap.modules if module.flags & snapshot.MAIN][0]
for block in heap.tracked:
    newest = heap.stack(block.stack)[0]
    assert main.start <= newest.address < main.end
    assert not heap.stacks[block.stack][1]
END
    "$HEAPDELTA" stats --limit 0 --format json "$(snapshot tracked)" |
        json '[row["size"] for row in it["rows"] if row["size"] in (201, 202, 203)]' |
        grep -xF '[203, 202, 201]'
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot tracked)" |
        json '{next(frame["function"] for frame in row["traceback"] if frame["function"] != "heapdelta_track")
               for row in it["rows"] if row["size"] in (201, 202, 203)}' |
        grep -xF "{'tracking'}"
}

@test "domains are groups, and what is to be shown can be chosen by them" {
    traced "$PROGRAMS/api" traced
    "$HEAPDELTA" stats --group-by domain --limit 0 --format json "$(snapshot tracked)" |
        json 'sorted((row["domain"], row["size"], row["count"]) for row in it["rows"] if row["domain"])' |
        grep -xF '[(7, 403, 2), (4294967295, 203, 1)]'
    "$HEAPDELTA" stats --filter domain=7 --format json "$(snapshot tracked)" |
        json 'it["total"], [row["size"] for row in it["rows"]]' |
        grep -xF "({'size': 403, 'count': 2}, [202, 201])"
    "$HEAPDELTA" stats --exclude domain=7 --limit 0 --format json "$(snapshot tracked)" |
        json '[row["size"] for row in it["rows"] if row["size"] in (201, 202, 203)]' |
        grep -xF '[203]'
}

@test "in a child of fork that is traced" {
    "$HEAPDELTA" run --quiet --follow fork -o "$OUT" -- "$PROGRAMS/api" followed
    snapshots_add_up
    "$PYTHON" - "$TOOLS" "$(snapshot child)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
block, = heap.tracked
assert (heap.domains[block.stack], block.size) == (4, 78)
END
}

@test "two threads start and stop while others allocate, track and look" {
    traced "$PROGRAMS/api_storm" >alive
    cat alive
    [ "$(info "$(snapshot end)" 'it["bytes"]')" = "$(cat alive)" ]
    snapshots_add_up
}

@test "in handlers that interrupt anything" {
    traced "$PROGRAMS/api_handlers"
    snapshots_add_up
}

@test "by strict compilers, and in a static program" {
    for standard in c99 c11 c99_static; do
        "$PROGRAMS/api_$standard"
    done
    traced "$PROGRAMS/api_c99"
    snapshots_add_up
}

@test "in C++" {
    traced "$PROGRAMS/api_cplusplus"
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot cplusplus)" |
        json '[(row["count"], "main" in [frame["function"] for frame in row["traceback"]])
               for row in it["rows"] if row["size"] == 3 * 161]' |
        grep -xF '[(3, True)]'
}
