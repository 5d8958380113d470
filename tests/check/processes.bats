#!/usr/bin/env bats
# Several processes: `leaks` judges each for itself, `check` only the one that it started.

load ../cli/run_common.bash

ROUNDS=$BUILD_ROOT/tests/check/rounds

# The value of the Python EXPRESSION over `it`, the JSON in ./stdout.
json() {
    "$PYTHON" -c 'import json, sys
it = json.load(sys.stdin)
for one in it if isinstance(it, list) else [it]:
    one["program"] = one["program"].rpartition("/")[2] # a path
print(eval(sys.argv[1]))' "$1" <stdout
}

@test "of a pipeline each program is judged for itself" {
    seq 4000 >input
    "$HEAPDELTA" run --quiet --follow all -o out -- \
        sh -c '"$0" lines grows <input | "$0" lines lost | "$0" lines steady; :' "$ROUNDS" >answers
    [ "$(wc -l <answers)" -eq 4000 ]
    # The shell, and three of its children, each of which has become another program.
    ends_with 0 "$HEAPDELTA" leaks --format json out
    [ "$(json '[one["program"] for one in it].count("rounds")')" -eq 3 ]
    [ "$(json 'len({one["pid"] for one in it})')" -eq "$(json 'len(it)')" ]
    leaks='sorted((row["verdict"], row["function"], row["count"]) for row in one["rows"] if row["verdict"] in ("lost", "held_growing"))'
    json "sorted($leaks for one in it if one['program'] == 'rounds')" >judged
    echo "[[], [('held_growing', 'make_thing', 4000)], [('lost', 'work', 4000)]]" | diff - judged
    [ "$(json "[$leaks for one in it if one['program'] != 'rounds']")" = "[[]]" ]
    # As text one after the other.
    ends_with 1 "$HEAPDELTA" leaks --error-exitcode out
    [ "$(grep -c '^rounds, process ' stdout)" -eq 3 ]
    [ "$(grep -c '^rounds, process .*: 1 leak of 4000 blocks$' stdout)" -eq 2 ]
    [ "$(grep -c '^rounds, process .*: no leak' stdout)" -eq 1 ]
}

@test "of one process JSON is an object" {
    ends_with 0 "$HEAPDELTA" run --quiet -o out -- "$ROUNDS" mark 3 lost
    ends_with 0 "$HEAPDELTA" leaks --format json out
    [ "$(json 'it["program"], len(it["rows"])')" = "('rounds', 1)" ]
}

@test "check: only the process that it started" {
    # What a child loses is not seen, nor are its marks taken for rounds.
    ends_with 0 "$HEAPDELTA" check -o kept -- sh -c '"$0" mark 12 lost; exit' "$ROUNDS"
    grep -q '^heapdelta check: sh: no leak' stderr
    [ "$(snapshots kept)" -eq 1 ]
    # A program that the process has become is.
    ends_with 1 "$HEAPDELTA" check -- sh -c 'exec "$0" mark 12 lost' "$ROUNDS"
    grep -q '^heapdelta check: .*FAILED: 1 leak of 12 blocks' stderr
    # So is a child with a check of its own, whose status a script may pass on.
    ends_with 1 sh -c '"$0" check -- "$1" mark 12 steady && "$0" check -- "$1" mark 12 lost; exit' \
        "$HEAPDELTA" "$ROUNDS"
}
