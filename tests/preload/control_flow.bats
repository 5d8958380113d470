#!/usr/bin/env bats
# Exceptions, jumps and stacks of the program's own making work as before, and the
# stacks of what they keep are complete.

load common

# COUNT blocks of SIZE bytes are kept; each has FUNCTIONS (separated by blanks) in
# its stack, in this order, and no stack is cut.
kept_by() {
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        "$PYTHON" -c 'import json, sys
count, size, functions = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split()
found = 0
for row in json.load(sys.stdin)["rows"]:
    if row["size"] != size * row["count"]:
        continue
    names = iter(frame["function"] for frame in row["traceback"])
    assert all(any(name == function for name in names) for function in functions), row
    assert not row["truncated"], row
    found += row["count"]
assert found == count, found' "$@"
    [ "$(info "$(snapshot exit)" 'it["truncated_stacks"]')" -eq 0 ]
    snapshots_add_up
}

@test "exceptions" {
    same_as_native "$PROGRAMS/exceptions"
    kept_by 100 141 ""
    [ -z "$(allocated_in "$(snapshot exit)" exceptions.cpp function | grep -v throw_many)" ]
}

@test "longjmp" {
    same_as_native "$PROGRAMS/jumps" longjmp
    kept_by 200 142 main
}

@test "coroutines" {
    same_as_native "$PROGRAMS/jumps" coroutines
    kept_by 128 143 "allocate_deep allocate_deep allocate_deep allocate_deep allocate_deep allocate_deep
        allocate_deep allocate_deep allocate_deep allocate_deep allocate_deep coroutine_main"
}

@test "coroutines that change threads" {
    same_as_native "$PROGRAMS/jumps" migrate
    kept_by 128 143 "allocate_deep coroutine_main"
}
