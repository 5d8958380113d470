#!/usr/bin/env bats
# Snapshots of programs that are at something, each 100 times: what they are at goes on.

load common.bash

ROUNDS=100

teardown() {
    end_program
}

# Start `occupied WHAT`, traced, and wait until it is ready. Its PID is PROGRAM.
program() {
    coproc PROGRAM_PROCESS { HEAPDELTA_OUT=$OUT LD_PRELOAD=$SHIM exec "$PROGRAMS/occupied" "$1" 3>&-; }
    PROGRAM=$PROGRAM_PROCESS_PID
    SAY=${PROGRAM_PROCESS[1]}
    read -r -u "${PROGRAM_PROCESS[0]}" line
    [ "$line" = ready ]
}

end_program() {
    [ -n "${PROGRAM:-}" ] || return 0
    { kill -KILL "$PROGRAM" && wait "$PROGRAM"; } 2>/dev/null || true
    PROGRAM=
}

# The program is there, and at what it was.
still_there() {
    kill -0 "$PROGRAM"
    grep -q '^State:.[RSD]' "/proc/$PROGRAM/status"
}

# COUNT snapshots were written, which are whole, and have the program's blocks.
snapshots_are_whole() {
    local files=("$OUT"/*.hds)

    [ ${#files[@]} -eq "$1" ]
    snapshots_add_up
    "$HEAPDELTA" stats --filter function=hold_blocks --format json "${files[-1]}" |
        json 'it["total"]' | grep -qF "{'size': 100000, 'count': 1000}"
}

# Ask for a snapshot; whatever comes goes to ./answer, ./messages and STATUS.
ask() {
    STATUS=0
    "$HEAPDELTA" snapshot "$@" "$PROGRAM" >answer 2>messages 3>&- || STATUS=$?
}

# Every request, one after the other, gives a snapshot, and nothing is said.
answers_each_time() {
    for _ in $(seq $ROUNDS); do
        ask
        [ "$STATUS" -eq 0 ] && [ ! -s messages ] || {
            echo "status $STATUS"
            cat messages
            return 1
        }
        [ -f "$(cat answer)" ]
    done
    still_there
    snapshots_are_whole $ROUNDS
}

@test "in epoll_wait" {
    program epoll
    answers_each_time
}

@test "in read" {
    program read
    answers_each_time
}

@test "in nanosleep" {
    program sleep
    answers_each_time
}

@test "in a futex" {
    program futex
    answers_each_time
}

@test "spinning, without an allocation" {
    program spin
    answers_each_time
}

@test "in the middle of malloc" {
    program malloc
    answers_each_time
}

@test "with 200 threads" {
    program threads
    answers_each_time
}

# Requests to WHAT are taken when it allocates, and that is told.
taken_at_next_allocation() {
    local client line

    program "$1"
    mkfifo waiting
    for _ in $(seq $ROUNDS); do
        "$HEAPDELTA" snapshot --timeout 0 "$PROGRAM" >answer 2>waiting 3>&- &
        client=$!
        read -r line <waiting
        [[ "$line" = *"blocks our signal, or is in sigwait, in every thread; the request is taken at its next allocation" ]]
        echo >&"$SAY"
        wait "$client"
        [ -f "$(cat answer)" ]
    done
    still_there
    snapshots_are_whole $ROUNDS
}

@test "our signal blocked" {
    taken_at_next_allocation read_blocked
}

@test "our signal blocked, or awaited by sigwait" {
    taken_at_next_allocation read_beside_sigwait
}

@test "our signal blocked in each of 200 threads" {
    taken_at_next_allocation threads_blocked
}

@test "stopped" {
    program read
    for _ in $(seq $ROUNDS); do
        kill -STOP "$PROGRAM"
        until grep -q '^State:.T' "/proc/$PROGRAM/status"; do :; done
        ask --timeout 0
        [ "$STATUS" -eq 1 ]
        grep -q "is stopped; continue it with: kill -CONT $PROGRAM" messages
        kill -CONT "$PROGRAM"
        until grep -q '^State:.[RS]' "/proc/$PROGRAM/status"; do :; done
    done
    ask
    [ "$STATUS" -eq 0 ]
    snapshots_are_whole 1
}

# The answer was a whole snapshot, or a reason that a process has that is about to go.
answered_or_told() {
    if [ "$STATUS" -eq 0 ]; then
        [ -f "$(cat answer)" ]
        return
    fi
    grep -Eq "(ended before it was done|executed another program before it was done; ask again|\
can't be asked any more: its control file .* was removed|has ended|is about to end|\
is only just starting|is not traced: it must be started|there is no process)" messages || {
        echo "status $STATUS"
        cat messages
        return 1
    }
}

@test "while it becomes another program" {
    local answers=0

    program execute
    for _ in $(seq $ROUNDS); do
        ask
        answered_or_told
        [ "$STATUS" -ne 0 ] || answers=$((answers + 1))
        still_there
    done
    echo "$answers of $ROUNDS were answered"
    [ -z "$(find "$OUT" -name '*.hds.*')" ]
    [ "$answers" -eq 0 ] || snapshots_add_up
}

# Who asks has set `waking`: the program waits with its exec, and the signal harms nobody.
@test "woken while it becomes another program" {
    program become_reader
    "$PYTHON" - "$OUT"/.*.control "$PROGRAM" <<'END' >&"$SAY"
import os, struct, sys, time
page, pid = os.open(sys.argv[1], os.O_RDWR), int(sys.argv[2])
signal, = struct.unpack("=I", os.pread(page, 4, 20))
os.pwrite(page, struct.pack("=I", 1), 60)
begin = time.monotonic()
os.write(1, b"\n")
ended = 2
while struct.unpack("=I", os.pread(page, 4, 64 + 72 + 2048))[0] != ended:
    assert time.monotonic() < begin + 10, "the page has not ended"
waits = True
while waits and time.monotonic() < begin + 0.02:
    waits = b"become" in open(f"/proc/{pid}/cmdline", "rb").read()
assert waits or time.monotonic() > begin + 0.05, "it has not waited"
if time.monotonic() < begin + 0.04:
    os.kill(pid, signal)
    os.pwrite(page, struct.pack("=I", 0), 60)
END
    read -r -u "${PROGRAM_PROCESS[0]}" line
    [ "$line" = ready ]
    still_there
}

@test "while it ends" {
    local client

    for _ in $(seq $ROUNDS); do
        program read
        "$HEAPDELTA" snapshot "$PROGRAM" >answer 2>messages 3>&- &
        client=$!
        eval "exec $SAY>&-" # the end of its input
        STATUS=0
        wait "$client" || STATUS=$?
        answered_or_told
        wait "$PROGRAM"
        PROGRAM=
    done
    snapshots_add_up
    # the one at exit each time, besides
    [ "$(find "$OUT" -name '*.exit.hds' | wc -l)" -eq $ROUNDS ]
    [ -z "$(find "$OUT" -name '.*')" ]
}

# The value of EXPRESSION over `it`, what status says of the program.
status_says() {
    "$HEAPDELTA" status --format json "$PROGRAM" | json "$1"
}

@test "off, start, mark, stop, start" {
    HEAPDELTA_OFF=1 program read
    [ "$(status_says "it['processes'][0]['state']")" = off ]
    "$HEAPDELTA" status "$PROGRAM" | grep -q "^  not traced since "
    ask
    [ "$STATUS" -eq 1 ]
    grep -q "refused: it does not trace at the moment; 'heapdelta start' makes it" messages
    ! "$HEAPDELTA" mark "$PROGRAM" 2>messages
    grep -q "refused: it does not trace" messages

    "$HEAPDELTA" start "$PROGRAM"
    "$HEAPDELTA" start "$PROGRAM"
    "$HEAPDELTA" status "$PROGRAM" | grep -q "^  traced since "
    [ "$(status_says "it['processes'][0]['state']")" = tracing ]
    [ "$(status_says "it['processes'][0]['mark_growth']")" = None ]
    ask --label began
    [ "$STATUS" -eq 0 ]
    [ "$(info "$(cat answer)" "it['blocks']")" -eq 0 ]

    "$HEAPDELTA" mark --label here "$PROGRAM"
    [ "$(status_says "it['processes'][0]['mark_growth']")" = 0 ]
    ask --label marked
    info "$(cat answer)" "[epoch['label'] for epoch in it['epochs']]" | grep -q "'began', 'here'"

    "$HEAPDELTA" stop "$PROGRAM"
    "$HEAPDELTA" stop "$PROGRAM"
    [ "$(status_says "it['processes'][0]['state']")" = off ]
    ask
    [ "$STATUS" -eq 1 ]

    "$HEAPDELTA" start "$PROGRAM"
    ask --label anew
    [ "$STATUS" -eq 0 ]
    still_there

    # what a snapshot before knows was forgotten
    "$HEAPDELTA" diff "$OUT"/*.{marked,anew}.hds | grep -q "^Tracing was begun anew between "
    ! "$HEAPDELTA" diff "$OUT"/*.{began,marked}.hds | grep -q anew
    ! "$HEAPDELTA" diff --blocks "$OUT"/*.{marked,anew}.hds 2>messages
    grep -q "tracing was begun anew between" messages
}

@test "a mark that the program makes itself shows in status" {
    program read_marked
    [ "$(status_says "it['processes'][0]['mark_growth']")" = 0 ]
    [ "$(status_says "it['processes'][0]['mark']")" != None ]
}

@test "without a place for its control file" {
    OUT=/nowhere program read
    ask
    [ "$STATUS" -eq 3 ]
    grep -q "has no control file: it is only just starting, or could not make it" messages
}

@test "status has what the heap holds" {
    program read
    ask
    [ "$(status_says "it['processes'][0]['blocks']")" = "$(info "$(cat answer)" "it['blocks']")" ]
    [ "$(status_says "it['processes'][0]['bytes']")" = "$(info "$(cat answer)" "it['bytes']")" ]
    [ "$(status_says "it['processes'][0]['growth']")" -ge 100000 ]
    [ "$(status_says "it['processes'][0]['snapshots']")" -eq 1 ]
    [ "$(status_says "it['processes'][0]['last_pause']")" -gt 0 ]
    [ "$(status_says "it['processes'][0]['tracer_bytes']")" -gt 0 ]
}

@test "in a container: other PIDs, other files" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    unshare --pid --fork --mount --mount-proc true 2>/dev/null || skip "no namespaces here"
    local line inner number

    # In there its PID is 1, and its files go where only it sees them.
    coproc PROGRAM_PROCESS { exec unshare --pid --fork --kill-child --mount --mount-proc sh -c '
        mount -t tmpfs none "$1" && HEAPDELTA_OUT=$1 LD_PRELOAD=$2 exec "$3" sleep' \
        sh "$OUT" "$SHIM" "$PROGRAMS/occupied" 3>&-; }
    PROGRAM=$PROGRAM_PROCESS_PID
    read -r -u "${PROGRAM_PROCESS[0]}" line
    [ "$line" = ready ]
    inner=$(cat "/proc/$PROGRAM/task/$PROGRAM/children")
    inner=${inner%% *}
    for number in 1 2 3; do
        "$HEAPDELTA" snapshot --timeout 60s "$inner" >answer 2>messages 3>&-
        [ "$(cat answer)" = "/proc/$inner/root$OUT/occupied.1.000$number.hds" ]
        grep -q "sees another file system: there the file is $OUT/occupied.1.000$number.hds" messages
    done
    "$HEAPDELTA" status --format json "$inner" >answer
    [ "$(json "it['processes'][0]['pid']" <answer)" = "$inner" ]
    [ "$(json "it['processes'][0]['snapshots']" <answer)" = 3 ]
    "$PYTHON" "$TOOLS/snapshot.py" "/proc/$inner/root$OUT"/*.hds
    [ -z "$(ls -A "$OUT")" ]
}
