#!/usr/bin/env bats
# A program that forbids itself system calls: we make none from then on, the last snapshot
# is of before, and it is said why there is none at exit.

load common

# The program in WAY is unharmed. Its one snapshot, of before, has the 9 blocks of 91 bytes.
last_before() {
    same_as_native "$PROGRAMS/seccomp" "$1"
    [ "$status" -ne 77 ] || skip "no seccomp here"
    [ "$status" -eq 5 ]
    "$PYTHON" - "$TOOLS" "$(snapshot "")" "$(snapshot .seccomp)" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[3])
sizes = collections.Counter(block.size for block in heap.blocks)
assert [sizes[91], sizes[92]] == [9, 0], sizes
END
    [ "$(info "$(snapshot .seccomp)" 'it["trigger"]')" = seccomp ]
    snapshots_add_up
}

@test "strict" { last_before strict; }
@test "a filter by prctl" { last_before prctl; }
@test "a filter by the system call" { last_before call; }
@test "a filter for all threads" { last_before threads; }

@test "in a child that is not traced" {
    same_as_native "$PROGRAMS/seccomp" child
    [ "$status" -eq 5 ]
    grep -x "child: status 4, signal 0" native.out
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "in a child that is traced" {
    HEAPDELTA_FOLLOW=3 same_as_native "$PROGRAMS/seccomp" child
    [ "$status" -eq 5 ]
    [ -f "$(snapshot exit)" ]
    [ -f "$(snapshot .seccomp)" ]
    snapshots_add_up
}

@test "a filter that the kernel does not take changes nothing" {
    same_as_native "$PROGRAMS/seccomp" refused
    [ "$status" -eq 5 ]
    grep -x "empty: -1, errno 22" native.out
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
sizes = collections.Counter(block.size for block in heap.blocks)
assert [sizes[91], sizes[92]] == [9, 5], sizes
END
    snapshots_add_up
}

@test "a program that tries again and again pays for few snapshots" {
    same_as_native "$PROGRAMS/seccomp" tries
    [ "$status" -ne 77 ] || skip "no seccomp here"
    [ "$status" -eq 5 ]
    # Of 101 tries: 1, 2, 4 … 64.
    [ "$(ls "$OUT"/*.seccomp.hds | wc -l)" -eq 7 ]
    [ "$(ls "$OUT"/*.hds | wc -l)" -eq 7 ]
    snapshots_add_up
}

@test "run says why there is no snapshot at exit" {
    "$HEAPDELTA" run -o "$OUT" -- "$PROGRAMS/seccomp" call >traced.out 2>traced.err || status=$?
    [ "$status" -ne 77 ] || skip "no seccomp here"
    [ "$status" -eq 5 ]
    grep "no snapshot at exit: the program has put itself under seccomp" traced.err
    [ -f "$(snapshot .seccomp)" ]
    [ -z "$(ls -A "$OUT" | grep control)" ]
}
