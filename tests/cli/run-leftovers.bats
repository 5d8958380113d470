#!/usr/bin/env bats
# What processes leave in the directory when they end, and that run waits for it.

load run_common

# A PID that nobody has.
dead_pid() {
    sh -c 'echo $$'
}

hidden() {
    find out -name '.*' -type f
}

@test "a program that was killed leaves nothing hidden" {
    status=0
    "$HEAPDELTA" run -o out -- sh -c 'kill -9 $$' 2>stderr || status=$?
    [ "$status" -eq 137 ]
    [ -z "$(hidden)" ]
    grep -q 'no snapshot at exit: signal 9' stderr
}

@test "pages and unfinished files of the dead are removed, of the living they stay" {
    pid=$(dead_pid)
    mkdir out
    "$CLI/leave_page" "out/.some.app.$pid.control" idle
    touch "out/.a.12.b.$pid.0001.before.hds.part" "out/.app.$$.0001.hds.part" out/.other
    "$CLI/leave_page" "out/.app.$$.control" busy
    ends_with 0 traced true
    hidden | sort >found
    printf '%s\n' out/.other "out/.app.$$.0001.hds.part" "out/.app.$$.control" | sort | diff - found
    [ "$(snapshots out)" -eq 1 ]
}

@test "run returns when a file that is being written is complete" {
    cat >program <<'PROGRAM'
# Someone else goes on writing when we have ended.
(
    exec 8>"out/.sh.$$.0001.hds.part"
    while kill -0 $$; do :; done
    sleep 0.5
    exec 8>&-
    mv "out/.sh.$$.0001.hds.part" "out/sh.$$.0001.late"
) 2>/dev/null &
until [ -e "out/.sh.$$.0001.hds.part" ]; do :; done
PROGRAM
    ends_with 0 traced sh program
    ls out/*.late
    [ -z "$(hidden)" ]
}

@test "what a process could not say is said" {
    mkdir out
    "$CLI/leave_page" "out/.app.$(dead_pid).control" idle 'heapdelta: no space' "$(printf 'two\033[1m\n')"
    ends_with 0 traced true
    printf 'heapdelta: no space\ntwo [1m\n' | diff - stderr
    ends_with 0 traced true
    lines stderr 0
}

@test "of many messages the last ones" {
    mkdir out
    "$CLI/leave_page" "out/.app.$(dead_pid).control" idle 1 2 3 4 5 6
    ends_with 0 traced true
    printf '%s\n' 'heapdelta: (2 earlier messages are lost)' 3 4 5 6 | diff - stderr
}

# Descriptor 2 is closed and no snapshot can be written.
@test "what a traced program could not say is said" {
    ends_with 5 traced sh -c 'exec 2>&-; ulimit -f 1; exit 5'
    grep -q '^heapdelta: no snapshot at exit in .*/out: the file would exceed the limit' stderr
    lines stderr 1
    [ -z "$(hidden)" ]
    ends_with 5 "$HEAPDELTA" run -o out -- sh -c 'exec 2>&-; ulimit -f 1; exit 5'
    grep -q '^heapdelta: no snapshot at exit in .*/out: the file would exceed the limit' stderr
    ! grep -q 'bare system call' stderr
}

@test "what it said before it became another program is said, too" {
    cat >program <<'PROGRAM'
exec 2>&-
mv out elsewhere
grown=0123456789abcdef
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do grown=$grown$grown; done
mv elsewhere out
exec sh -c :
PROGRAM
    ends_with 0 "$HEAPDELTA" run --quiet --growth 64K -o out -- sh program
    grep -q '^heapdelta: a snapshot by interval, growth or peak failed: no such directory' stderr
    lines stderr 1
    [ -z "$(hidden)" ]
}

@test "a page that is none is removed without a word" {
    mkdir out
    head -c 5000 /dev/urandom >"out/.app.$(dead_pid).control"
    : >"out/.b.$(dead_pid).control"
    ends_with 0 traced true
    lines stderr 0
    [ -z "$(hidden)" ]
}

@test "TERM ends the waiting; the program's status counts" {
    mkdir out
    "$CLI/leave_page" "out/.app.$(dead_pid).control" busy
    mkfifo began
    "$HEAPDELTA" run --quiet -o out -- sh -c 'echo $$ >began; exit 7' 2>stderr &
    run=$!
    read -r program <began
    while kill -0 "$program" 2>kill; do :; done
    # It may still think that the signal is for the program.
    while kill "$run" 2>kill; do :; done
    status=0
    wait "$run" || status=$?
    [ "$status" -eq 7 ]
    grep -q 'a snapshot in out is not complete yet' stderr
}
