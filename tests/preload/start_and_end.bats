#!/usr/bin/env bats
# Nothing is missed between the first instruction and the last; every kind of end
# leaves a whole snapshot or none.

load common

# Lines "SIZE COUNT" of the blocks in SNAPSHOT with sizes from LOW to HIGH.
sizes() {
    "$PYTHON" - "$TOOLS" "$@" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
low, high = int(sys.argv[3]), int(sys.argv[4])
counts = collections.Counter(block.size for block in snapshot.Snapshot(sys.argv[2]).blocks)
for size, count in sorted(counts.items()):
    if low <= size <= high:
        print(size, count)
END
}

# The program ends in WAY with STATUS, and the snapshot at exit has the 9 blocks
# of 77 bytes and HANDLED of 78.
ends_with_a_snapshot() {
    same_as_native "$PROGRAMS/endings" "$1"
    [ "$status" -eq "$2" ]
    sizes "$(snapshot exit)" 77 78 >seen
    { echo 77 9; [ "$3" -eq 0 ] || echo 78 "$3"; } | diff - seen
    snapshots_add_up
}

ends_without() {
    same_as_native "$PROGRAMS/endings" "$1"
    [ "$status" -eq "$2" ]
    no_snapshot
}

@test "before main, in constructors, exit handlers and destructors" {
    same_as_native "$PROGRAMS/start_and_end"
    sizes "$(snapshot exit)" 101 116 >seen
    diff native.out seen
    snapshots_add_up
}

@test "in the destructors of threads" {
    same_as_native "$PROGRAMS/thread_ends"
    sizes "$(snapshot exit)" 131 132 >seen
    diff native.out seen
    snapshots_add_up
}

@test "a thread's other blocks were seen to be freed in its destructors" {
    traced "$PROGRAMS/thread_ends"
    [ -z "$(sizes "$(snapshot exit)" 1000 1000)" ]
    [ "$(info "$(snapshot exit)" 'it["missed_frees"]')" -eq 0 ]
}

@test "everything once more after our end" {
    same_as_native "$PROGRAMS/late" "$PROGRAMS/plugin_one.so"
    [ "$status" -eq 6 ]
    grep -x "tracing: 0, snapshot: 0, traced: 0" native.out
    sizes "$(snapshot exit)" 97 97 >seen
    echo 97 10 | diff - seen
    snapshots_add_up
}

@test "return from main" { ends_with_a_snapshot return 5 1; }
@test "exit" { ends_with_a_snapshot exit 5 1; }
@test "_exit" { ends_with_a_snapshot _exit 5 0; }
@test "_Exit" { ends_with_a_snapshot _Exit 5 0; }
@test "quick_exit" { ends_with_a_snapshot quick_exit 5 1; }
@test "exit in a thread" { ends_with_a_snapshot exit-in-thread 5 1; }
@test "main's thread leaves first" { ends_with_a_snapshot main-thread-leaves 0 1; }
@test "exit_group by system call" { ends_without exit_group 5; }
@test "abort" { ends_without abort 134; }
@test "killed" { ends_without kill 137; }
@test "terminated" { ends_without term 143; }
@test "a crash" { ends_without segv 139; }

@test "a name that is taken at the last moment leads to the next" {
    # A link to nowhere: nobody is there to be asked, and no file can be made there.
    sh -c 'ln -s nowhere "$1/hello.$$.0001.exit.hds"
           HEAPDELTA_OUT=$1 LD_PRELOAD=$2 exec "$3"' sh "$OUT" "$SHIM" "$PROGRAMS/hello" || [ $? -eq 3 ]
    [ -L "$OUT"/hello.*.0001.exit.hds ]
    [ "$(info "$(snapshot 0002.exit)" "it['sequence']")" -eq 2 ]
    [ "$(ls -A "$OUT" | wc -l)" -eq 2 ]
}
