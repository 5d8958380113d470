#!/usr/bin/env bats
# Signals pass between the caller and the program as if `run` were not there.

load run_common

listener() {
    timeout 60 "$PYTHON" "$SOURCE_ROOT/tests/cli/run_signals.py" "$1" "$HEAPDELTA" \
        "$CLI/signal_listener" "$BATS_TEST_TMPDIR/out"
}

@test "what is sent to run alone reaches the program" { listener forwarded; }
@test "with the value that was sent along" { listener with_value; }
@test "a program ended by a signal ends run by the same" { listener ends_by_the_same; }
@test "run leaves no core of its own" { listener no_core; }
@test "if the program stops, run stops, and goes on with it" { listener stops_and_goes_on; }
@test "a key of the terminal arrives once" { listener terminal_once; }
@test "mask and ignored signals are the caller's" { listener inherited; }
@test "the status comes also where SIGCHLD is ignored" { listener ignored_child; }
@test "process group and session are the caller's" { listener same_group; }

@test "the summary says which signal left no snapshot" {
    ends_with 137 "$HEAPDELTA" run -o out -- sh -c 'kill -KILL $$'
    grep -q 'no snapshot at exit: signal 9 (Killed)' stderr
}

@test "of a signal that has a snapshot the summary doesn't say that it left none" {
    ends_with 143 "$HEAPDELTA" run -o out -- sh -c 'kill -TERM $$'
    grep -q ' left [0-9]* blocks, ' stderr
    ends_with 143 "$HEAPDELTA" run -o off --off -- sh -c 'kill -TERM $$'
    grep -q 'no snapshot at exit. Unless a line above says why, ' stderr
}
