#!/usr/bin/env bats
# INT, TERM and HUP end the program as ever, with a last snapshot before, where they
# would have ended it; the program sees nothing of that.

load common

INT=2 TERM=15 HUP=1

# Run deadly_signals with the words given, natively and traced. Output and how it ended,
# a signal as a negative number, are alike; the latter is in $ended.
die_alike() {
    local how='import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)'

    "$PYTHON" -c "$how" "$PROGRAMS/deadly_signals" "$@" >native.out 2>native.err </dev/null
    "$PYTHON" -c "$how" env HEAPDELTA_SIGNALS=1 HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" \
        "$PROGRAMS/deadly_signals" "$@" >traced.out 2>traced.err </dev/null
    diff native.out traced.out
    diff native.err traced.err
    ended=$(tail -n 1 native.out)
}

# There are COUNT snapshots and nothing else, at exit, whole, by TRIGGER, each with the
# program's five blocks.
last_snapshots() {
    [ "$(ls -A "$OUT" | wc -l)" -eq "$1" ]
    "$PYTHON" - "$TOOLS" "$2" "$OUT"/*.exit.hds <<'END_OF_PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
for path in sys.argv[3:]:
    heap = snapshot.Snapshot(path)
    assert heap.process.trigger == int(sys.argv[2]), heap.process.trigger
    assert sum(1 for block in heap.blocks if block.size == 71) == 5
    assert not heap.complaints(), heap.complaints()
END_OF_PYTHON
    rm "$OUT"/*
}

AT_EXIT=2 BY_SIGNAL=7

# It dies of each signal in SITUATION as it would, and has its snapshot.
dies() {
    local number

    for number in $INT $TERM $HUP; do
        die_alike $number "$@"
        [ "$ended" -eq $((-number)) ]
        last_snapshots 1 $BY_SIGNAL
    done
}

# It lives through SITUATION.
lives() {
    local number

    for number in $INT $TERM $HUP; do
        die_alike $number "$@"
        [ "$ended" -eq 0 ]
        last_snapshots 1 $AT_EXIT
    done
}

@test "from itself" { dies default; }
@test "with a handler of its own" { lives handler; }
@test "ignored" { lives ignored; }
@test "set back to the default" { dies reset; }
@test "in read" { dies read; }
@test "in a futex" { dies futex; }
@test "in epoll_wait" { dies epoll; }
@test "in pause" { dies pause; }
@test "on a signal stack of 8 KiB" { dies small-stack; }
@test "waited for, read as a descriptor, then unblocked" { dies sigwait; }
@test "dispositions are the program's own" { dies query; }
@test "many at once, while the snapshot is written" { dies many; }

# 100 rounds of SITUATION, in which the signal comes by and by later: each so many
# microseconds.
rounds() {
    local delay

    for delay in $(seq 0 "$2" $((99 * $2))); do
        HEAPDELTA_SIGNALS=1 traced "$PROGRAMS/deadly_signals" $TERM "$1" "$delay" 3>&- &&
            return 1
        [ $? -eq $((128 + TERM)) ]
    done
    last_snapshots 100 $BY_SIGNAL
}

@test "in malloc, realloc and free, at 100 moments" { rounds malloc 13; }
@test "the same with 9 threads" { rounds threads 37; }
@test "while threads come and go, at 100 moments" { rounds arrivals 31; }
@test "in a function of heapdelta.h before a long sleep, at 100 moments" { rounds api 20; }

@test "while it ends by itself, at 300 moments" {
    local delay status

    for delay in $(seq 0 299); do
        status=0
        HEAPDELTA_SIGNALS=1 traced "$PROGRAMS/deadly_signals" $TERM end "$delay" 3>&- || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq $((128 + TERM)) ]
    done
    [ "$(ls -A "$OUT" | wc -l)" -eq 300 ]
    [ "$(ls "$OUT"/*.exit.hds | wc -l)" -eq 300 ]
    snapshots_add_up
}

# The kernel sets it back, and tells nobody.
@test "with a handler for one only it dies without a snapshot" {
    die_alike $TERM once
    [ "$ended" -eq -$TERM ]
    no_snapshot
}

@test "a process that was told to ignore INT goes on doing so" {
    (
        trap '' INT
        die_alike $INT default
        [ "$ended" -eq 0 ]
    )
    last_snapshots 1 $AT_EXIT
}

@test "without HEAPDELTA_SIGNALS there is no snapshot" {
    traced "$PROGRAMS/deadly_signals" $TERM default || [ $? -eq 143 ]
    no_snapshot
}

# The writer is stopped for a moment, so that the signal comes before the snapshot is ready; then it goes
# on without the program.
@test "at the default, while the last snapshot is written, it ends the program at once, and the file is whole" {
    local number status writer tries=0

    for number in $INT $TERM $HUP; do
        writer=
        while [ -z "$writer" ]; do # who writes was faster
            tries=$((tries + 1))
            [ "$tries" -lt 200 ]
            rm -f "$OUT"/*
            status=0
            HEAPDELTA_OUT="$OUT" timeout -s KILL 100 env LD_PRELOAD="$SHIM" \
                "$PROGRAMS/deadly_signals" $number written >printed 3>&- || status=$?
            [ "$status" -ne 77 ] || skip "this kernel does not tell the children of a thread"
            writer=$(cat printed)
            [ "$status" -ne 0 ] || writer=
        done
        [ "$status" -eq $((128 + number)) ]
        kill -CONT "$writer" || true
        while [ -e "/proc/$writer/exe" ]; do :; done
        rm "$OUT"/.*.control # `run` would
        last_snapshots 1 $AT_EXIT
    done
}
