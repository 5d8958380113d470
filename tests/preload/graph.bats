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

@test "where another one traces the program, nothing is stopped, and none is lost for that" {
    command -v strace >/dev/null || skip "no strace"
    strace -f -o /dev/null "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/holders" >truth
    "$HEAPDELTA" info "$(snapshot .exit)" | grep -E 'threads stopped +1 +of 4, registers not seen'
    # Whose stack pointer is not known has its whole stack looked at, where the registers' blocks
    # have left a trace.
    leaks "$(snapshot .exit)" | "$PYTHON" "$TOOLS/holders.py" truth truth
}

@test "without the graph there is none" {
    run_traced --no-graph -- "$PROGRAMS/holders" >truth
    run "$HEAPDELTA" leaks "$(snapshot .exit)"
    [ "$status" -ne 0 ]
}

@test "sizes in the heap that the program has written over lead nowhere" {
    for target in 4096 0 0x7ffffffff000 0xfffffffffffff000; do
        rm -f "$OUT"/*
        run_traced -- "$PROGRAMS/broken_heap" "$target" >truth
        leaks "$(snapshot .exit)" | "$PYTHON" -c 'import json, sys
total = json.load(sys.stdin)["total"]
assert total["still_reachable"]["size"] >= 80 and total["definitely_lost"]["size"] == 0, total'
    done
}

# Classes of the blocks of SIZES… in the snapshot at exit.
classes() {
    leaks "$(snapshot .exit)" | "$PYTHON" "$TOOLS/holders.py" classes >classes
    for size; do
        sed -n "s/^$size //p" classes
    done
}

# As people read it: more than 10 KiB, less than 10 MiB, in whole KiB.
withheld() {
    echo "$(($(cat withheld) / 1024)) KiB"
}

@test "memory that is not in the image is passed over, and how much is said" {
    run_traced -- "$PROGRAMS/withheld" >withheld
    classes 100 200 300 | sort | uniq -c | grep -E '^ *3 definitely_lost$'
    [ "$(classes 4194304)" = still_reachable ]
    "$HEAPDELTA" leaks "$(snapshot .exit)" | grep "$(withheld) that may hold pointers could not be read"
    "$HEAPDELTA" run -o said -- "$PROGRAMS/withheld" >withheld 2>summary
    grep "$(withheld) that may hold pointers could not be read" summary
    rm "$OUT"/*
    run_traced -- "$PROGRAMS/holders" >truth
    "$HEAPDELTA" leaks "$(snapshot .exit)" | (! grep 'could not be read')
}

@test "the block that is being allocated while a snapshot is taken is held" {
    run_traced --graph --growth 4K -- "$BUILD_ROOT/samples/event_handler_leak" 1000
    [ "$(find "$OUT" -name '*.hds' | wc -l)" -gt 10 ]
    for file in "$OUT"/*.hds; do
        leaks "$file" | json 'it["total"]["definitely_lost"]["count"]'
    done >lost
    [ "$(sort -u lost)" = 0 ]
}
