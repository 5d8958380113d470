# real.bash - what the tests with real programs share.

load ../preload/common

# Run CMD… natively and under `heapdelta run`, with the file INPUT (default none) as
# its input: stdout, stderr and status must be alike. The status is in $status. A
# function `between`, if the test has one, runs between the two.
alike() {
    local native=0 ours=0

    "$@" <"${INPUT:-/dev/null}" >native.out 2>native.err || native=$?
    if declare -F between >/dev/null; then between; fi
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$@" <"${INPUT:-/dev/null}" >traced.out 2>traced.err || ours=$?
    cmp native.out traced.out
    diff native.err traced.err
    if [ "$native" -ne "$ours" ]; then
        echo "status: native $native, under heapdelta $ours"
        return 1
    fi
    status=$native
}

# The snapshot at exit adds up in every grouping, and its functions have names; a
# stack cut short is an error unless it goes through code without unwind tables,
# which "$1" = --generated-code says there is.
accounted() {
    snapshots_add_up
    "$PYTHON" "$SOURCE_ROOT/tests/real/accounted.py" "$HEAPDELTA" "$(snapshot exit)" "$@"
    "$PYTHON" "$SOURCE_ROOT/tests/real/call_tree.py" "$HEAPDELTA" "$(snapshot exit)"
}
