#!/usr/bin/env bats
# What a layout costs: heapdelta's figures are the program's own, to the byte.

load common

# What the allocator makes of a request: what is left of a free piece, if too little for a
# block of its own, goes with the one before. So it depends on all that was allocated since
# the start, also by the loader, which has a library less to load when nothing is traced.
without_usable() {
    sed -E -e '/\|/s/( *\|[^|]*){2}$//' -e 's/, [0-9]+ usable$//'
}

# Check the table of SAMPLE with COUNT objects against the snapshots; the names of its
# classes are the other arguments.
check_table() {
    local sample=$1 count=$2 class blocks bytes usable kilobytes each

    shift 2
    traced "$SAMPLES/$sample" "$count" >table
    for class; do
        read -r blocks bytes usable < <(growth "$(snapshot "$class.before")" "$(snapshot "$class.after")")
        grep -qx "$class *$blocks blocks, $bytes bytes requested, $usable usable" table
        kilobytes=$(echo "$bytes 1024" | awk '{ printf "%.1f", $1 / $2 }')
        each=$(echo "$bytes $count" | awk '{ printf "%.1f", $1 / $2 }')
        grep -q "^$class *| *$kilobytes KB | *$each B/obj | " table
    done
    # all is given back before the next class
    read -r blocks bytes usable < <(growth "$(snapshot "$1.before")" "$(snapshot exit)")
    [ "$blocks $bytes" = "0 0" ]
}

# Column NUMBER (bytes per object) of CLASS in ./table.
per_object() {
    awk -F'|' -v class="$1" 'NF > 1 && $1 ~ "^" class " " { print $3 + 0 }' table
}

CONFIGS="StandardConfig SlottedConfig DataclassConfig SlottedDataclass PackedConfig"
POINTS="PointStandard PointSlots PointNamed PointPacked"

@test "items of a configuration, 10000 of each class" {
    check_table config_item_layout 10000 $CONFIGS
    [ "$(per_object StandardConfig)" = "$(per_object DataclassConfig)" ]
    [ "$(per_object SlottedConfig)" = "$(per_object SlottedDataclass)" ]
    # 32 + 24 + 320 + 64 + 128 for a dictionary of four, 48 for four members
    [ "$(awk "BEGIN { print $(per_object StandardConfig) - $(per_object SlottedConfig) }")" = 520 ]
}

@test "items of a configuration, 100000 of each class" {
    check_table config_item_layout 100000 $CONFIGS
}

@test "points, 10000 of each class" {
    check_table point_layout 10000 $POINTS
}

@test "points, 100000 of each class" {
    check_table point_layout 100000 $POINTS
    [ "$(per_object PointStandard)" = 496 ]
    [ "$(per_object PointSlots)" = 48 ]
    [ "$(per_object PointNamed)" = 56 ]
    [ "$(per_object PointPacked)" = 24 ]
}

@test "one object" {
    check_table config_item_layout 1 $CONFIGS
    rm -rf out
    check_table point_layout 1 $POINTS
}

@test "not traced they say so and show their own count" {
    for sample in config_item_layout point_layout; do
        rm -rf out
        traced "$SAMPLES/$sample" 50 | sed 1d >traced
        "$SAMPLES/$sample" 50 >untraced
        head -n 1 untraced | grep -q '^50 objects of each class; not traced by heapdelta'
        sed 1d untraced | without_usable >expected
        without_usable <traced | diff - expected
    done
}

@test "nothing is left behind" {
    for sample in config_item_layout point_layout; do
        valgrind_clean "$SAMPLES/$sample" 20
        "$SANITIZED/${sample}_asan" 20 >/dev/null
    done
}

@test "a wrong argument is said" {
    for arguments in many "1 2" 0; do
        # shellcheck disable=SC2086 # a list
        ends_with 1 "$SAMPLES/point_layout" $arguments
        grep -q '^usage: ' stderr
    done
}
