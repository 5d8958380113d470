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

# The second engine: what agrees with the oracle agrees with ours.
by_libunwind() {
    export HEAPDELTA_UNWINDER=libunwind
    agrees "$@"
}

@test "by libunwind: frames compiled with -O2" { by_libunwind 900 "$PROGRAMS/varied_frames_O2" 1000; }
@test "by libunwind: frames with frame pointers" { by_libunwind 900 "$PROGRAMS/varied_frames_fp" 1000; }
@test "by libunwind: exceptions" { ORACLE_KEEP=1 by_libunwind 100 "$PROGRAMS/exceptions" 100; }
@test "by libunwind: coroutines" { ORACLE_KEEP=1 by_libunwind 10 "$PROGRAMS/jumps" migrate; }
@test "by libunwind: perl" {
    ORACLE_KEEP=1 by_libunwind 100 perl -e 'my %h; $h{$_} = "x$_" for 1 .. 500; exit 0'
}

@test "by libunwind: a library at the place of another" {
    local rounds status=0

    export HEAPDELTA_UNWINDER=libunwind
    rounds=$(traced "$PROGRAMS/plugin_host" same-address "$PROGRAMS/plugin_one.so" \
        "$PROGRAMS/plugin_two.so") || status=$?
    [ "$status" -ne 77 ] || skip "the loader does not use an address again"
    [ "$status" -eq 0 ]
    snapshots_add_up
    [ "$(info "$(snapshot exit)" 'it["truncated_stacks"]')" -eq 0 ]
}

@test "an unknown engine is one line, and ours is used" {
    HEAPDELTA_UNWINDER=other traced "$PROGRAMS/leak_ten_sites" 2>said >/dev/null
    [ "$(wc -l <said)" -eq 1 ]
    grep -q 'HEAPDELTA_UNWINDER=other: not known' said
    [ "$(info "$(snapshot exit)" 'it["truncated_stacks"]')" -eq 0 ]
}
