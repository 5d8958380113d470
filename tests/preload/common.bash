# common.bash - what the tests of traced programs share.
#
# Meson sets BUILD_ROOT, SOURCE_ROOT and HEAPDELTA; by hand, the defaults find
# them from here.

SOURCE_ROOT=${SOURCE_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD_ROOT=${BUILD_ROOT:-$SOURCE_ROOT/build}
HEAPDELTA=${HEAPDELTA:-$BUILD_ROOT/analyzer/heapdelta}
PROGRAMS=$BUILD_ROOT/tests/preload
SHIM=$BUILD_ROOT/preload/libheapdelta.so
TOOLS=$SOURCE_ROOT/tests/preload
PYTHON=/usr/bin/python3

setup() {
    OUT=$BATS_TEST_TMPDIR/out
    mkdir "$OUT"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Run CMD… with the shim; its snapshots go to $OUT.
traced() {
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$@"
}

# Run CMD… with and without the shim. Output, messages and status must be alike;
# they are then in native.out, native.err and $status.
same_as_native() {
    local native=0 ours=0

    "$@" >native.out 2>native.err </dev/null || native=$?
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$@" >traced.out 2>traced.err </dev/null || ours=$?
    diff -u native.out traced.out
    diff -u native.err traced.err
    if [ "$native" -ne "$ours" ]; then
        echo "status: native $native, traced $ours"
        return 1
    fi
    status=$native
}

# The path of the one snapshot whose name matches *PATTERN.hds.
snapshot() {
    local files=("$OUT"/*"$1".hds)

    if [ ${#files[@]} -ne 1 ] || [ ! -f "${files[0]}" ]; then
        echo "expected one *$1.hds, have:" >&2
        ls -A "$OUT" >&2
        return 1
    fi
    echo "${files[0]}"
}

# No snapshot and no part of one was left in $OUT.
no_snapshot() {
    local left

    left=$(ls -A "$OUT" | grep -v '\.control$' || true)
    if [ -n "$left" ]; then
        echo "left behind: $left"
        return 1
    fi
}

# Each snapshot in $OUT is whole and its numbers agree with each other.
snapshots_add_up() {
    "$PYTHON" "$TOOLS/snapshot.py" "$OUT"/*.hds
}

# The value of the Python EXPRESSION over `it`, the JSON on stdin.
json() {
    "$PYTHON" -c 'import json, sys
it = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# The value of EXPRESSION over `it`, what `info` says of SNAPSHOT.
info() {
    "$HEAPDELTA" info --format json "$1" | json "$2"
}

# Lines "PLACE COUNT SIZE" of the blocks in SNAPSHOT that were allocated in file
# SOURCE, by KEY line or function, in the order of PLACE.
allocated_in() {
    local by=lineno

    [ "$3" = function ] && by=traceback
    "$HEAPDELTA" stats --group-by "$by" --limit 0 --format json "$1" |
        "$PYTHON" -c 'import collections, json, sys
source, key = sys.argv[1:]
places = collections.defaultdict(lambda: [0, 0])
for row in json.load(sys.stdin)["rows"]:
    newest = row["traceback"][0] if "traceback" in row else row
    if (newest["file"] or "").endswith("/" + source):
        places[newest[key]][0] += row["count"]
        places[newest[key]][1] += row["size"]
for place, (count, size) in sorted(places.items()):
    print(place, count, size)' "$2" "$3"
}
