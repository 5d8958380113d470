#!/usr/bin/env bats
# How big an object is: deep sizes are what heapdelta measured while it was made.

load common

@test "deep sizes are what was measured, to the byte" {
    traced "$SAMPLES/object_size" 10 >said
    # name … deep blocks reached measured; each item reaches all that it shares
    awk '$NF ~ /^[0-9]+$/ && NF >= 8 { print $(NF - 3), $(NF - 1), $NF }' said >sizes
    printf '%s\n' "50 50 50" "376 376 376" "922 922 922" "1468 922 1468" | diff - sizes
    grep -q '^two members  *40  *40  *50  *3 ' said
    grep -q '^a dictionary of two  *24  *24  *376  *5 ' said
    grep -q '^  two times one item would be 1844' said
}

@test "current and peak of many items" {
    for count in 1000 1 37; do
        rm -rf out
        traced "$SAMPLES/object_size" $count >said
        grep -qx "$count items: the program counts $((922 * count)) bytes in $((14 * count)) blocks" said
        grep -qx "heapdelta measures $((922 * count)) bytes now, $((2 * 922 * count)) at the peak" said
        # what the snapshot holds of the items, by who allocated it
        "$HEAPDELTA" stats --format json --limit 0 --filter 'samples/lib/*' "$(snapshot items)" >items
        grep -q "\"total\": {\"size\": $((922 * count)), \"count\": $((14 * count))}" items
        # as many dictionaries as the program says
        "$HEAPDELTA" stats --format csv --group-by function "$(snapshot items)" >functions
        grep -qx "objects by type: dict $((2 * count))" said
        grep -q "^$((24 * 2 * count)),$((2 * count)),dict_new," functions
        # the census
        "$HEAPDELTA" stats --group-by type --limit 0 "$(snapshot items)" | tee census
        grep -Eq "^struct dict( \([^)]*\))? .*count=$((2 * count))," census
    done
}

@test "not traced it says so and has the same sizes" {
    traced "$SAMPLES/object_size" 5 | sed '/^heapdelta measures/d' | awk '{ print $1, $2, $3, $4, $5, $6 }' >expected
    "$SAMPLES/object_size" 5 >said
    grep -q 'not traced$' said
    awk '{ print $1, $2, $3, $4, $5, $6 }' said | diff expected -
}

@test "nothing is left behind" {
    valgrind_clean "$SAMPLES/object_size" 5
    "$SANITIZED/object_size_asan" 5 >/dev/null
}
