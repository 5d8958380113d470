#!/usr/bin/env bats
# Snapshots that nobody asks for one by one: by growth, peak, time, and the last one.

load common

MIB=1048576

# How many snapshots there are without the one at exit.
others() {
    ls "$OUT" | grep -c -v '\.exit\.hds$'
}

# Run EXPRESSION for `heaps`, all snapshots in their order; `trigger` are their triggers.
heaps() {
    "$PYTHON" - "$TOOLS" "$OUT" "$1" <<'END_OF_PYTHON'
import glob, os, sys
sys.path.insert(0, sys.argv[1])
import snapshot
heaps = [snapshot.Snapshot(path) for path in sorted(glob.glob(sys.argv[2] + "/*.hds"))]
trigger = [heap.process.trigger for heap in heaps]
live = [heap.account.live_bytes for heap in heaps]
sizes = lambda heap, size: sum(1 for block in heap.blocks if block.size == size)
assert eval(sys.argv[3]), (trigger, live)
END_OF_PYTHON
}

at_least() {
    [ "$(ls "$OUT" | grep -c '\.hds$')" -ge "$1" ]
}

# Run "$@" with its stdin held open until there are COUNT snapshots, then to its end.
run_until() {
    local count=$1

    shift
    mkfifo input
    traced "$@" <input 3>&- &
    exec 7>input
    until at_least "$count"; do
        kill -0 $!
    done
    exec 7>&-
    wait $!
}

@test "a program that grows by 10 MiB gives a snapshot for each" {
    HEAPDELTA_GROWTH=$MIB traced "$PROGRAMS/triggers" grow
    [ "$(others)" -eq 10 ]
    heaps 'trigger == [5] * 10 + [2]'
    heaps 'all(later - earlier >= 0.9 * 2 ** 20 for earlier, later in zip(live, live[1:-1]))'
    snapshots_add_up
}

@test "growth by ten steps at once is one snapshot" {
    HEAPDELTA_GROWTH=$MIB traced "$PROGRAMS/triggers" leap
    [ "$(others)" -eq 1 ]
}

@test "what swings below its highest has not grown" {
    HEAPDELTA_GROWTH=$MIB traced "$PROGRAMS/triggers" swing
    [ "$(others)" -eq 3 ]
}

@test "growth is counted on after an exec that failed, in a child, and from 0 after clear_traces" {
    HEAPDELTA_FOLLOW=1 HEAPDELTA_GROWTH=$MIB traced "$PROGRAMS/triggers" watch
    heaps '[sum(1 for heap in heaps if (heap.process.parent_run_0 != 0) == child
            and heap.process.trigger == 5) for child in (False, True)] == [8, 1]'
    snapshots_add_up
}

@test "of many snapshots the first, the last and some between are kept" {
    HEAPDELTA_KEEP=5 HEAPDELTA_GROWTH=$((MIB / 4)) traced "$PROGRAMS/triggers" grow
    [ "$(ls "$OUT" | wc -l)" -eq 5 ]
    heaps 'heaps[0].process.sequence == 1 and heaps[-1].process.sequence >= 41'
    heaps 'trigger[-1] == 2'
    snapshots_add_up
}

@test "of none kept there still are the first and the last" {
    HEAPDELTA_KEEP=1 HEAPDELTA_GROWTH=$MIB traced "$PROGRAMS/triggers" grow
    heaps '[heap.process.sequence for heap in heaps] == [1, 11]'
}

@test "a snapshot behind each peak that is a tenth higher" {
    HEAPDELTA_PEAK=1 traced "$PROGRAMS/triggers" peaks
    heaps 'trigger == [6] * 4 + [2]'
    # Taken at the first free after it.
    heaps 'all(peak * 1024 - 1024 <= size < peak * 1024 + 20000
               for peak, size in zip([1000, 1200, 2000, 4000], live))'
    snapshots_add_up
}

@test "a snapshot each so many milliseconds, while there are events" {
    HEAPDELTA_INTERVAL=30 run_until 10 "$PROGRAMS/triggers" loop
    heaps 'set(trigger) == {2, 4}'
    heaps 'all(later.process.elapsed - earlier.process.elapsed >= 30e6
               for earlier, later in zip(heaps, heaps[1:-1]))'
    snapshots_add_up
}

@test "events may be rare" {
    HEAPDELTA_INTERVAL=1 run_until 5 "$PROGRAMS/triggers" slow-loop
    # Two events each turn of 20 ms.
    heaps 'all(later.account.allocations - earlier.account.allocations <= 3
               for earlier, later in zip(heaps[:4], heaps[1:5]))'
}

@test "counters only: no blocks, what stacks hold is the same" {
    HEAPDELTA_COUNTERS=1 HEAPDELTA_GROWTH=$((4 * MIB)) traced "$PROGRAMS/triggers" grow
    heaps 'all(snapshot.BLOCKS not in heap.sections for heap in heaps)'
    heaps 'live[-1] >= 10 * 2 ** 20 and live == sorted(live)'
    snapshots_add_up
    [ "$(info "$(snapshot exit)" 'it["blocks"] >= 10240')" = True ]
}

@test "dormant until heapdelta_start()" {
    HEAPDELTA_OFF=1 traced "$PROGRAMS/triggers" start >said
    printf 'traced 0\nstart 0\ntraced 1\n' | diff - said
    heaps 'trigger == [2] and sizes(heaps[0], 777) == 40 and sizes(heaps[0], 1024) == 0'
    snapshots_add_up
}

@test "dormant for good leaves nothing" {
    HEAPDELTA_OFF=1 HEAPDELTA_GROWTH=1000 HEAPDELTA_PEAK=1 HEAPDELTA_INTERVAL=1 \
        HEAPDELTA_SIGNALS=1 traced "$PROGRAMS/triggers" grow
    no_snapshot
    [ -z "$(ls -A "$OUT")" ]
}

@test "all triggers at once" {
    HEAPDELTA_GROWTH=100000 HEAPDELTA_PEAK=1 HEAPDELTA_INTERVAL=1 HEAPDELTA_KEEP=20 \
        traced "$PROGRAMS/triggers" swing
    [ "$(ls "$OUT" | wc -l)" -eq 20 ]
    snapshots_add_up
}

@test "a directory that cannot be written to is said once" {
    HEAPDELTA_GROWTH=$MIB HEAPDELTA_OUT=/nonexistent LD_PRELOAD=$SHIM \
        "$PROGRAMS/triggers" grow 2>said
    sort said | uniq -c >lines
    cat lines
    [ "$(grep -c 'a snapshot by interval, growth or peak failed: no such directory' said)" -eq 1 ]
    [ "$(grep -c 'no snapshot at exit' said)" -eq 1 ]
    [ "$(wc -l <said)" -eq 2 ]
}

# The program takes snapshots all the time, and removes most of them.
@test "kill -9 at 200 moments leaves no half file under a final name" {
    local i file program

    for i in $(seq 200); do
        HEAPDELTA_KEEP=3 HEAPDELTA_OUT=$OUT LD_PRELOAD=$SHIM "$PROGRAMS/triggers" storm 3>&- &
        program=$!
        until [ -e "$OUT/triggers.$program.0001.storm.hds" ]; do
            kill -0 "$program"
        done
        sleep "0.00$((RANDOM % 100))" # the moment
        kill -9 "$program"
        wait "$program" || [ $? -eq 137 ]
    done
    for file in "$OUT"/*.hds; do
        "$HEAPDELTA" info "$file" >/dev/null
    done
    [ "$(ls "$OUT"/*.hds | wc -l)" -ge 200 ]
    snapshots_add_up
}
