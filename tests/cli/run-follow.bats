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
    grep -q 'heapdelta: sh left ' stderr
    "$HEAPDELTA" info --format json out |
        "$PYTHON" -c 'import json, sys
info = json.load(sys.stdin)
print("all %d processes together: %d blocks," % (info["process_count"], info["blocks"]))' >expected
    grep -qf expected stderr
    grep -q '4 snapshots in out' stderr
    eval "$(sed -n 's/^ *next: //p' stderr)" >typed
    grep -q '^out, 4 processes: alive by lineno' typed
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
