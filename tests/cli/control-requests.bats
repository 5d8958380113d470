#!/usr/bin/env bats
# Requests to a process: how they are taken, and what is said if they are not.

load control_common.bash

@test "a process that allocates takes the request without a signal" {
    local text

    target allocating
    for i in $(seq 20); do
        ends_with 0 "$HEAPDELTA" snapshot --label "round-$i" "$TARGET"
        text=$(cat "$(cat stdout)")
        [ "${text% *}" = "round-$i" ]
        lines stderr 0
    done
    [ "$(cat stdout)" = "$DIRECTORY/20.hds" ]
    # on a busy machine it may at times not have come by in 50 ms
    [ "${text#* }" -lt 20 ]
}

@test "an idle process is woken by its signal" {
    target idle
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    snapshot_says " 1"
    lines stderr 0
}

@test "of 200 threads the one is woken that does not block the signal" {
    target many_threads
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    snapshot_says " 1"
}

@test "a process whose first thread has ended" {
    target leader_gone
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    snapshot_says " 1"
}

@test "mark, start and stop say nothing if they are done" {
    target allocating
    for verb in mark start stop; do
        ends_with 0 "$HEAPDELTA" "$verb" "$TARGET"
        lines stdout 0
        lines stderr 0
    done
}

@test "where all threads block the signal the next allocation is waited for" {
    local line

    for habit in blocked sigwaiting no_signal uncaught; do
        target "$habit"
        ask snapshot --timeout 0 "$TARGET"
        read -r -u "$CLIENT_SAYS" line
        [[ "$line" = *"the request is taken at its next allocation" ]]
        allocates
        client_ends_with 0
        [ "$(cat "$(cat stdout)")" = " 0" ]
        end_target
    done
}

@test "a time-out tells the reason, and takes the request back" {
    target blocked
    ends_with 1 "$HEAPDELTA" snapshot --timeout 200ms "$TARGET"
    grep -q 'all its threads block the signal' stderr
    lines stderr 2
    allocates
    # what was taken back is not done
    ask snapshot --timeout 0 "$TARGET"
    read -r -u "$CLIENT_SAYS" line
    allocates
    client_ends_with 0
    [ "$(cat stdout)" = "$DIRECTORY/1.hds" ]
}

@test "a process that was signalled and does not come by" {
    target first_ignored
    says_with_status "did not come by" 1 snapshot --timeout 200ms "$TARGET"
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
}

@test "what has begun goes on after a time-out" {
    target slow
    says_with_status "it goes on" 1 snapshot --timeout 100ms "$TARGET"
    says begun
    says_with_status "still at an earlier request" 1 snapshot --timeout 100ms "$TARGET"
    allocates
    says done
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    [ "$(cat stdout)" = "$DIRECTORY/2.hds" ]
}

@test "a client that is ended takes its request back" {
    target first_ignored
    ask snapshot --timeout 0 "$TARGET"
    says asked
    kill -TERM "$CLIENT"
    client_ends_with 143
    [ "$(od -An -tu1 -j40 -N1 "$DIRECTORY/.control_target.$TARGET.control" | tr -d ' ')" = 0 ]
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    [ "$(cat stdout)" = "$DIRECTORY/1.hds" ]
}

@test "a client that was killed is in nobody's way" {
    target first_ignored
    ask snapshot --label killed --timeout 0 "$TARGET"
    says asked
    kill -KILL "$CLIENT"
    client_ends_with 137
    ends_with 0 "$HEAPDELTA" snapshot --label next "$TARGET"
    [[ "$(cat "$(cat stdout)")" = "next "* ]]
}

@test "20 clients at once are served one after the other" {
    target allocating
    for i in $(seq 20); do
        "$HEAPDELTA" snapshot --label "client$i" "$TARGET" >"stdout.$i" 3>&- &
        clients[i]=$!
    done
    for i in $(seq 20); do
        wait "${clients[i]}"
        [[ "$(cat "$(cat "stdout.$i")")" = "client$i "* ]]
    done
}

@test "a process that refuses" {
    target refusing
    says_with_status "refused: it does not trace at the moment" 1 snapshot "$TARGET"
}

@test "a stopped process is told at once" {
    target idle
    kill -STOP "$TARGET"
    while ! grep -q '^State:.T' "/proc/$TARGET/status"; do :; done
    says_with_status "is stopped; continue it with: kill -CONT $TARGET" 1 snapshot --timeout 0 "$TARGET"
    kill -CONT "$TARGET"
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
}

@test "a process that is stopped while it is asked" {
    target first_ignored
    ask snapshot --timeout 0 "$TARGET"
    says asked
    kill -STOP "$TARGET"
    client_ends_with 1
    grep -q "is stopped" <&"$CLIENT_SAYS"
}

@test "a process that exits while it is asked" {
    target exiting
    says_with_status "ended before it was done" 1 snapshot --timeout 0 "$TARGET"
}

@test "a process that answers and exits at once" {
    target answer_and_exit
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    [ -f "$(cat stdout)" ]
}

@test "a process that executes another program while it is asked" {
    target executing
    says_with_status "executed another program" 1 snapshot --timeout 0 "$TARGET"
}

@test "a process that is about to execute another program gets no signal" {
    target about_to_execute
    says_with_status "did not come by" 1 snapshot --timeout 500ms "$TARGET"
    # its answer to a request is all that it says
    kill -0 "$TARGET"
    eval "exec $SAY>&-"
    ! read -r -u "$LISTEN"
}
