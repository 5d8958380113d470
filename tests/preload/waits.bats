#!/usr/bin/env bats
# What a request does to a program that waits, in every call that docs/requests.md lists.

load common.bash

# The table of docs/requests.md as lines "CALL: WHAT".
documented() {
    sed -n 's/^| `\([^`]*\)` | \([a-z ]*\) |.*/\1: \2/p' "$SOURCE_ROOT/docs/requests.md"
}

# Wait until PROCESS waits, or has ended.
at_rest() {
    while grep -q '^State:.[^SZ]' "/proc/$1/status"; do :; done
}

# What the CALL does when a snapshot is asked for. The program's own allocations are over.
observed() {
    local answer line answered=0

    coproc WAIT { LD_PRELOAD=$SHIM HEAPDELTA_OUT=$OUT exec "$PROGRAMS/every_wait" "$1" 3>&-; }
    local process=$WAIT_PID output
    exec {output}<&"${WAIT[0]}" # bash closes its own when the program ends
    read -r -u "$output" line
    [ "$line" = ready ]
    at_rest "$process"
    "$HEAPDELTA" snapshot --timeout "$2" "$process" >/dev/null 2>messages 3>&- || answered=$?
    at_rest "$process" 2>/dev/null || true
    kill -USR1 "$process" 2>/dev/null || true # may have ended by itself
    read -r -u "$output" line
    exec {output}<&-
    wait "$process" || true
    rm -f every_wait.fifo
    if [ "$answered" -ne 0 ] && grep -q "taken at its next allocation" messages; then
        line="is not woken"
    fi
    echo "$1: $line"
}

@test "each call is as documented" {
    local call

    "$PROGRAMS/every_wait" --list | while read -r call; do
        case $call in
        sig*wait*) observed "$call" 300ms ;;
        *) observed "$call" 30s ;;
        esac
    done >observed
    documented | diff -u - observed
    [ "$(wc -l <observed)" -ge 40 ]
}

# Its log, with 50 snapshots while it runs.
logged_under_requests() {
    local line process

    coproc SIGNALS { LD_PRELOAD=$SHIM HEAPDELTA_OUT=$OUT exec "$PROGRAMS/every_signal" 3>&-; }
    process=$SIGNALS_PID
    exec {output}<&"${SIGNALS[0]}"
    while IFS= read -r -u "$output" line; do
        echo "$line"
        [ "$line" != ready ] || break
    done >traced.log
    for _ in $(seq 50); do
        "$HEAPDELTA" snapshot --timeout 60s "$process" >>answers 3>&-
    done
    eval "exec ${SIGNALS[1]}>&-"
    cat <&"$output" >>traced.log
    wait "$process"
}

@test "a program that uses all signals and waits logs the same with 50 snapshots" {
    "$PROGRAMS/every_signal" </dev/null >native.log
    [ "$(wc -l <native.log)" -ge 90 ]
    logged_under_requests
    diff -u native.log traced.log
    [ "$(ls "$OUT"/*.hds | grep -vc exit)" -eq 50 ]
    snapshots_add_up
}

@test "no call ends early when threads are stopped for the heap graph" {
    "$PROGRAMS/every_wait" --list | while read -r call; do
        HEAPDELTA_OUT=$OUT LD_PRELOAD=$SHIM "$PROGRAMS/every_wait" --graph "$call" >log </dev/null
        echo "$call: $(tail -n +2 log)"
        rm -f every_wait.fifo "$OUT"/*.hds
    done >observed
    "$PROGRAMS/every_wait" --list | sed 's/$/: goes on/' | diff -u - observed
}
