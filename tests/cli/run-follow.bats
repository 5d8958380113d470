#!/usr/bin/env bats
# Children: their snapshots, and what the summary says of them.

load run_common

PROGRAM='cat /dev/null; (:) ; ls / >/dev/null'

@test "without --follow only the program itself" {
    ends_with 0 "$HEAPDELTA" run -o out -- sh -c "$PROGRAM"
    [ "$(snapshots out)" -eq 1 ]
    ! grep -q together stderr
    ends_with 0 "$HEAPDELTA" run --follow none -o out -- sh -c "$PROGRAM"
    [ "$(snapshots out)" -eq 2 ]
    grep -q '1 snapshot in out' stderr
}

@test "a snapshot of each child, by what is followed" {
    for follow in fork exec all; do
        ends_with 0 "$HEAPDELTA" run --quiet --follow $follow -o $follow -- sh -c "$PROGRAM"
    done
    count() {
        find "$1" -name "$2.*.exit.hds" | wc -l
    }
    [ "$(count fork sh)" -eq 2 ]
    [ "$(count fork cat)" -eq 0 ]
    [ "$(count exec sh)" -eq 1 ]
    [ "$(count exec cat)$(count exec ls)" -eq 11 ]
    [ "$(count all sh)" -eq 2 ]
    [ "$(count all cat)$(count all ls)" -eq 11 ]
}

@test "the summary tells of all, and what to type next" {
    ends_with 0 "$HEAPDELTA" run --follow all -o out -- sh -c "$PROGRAM"
    grep -q 'heapdelta: sh (process [0-9]*, the first of 4) left ' stderr
    grep -qx ' *0 of the 3 other processes leak' stderr
    "$HEAPDELTA" info --format json out |
        "$PYTHON" -c 'import json, sys
info = json.load(sys.stdin)
print("all %d processes together: %d blocks," % (info["process_count"], info["blocks"]))' >expected
    grep -qf expected stderr
    grep -q '4 snapshots in out' stderr
    eval "$(sed -n 's/^ *next: //p' stderr)" >typed
    [ "$(grep -c '^[a-z]*, process [0-9]*, exit: ' typed)" -eq 4 ]
}

@test "the summary counts which of the children leak" {
    ends_with 0 "$HEAPDELTA" run --follow all -o out -- \
        sh -c "'$BUILD_ROOT/samples/event_handler_leak' 1000 >/dev/null; (:)"
    grep -qx ' *1 of the 2 other processes leaks' stderr
    grep -qx ' *next: .* leaks out' stderr
    "$HEAPDELTA" leaks --format json out | "$PYTHON" -c 'import json, sys
for one in json.load(sys.stdin):
    print(one["program"].endswith("/event_handler_leak"), any(
        row["pid"] == one["pid"] and row["program"] == one["program"] and row["grows"]
        for row in one["rows"]))' | sort >found
    printf "False False\nFalse False\nTrue True\n" | diff - found
    ends_with 3 "$HEAPDELTA" leaks out/*.exit.hds
    grep -q 'are not of the same process; name their directory' stderr
    "$HEAPDELTA" leaks --format csv out | head -n 1 | grep -q ',pid,program'
}

@test "without the graph nobody says that nothing is lost" {
    for option in --no-graph --counters; do
        ends_with 0 "$HEAPDELTA" run $option -o out -- "$BUILD_ROOT/samples/event_handler_leak" 1000
        grep -q 'What is lost is not known without the heap graph' stderr
        ! grep -q 'no leak\|Nothing is lost' stderr
        ends_with 0 "$HEAPDELTA" run $option --summary json -o out -- true
        "$PYTHON" -c 'import json, sys
it = json.load(sys.stdin)
assert all(one == {"size": None, "count": None} for one in it["total"].values()), it["total"]
assert all(row["class"] is None for row in it["rows"])' <stderr
    done
}

@test "the summary speaks only of this run, also of many processes" {
    ends_with 0 "$HEAPDELTA" run --quiet --follow all -o out -- sh -c "$PROGRAM"
    ends_with 0 "$HEAPDELTA" run --follow all -o out -- sh -c "cat /dev/null; exit"
    grep -q 'all 2 processes together' stderr
    grep -q '2 snapshots in out' stderr
}

@test "children stand below their parents" {
    ends_with 0 "$HEAPDELTA" run --quiet --follow all -o out -- sh -c '(cat /dev/null; :); :'
    "$HEAPDELTA" info out | sed -n 's/^\( *[a-z]*\)  .*/\1/p' | tail -n 3 >tree
    printf '  sh\n    sh\n      cat\n' | diff - tree # as it was called, not dash
}
