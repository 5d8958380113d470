#!/usr/bin/env bats
# Children live as they would without us; by default only the process that was
# started is traced, through its own execs.

load common

# The one snapshot is the parent's, with its own 3 and 4 blocks and no child's.
parent_alone() {
    "$PYTHON" - "$TOOLS" "$(snapshot "")" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
sizes = collections.Counter(block.size for block in heap.blocks)
assert [sizes[81], sizes[82], sizes[83], sizes[84]] == [3, 4, 0, 0], sizes
END
    snapshots_add_up
}

alike_and_alone() {
    same_as_native "$PROGRAMS/processes" "$1"
    [ "$status" -eq 0 ]
    [ -s native.out ]
    parent_alone
}

@test "a forked child and grandchild" { alike_and_alone fork; }
@test "a forked child that execs" { alike_and_alone fork-exec; }
@test "vfork" { alike_and_alone vfork; }
@test "posix_spawn" { alike_and_alone spawn; }
@test "system" { alike_and_alone system; }
@test "popen" { alike_and_alone popen; }
@test "an exec that fails" { alike_and_alone failing-exec; }
@test "the environment is the program's own" { alike_and_alone environment; }

@test "200 forks while 16 threads allocate" {
    alike_and_alone storm
    grep -x "200 good children" traced.out
}

@test "16 threads fork, vfork and spawn, and their children exec" {
    same_as_native "$PROGRAMS/fork_storm" exec
    [ "$(cat native.out)" = "240 good children" ]
    [ -f "$(snapshot "")" ]
    rm "$OUT"/*
    HEAPDELTA_FOLLOW=3 same_as_native "$PROGRAMS/fork_storm" exec
    snapshots_add_up
}

@test "the program's own fork handlers allocate, in 4 threads at once" {
    same_as_native "$PROGRAMS/fork_storm" handlers
    grep -x "60 good children" native.out
    [ -f "$(snapshot "")" ]
    rm "$OUT"/*
    HEAPDELTA_FOLLOW=3 same_as_native "$PROGRAMS/fork_storm" handlers
    [ "$(ls "$OUT"/*.exit.hds | wc -l)" -ge 50 ]
    snapshots_add_up
}

@test "a fork that waits for a thread that allocates" {
    same_as_native "$PROGRAMS/fork_under_lock"
    [ "$status" -eq 0 ]
}

@test "a program that becomes itself is traced again, and no file is lost" {
    same_as_native "$PROGRAMS/exec_itself" 3
    [ "$status" -eq 12 ]
    "$PYTHON" - "$TOOLS" "$OUT" <<'END'
import glob, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heaps = [snapshot.Snapshot(path) for path in glob.glob(sys.argv[2] + "/*.hds")]
found = sorted((heap.process.exec_count, heap.string(heap.process.label),
                sum(1 for block in heap.blocks if block.size == 91)) for heap in heaps)
assert found == [(0, "image", 1), (1, "image", 2), (2, "image", 3), (3, "exit", 4), (3, "image", 4)], found
assert len({heap.process.pid for heap in heaps}) == 1
assert len({(heap.process.run_0, heap.process.run_1) for heap in heaps}) == 4
END
    snapshots_add_up
}

@test "the environment is the program's own under heapdelta run" {
    "$PROGRAMS/processes" environment | grep -v '^SHLVL=' >native.out
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/processes" environment | grep -v '^SHLVL=' >traced.out
    diff native.out traced.out
}

@test "who kills the tasks that write our snapshots neither stops nor hangs the program" {
    local killed

    traced "$PROGRAMS/helper_killed" >out.log 2>err.log 3>&-
    [ "$(cat out.log)" = "in peace: 0" ]
    killed=$(sed -n 's/ were killed$//p' err.log)
    [ "$killed" -gt 0 ]
    [ "$(ls "$OUT"/*.some.hds | wc -l)" -ge $((200 - killed)) ] # or killed once it was written
    [ "$(ls -A "$OUT" | grep -vc '\.hds$')" -eq 0 ]
    snapshots_add_up
}

# Snapshots that the program takes while somebody does what ARGUMENT says to our tasks are all there,
# but for those whose tasks were all kept from their end.
goes_on() {
    traced "$PROGRAMS/hurt_tasks" "$1" >out.log 2>err.log 3>&-
    cat out.log
    grep -E '^[0-9]+ taken, [0-9]+ failed, [0-9]+ hurt$' out.log
    [ "$(ls "$OUT"/*.hurt.hds | wc -l)" -ge $(($(sed 's/ taken, / - /; s/ failed.*//' out.log))) ]
    [ "$(ls -A "$OUT" | grep -vc '\.hds$')" -eq 0 ]
    snapshots_add_up
}

# None of them fails; whose task or copy was hurt have no graph, which is so of at least COUNT.
goes_on_without_graph() {
    local taken plain=0

    goes_on "$1"
    grep ' taken, 0 failed, ' out.log
    taken=$(sed 's/ taken.*//' out.log)
    [ "$(ls "$OUT"/*.hurt.hds | wc -l)" -eq "$taken" ]
    for file in "$OUT"/*.hurt.hds; do
        "$HEAPDELTA" info "$file" | grep -q '^Heap graph' || plain=$((plain + 1))
    done
    [ "$plain" -ge "$2" ]
}

@test "where a copy of the program is killed, the snapshot has no graph" { goes_on_without_graph copies 1; }
@test "where the task that waits for it is killed, another one writes the snapshot" { goes_on_without_graph tasks 10; }
@test "a task that somebody stopped goes on" { goes_on_without_graph once 0; }
@test "a task that somebody stops again and again does not hold the program up" { goes_on always; }

@test "whoever writes our snapshots is no child of the program" {
    same_as_native "$PROGRAMS/unseen_helper"
    grep -x "0 signals, 0 children" native.out
    [ "$(ls "$OUT"/*.helper.hds | wc -l)" -eq 60 ]
    snapshots_add_up
}

# The tasks and the copies of the program, by somebody who looks as ARGUMENT says.
sees_nothing() {
    same_as_native "$PROGRAMS/onlookers" "$1"
    [ "$status" -eq 0 ]
    grep -x "$2" native.out
    [ "$(ls "$OUT"/*.seen.hds | wc -l)" -ge "$3" ]
    snapshots_add_up
}

@test "who ignores SIGCHLD sees nothing of snapshots" { sees_nothing ignored "0 seen" 40; }
@test "who waits for children of all kinds does not disturb snapshots" { sees_nothing all "all taken" 40; }
@test "the end of a pipe comes while a copy of the program is there" { sees_nothing pipe "40 looks, 0 late" 20; }
@test "a new program sees nothing of snapshots that were under way at its exec" { sees_nothing exec "nothing seen" 20; }
