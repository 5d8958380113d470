#!/usr/bin/env bats
# The samples tell the truth about themselves, and heapdelta tells the same.

load run_common

SAMPLES=$BUILD_ROOT/samples

# The number of the line of SOURCE that contains TEXT.
line_of() {
    grep -nF "$2" "$SOURCE_ROOT/samples/$1" | cut -d: -f1
}

# What grew in sample NAME between its two snapshots, as lines "LINE COUNT SIZE".
growth() {
    traced "$SAMPLES/$1" "$2" >truth
    "$HEAPDELTA" diff --format json --group-by lineno --limit 0 out/*.before.hds out/*.after.hds |
        "$PYTHON" -c 'import json, sys
for row in json.load(sys.stdin)["rows"]:
    if row["file"].endswith("/" + sys.argv[1]) and (row["count_diff"] or row["size_diff"]):
        print(row["line"], row["count_diff"], row["size_diff"])' "$1.c"
}

@test "the leak grows by the handlers it created, to the byte" {
    for count in 1000 1 4321; do
        rm -rf out
        growth event_handler_leak $count >grew
        grep -q "^handlers alive    $count, " truth
        size=$(sed -n 's/^handlers alive .* bytes each, \([0-9]*\) bytes together$/\1/p' truth)
        line=$(line_of event_handler_leak.c 'malloc(sizeof *handler)')
        grep -qx "$line $count $size" grew
    done
}

@test "the mended one does not grow at all" {
    for count in 1000 1 4321; do
        rm -rf out
        growth event_handler_weakref $count >grew
        lines grew 0
        grep -q '^handlers alive    0, ' truth
        grep -q "^handlers created  $count\$" truth
    done
}

@test "they take their snapshots in the order before, after, exit" {
    traced "$SAMPLES/event_handler_leak" 10
    ls out | grep '\.hds$' | sed 's/.*\.\(0[0-9]*\..*\)\.hds/\1/' >names
    printf '%s\n' 0001.before 0002.after 0003.exit | diff - names
}

@test "without heapdelta they run and leave nothing" {
    mkdir empty && cd empty
    "$SAMPLES/event_handler_leak" 5 >../truth
    grep -q '^shutdown seen by  5$' ../truth
    "$SAMPLES/event_handler_weakref" 5 >../truth
    grep -q '^shutdown seen by  0$' ../truth
    [ -z "$(ls -A)" ]
}

@test "a wrong argument is said" {
    for sample in event_handler_leak event_handler_weakref; do
        ends_with 1 "$SAMPLES/$sample" many
        grep -q usage stderr
        ends_with 1 "$SAMPLES/$sample" 1 2
    done
}

@test "./dev VERB --help says what the verb does, and does nothing" {
    cp "$SOURCE_ROOT/dev" dev
    ./dev --help >help
    grep -q '^Usage: ./dev VERB$' help
    for verb in demo test build fuzz 'fuzz elf' soak verdicts suites bench 'bench full' picture; do
        for option in -h --help; do
            # shellcheck disable=SC2086 # two words
            ./dev $verb $option >said
            cmp help said
        done
    done
    mkdir -p samples/exercise
    cp "$SOURCE_ROOT/samples/exercise/play" samples/exercise/
    ./dev exercise --help >said
    grep -q '^Usage: ./dev exercise' said
    [ ! -e build ]
}
