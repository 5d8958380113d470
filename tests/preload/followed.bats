#!/usr/bin/env bats
# Which processes are traced, and what a child of fork has: all that its parent held,
# nothing of what its parent is doing, files and a run of its own.

load common

NONE=0 FORK=1 EXEC=2 ALL=3

# Run followed WAY with FOLLOW; what it prints of its processes goes to `found`.
follow() {
    HEAPDELTA_FOLLOW=$1 traced "$PROGRAMS/followed" "${@:2}" >ledger 2>&1
    snapshots_add_up
    "$PYTHON" "$TOOLS/followed.py" ledger "$OUT" | tee found
    [ "${PIPESTATUS[0]}" -eq 0 ]
    [ -z "$(ls -A "$OUT" | grep -v '\.hds$')" ]
}

# The processes found are these: lines "WHO HOW COUNT".
found() {
    printf '%s\n' "$@" | diff - found
}

@test "none: only the process that was started" {
    follow $NONE tree
    found "root exec 1"
    rm -f "$OUT"/*
    follow $NONE exec
    found "root exec 1"
}

@test "fork: children and their children, by any ending" {
    follow $FORK tree
    found "child fork 3" "grandchild fork 6" "root exec 1"
}

@test "exec: programs that are executed, not what forks" {
    follow $EXEC tree
    found "root exec 1"
    rm -f "$OUT"/*
    follow $EXEC exec
    found "dash exec 2" "leaf exec 6" "root exec 1"
    rm -f "$OUT"/*
    follow $EXEC chain 3
    found "chain exec 4"
}

@test "all: both" {
    follow $ALL tree
    found "child fork 3" "grandchild fork 6" "root exec 1"
    rm -f "$OUT"/*
    follow $ALL exec
    found "dash exec 2" "leaf exec 6" "root exec 1"
    rm -f "$OUT"/*
    follow $ALL chain 3
    found "chain exec 4"
    [ "$(ls "$OUT"/*.fork.hds | wc -l)" -eq 3 ]
}

@test "children of a process in which 16 threads allocate" {
    follow $FORK threads
    found "child fork 200" "root exec 1"
}

@test "children while threads arrive" {
    HEAPDELTA_FOLLOW=$FORK traced "$PROGRAMS/followed" arrivals >ledger 2>&1
    cat ledger
    ! grep '^#' ledger
    [ "$(ls "$OUT"/*.exit.hds | wc -l)" -eq 201 ]
    snapshots_add_up
}

@test "children while a realloc has moved its block and not returned" {
    SHIM=$SHIM:$PROGRAMS/slow_realloc.so follow $FORK reallocs
    found "child fork 50" "root exec 1"
}

@test "children of several threads at once" {
    follow $FORK parallel
    found "child fork 200" "root exec 1"
    rm -f "$OUT"/*
    follow $NONE parallel
    found "root exec 1"
}

@test "children of a process that is being recorded" {
    follow $FORK recorded
    found "child fork 100" "root exec 1"
}

# A child that ends in the handler has no snapshot if that interrupted us, and says so.
@test "children made in signal handlers" {
    local way said

    for way in handler handler-raw; do
        HEAPDELTA_FOLLOW=$FORK traced "$PROGRAMS/followed" "$way" >ledger 2>said
        snapshots_add_up
        "$PYTHON" "$TOOLS/followed.py" ledger "$OUT" | tee found
        said=$(grep -c 'ended while its heap was being recorded' said || true)
        [ "$(wc -l <said)" -eq "$said" ]
        [ "$said" -le 50 ]
        found "child fork $((100 - said))" "root exec 1"
        rm -f "$OUT"/*
    done
}

# Label, program, exec_count, and whether it has the run of a parent, of all snapshots.
relations() {
    "$PYTHON" - "$TOOLS" "$OUT" <<'END'
import glob, os, sys
sys.path.insert(0, sys.argv[1])
import snapshot
for path in sorted(glob.glob(sys.argv[2] + "/*.hds")):
    heap = snapshot.Snapshot(path)
    process = heap.process
    print(heap.string(process.label), os.path.basename(heap.string(process.program)),
          process.exec_count, process.parent_run_0 != 0)
END
}

@test "execs are counted for each process from 0" {
    follow $ALL chain 2
    relations | sort >have
    sort <<'END' | diff - have
exit followed 0 False
fork followed 0 True
exit followed 1 False
fork followed 0 True
exit followed 1 False
END
    # The count of the process that spawns is not that of the one spawned.
    rm -f "$OUT"/*
    HEAPDELTA_FOLLOW=$ALL traced env "$PROGRAMS/followed" exec >ledger 2>&1
    relations | sort | uniq -c | sed 's/^ *//' >have
    cat have
    diff - have <<'END'
2 exit dash 0 False
4 exit followed 0 False
3 exit followed 1 False
END
}
