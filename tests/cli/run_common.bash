# run_common.bash - what the tests of `heapdelta run` share.

SOURCE_ROOT=${SOURCE_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD_ROOT=${BUILD_ROOT:-$SOURCE_ROOT/build}
HEAPDELTA=${HEAPDELTA:-$BUILD_ROOT/analyzer/heapdelta}
CLI=$BUILD_ROOT/tests/cli
PYTHON=/usr/bin/python3

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Run COMMAND… traced, without a summary; the snapshots go to ./out.
traced() {
    "$HEAPDELTA" run --quiet -o out -- "$@"
}

# The number of snapshots in DIRECTORY.
snapshots() {
    find "$1" -name '*.hds' | wc -l
}

# Fail unless the file NAME has exactly COUNT lines.
lines() {
    [ "$(wc -l <"$1")" -eq "$2" ] || {
        echo "expected $2 lines:"
        cat "$1"
        return 1
    }
}

# Run COMMAND…, put what it prints into ./stdout and ./stderr, and check its STATUS.
ends_with() {
    local expected=$1 status=0

    shift
    "$@" >stdout 2>stderr </dev/null || status=$?
    [ "$status" -eq "$expected" ] || {
        echo "status $status instead of $expected:"
        cat stdout stderr
        return 1
    }
}
