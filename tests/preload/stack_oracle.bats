#!/usr/bin/env bats
# Every stack is the one that libunwind finds, step by step.

load common

# Run CMD… under both, and compare at least COUNT stacks.
agrees() {
    local count=$1

    shift
    mkdir -p oracle
    ORACLE_OUT="$BATS_TEST_TMPDIR/oracle" HEAPDELTA_OUT="$OUT" \
        LD_PRELOAD="$PROGRAMS/stack_oracle.so $SHIM" "$@" >/dev/null
    "$PYTHON" "$TOOLS/stack_oracle.py" "$(snapshot exit)" oracle "$count"
}

STACKS=${ORACLE_STACKS:-10000}

@test "frames compiled with -O0" { agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_O0" "$STACKS"; }
@test "frames compiled with -O1" { agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_O1" "$STACKS"; }
@test "frames compiled with -O2" { agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_O2" "$STACKS"; }
@test "frames compiled with -O3" { agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_O3" "$STACKS"; }
@test "frames compiled with -Os" { agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_Os" "$STACKS"; }
@test "frames with frame pointers" {
    agrees $((STACKS * 9 / 10)) "$PROGRAMS/varied_frames_fp" "$STACKS"
}

@test "exceptions" { ORACLE_KEEP=1 agrees 500 "$PROGRAMS/exceptions" 500; }
@test "coroutines" { ORACLE_KEEP=1 agrees 10 "$PROGRAMS/jumps" migrate; }
@test "recursion" { agrees 1 "$PROGRAMS/deep_recursion" 20000; }
@test "python" {
    export ORACLE_KEEP=1 PYTHONMALLOC=malloc
    agrees 5000 "$PYTHON" -c 'import json; json.dumps([1, 2])'
}
@test "perl" { ORACLE_KEEP=1 agrees 200 perl -e 'my %h; $h{$_} = "x$_" for 1 .. 5000; exit 0'; }
@test "node" { ORACLE_KEEP=1 agrees 50 node --version; }
