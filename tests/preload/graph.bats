# Who holds what: each kind of memory that can hold a block, and some that can't.

load common.bash

run_traced() {
    "$HEAPDELTA" run --quiet -o "$OUT" "$@"
}

leaks() {
    "$HEAPDELTA" leaks --all --limit 0 --format json "$1"
}

@test "each kind of memory holds its block, and none else does" {
    run_traced -- "$PROGRAMS/holders" >truth
    leaks "$(snapshot .exit)" | "$PYTHON" "$TOOLS/holders.py" truth truth
    snapshots_add_up
}

@test "memcheck sees the same" {
    command -v valgrind >/dev/null || skip "no valgrind"
    valgrind --leak-check=full --show-leak-kinds=all --fair-sched=yes \
        "$PROGRAMS/holders" >truth 2>log
    "$PYTHON" "$TOOLS/holders.py" valgrind truth <log
}

@test "all threads were stopped, and their registers seen" {
    run_traced -- "$PROGRAMS/holders" >truth
    "$HEAPDELTA" info "$(snapshot .exit)" | grep -E 'threads stopped +4 +of 4, registers seen'
}

@test "without the graph there is none" {
    run_traced --no-graph -- "$PROGRAMS/holders" >truth
    run "$HEAPDELTA" leaks "$(snapshot .exit)"
    [ "$status" -ne 0 ]
}
