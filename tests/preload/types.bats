# Of which types blocks are, as the program itself knows.

load common.bash

types() {
    "$HEAPDELTA" stats --group-by type --limit 0 --format json "$@" "$(snapshot .exit)"
}

check() {
    [ -x "$PROGRAMS/$1" ] || skip "no C++ compiler"
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/$1" >truth
    types | "$PYTHON" "$TOOLS/counted_types.py" truth
}

@test "types of blocks in C" {
    check typed_c
}

@test "types of blocks in C++" {
    check typed_cplusplus
}

@test "types of blocks in C++ that was optimised" {
    check typed_cplusplus_optimised
}

@test "types change between two snapshots, and are filtered" {
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/typed_c" >truth
    [ "$(types --filter 'type=struct leaf' | grep -c '"type": "struct leaf"')" -eq 1 ]
    "$HEAPDELTA" why --format json "$(snapshot .exit)" 'type=struct leaf' | json 'it["count"], it["size"]' >held
    types --filter 'type=struct leaf' | json 'it["total"]["count"], it["total"]["size"]' | diff held -
    types --exclude 'type=struct*' | (! grep '"type": "struct')
    types --filter 'type=struct leaf' --group-by function | grep '"function": "leaf_new", .*"count": 13\|"count": 13, .*"function": "leaf_new"'
    "$HEAPDELTA" diff --group-by type "$(snapshot .exit)" "$(snapshot .exit)" | grep 'Nothing changed'
}
