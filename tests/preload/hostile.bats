#!/usr/bin/env bats
# Nobody who may write to our files, or sets our variables, makes the program die, or us write
# where we should not.

load common

# 100 blocks of 93 bytes are in the snapshot at exit, which is whole.
kept_all() {
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
assert sum(block.size == 93 for block in heap.blocks) == 100
END
    "$PYTHON" "$TOOLS/snapshot.py" "$(snapshot exit)"
}

@test "somebody writes all over the control page" {
    same_as_native "$PROGRAMS/scribbled" scribble
    [ "$status" -eq 5 ]
    [ -f "$(snapshot exit)" ]
}

@test "somebody cuts the control page off" {
    same_as_native "$PROGRAMS/scribbled" cut
    [ "$status" -eq 5 ]
    kept_all
}

@test "a file of the program's own is cut short" {
    same_as_native "$PROGRAMS/scribbled" default
    [ "$status" -eq 135 ]
    same_as_native "$PROGRAMS/scribbled" handler
    [ "$status" -eq 135 ]
    grep -x "was default: 1" native.out
}

@test "SIGBUS is sent, asked for and set" {
    same_as_native "$PROGRAMS/scribbled" sent
    [ "$status" -eq 135 ]
    same_as_native "$PROGRAMS/scribbled" query
    [ "$status" -eq 5 ]
}

# The snapshots at exit are whole, files, and their owner's alone.
snapshots_are_files() {
    for file in "$OUT"/*.exit.hds; do
        [ ! -L "$file" ]
        [ "$(stat -c %a "$file")" = 600 ]
        "$PYTHON" "$TOOLS/snapshot.py" "$file"
    done
}

# Run hello as a process in whose places for the files NAME… (%d: its number) COMMAND has put
# something.
in_places() {
    local names=$1

    shift
    sh -c 'out=$1 shim=$2 hello=$3 names=$4
           shift 4
           for name in $names; do
               "$@" "$out/$(printf "$name" $$)"
           done
           HEAPDELTA_OUT=$out LD_PRELOAD=$shim exec "$hello"' \
        sh "$OUT" "$SHIM" "$PROGRAMS/hello" "$names" "$@" >traced.out 2>traced.err || [ $? -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(wc -l <traced.err)" -le 1 ]
}

@test "links in the places of our files" {
    echo precious >victim
    for name in .hello.%d.control .hello.%d.0001.exit.hds.part hello.%d.0001.exit.hds; do
        in_places "$name" ln -s "$PWD/victim"
        [ "$(cat victim)" = precious ]
        find "$OUT" -type l -delete
        snapshots_are_files
        find "$OUT" -type f -delete
    done
}

@test "pipes and directories in the places of our files" {
    in_places '.hello.%d.control .hello.%d.0001.exit.hds.part' mkfifo
    in_places '.hello.%d.control .hello.%d.0001.exit.hds.part' mkdir
}

@test "a directory by way of .. and of a link is where it leads" {
    mkdir -p a/b real
    ln -s "$PWD/real" link
    HEAPDELTA_OUT="$PWD/a/b/../../link" LD_PRELOAD="$SHIM" "$PROGRAMS/hello" || [ $? -eq 3 ]
    "$PYTHON" "$TOOLS/snapshot.py" real/hello.*.exit.hds
}

@test "variables of any length and content" {
    local long odd

    long=$(head -c 100000 /dev/zero | tr '\0' x)
    odd=$(printf 'a/b\001\n\033[2J')
    for value in "$long" "/$long" "$odd" '' /dev/null /proc/self/mem; do
        HEAPDELTA_OUT="$value" LD_PRELOAD="$SHIM" "$PROGRAMS/hello" >traced.out 2>traced.err ||
            [ $? -eq 3 ]
        [ "$(cat traced.out)" = hello ]
        [ "$(grep -c heapdelta traced.err)" -le 1 ]
        ! grep -a "$(printf '\033')" traced.err
    done
    for name in NFRAME OFF INTERVAL GROWTH PEAK KEEP COUNTERS GRAPH SIGNALS FOLLOW EXEC_COUNT; do
        for value in -1 99999999999999999999999 0x10 ' 1' "$long"; do
            env "HEAPDELTA_$name=$value" HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" \
                "$PROGRAMS/hello" >traced.out 2>traced.err || [ $? -eq 3 ]
            [ "$(cat traced.out)" = hello ]
            [ "$(grep -c "HEAPDELTA_$name" traced.err)" -eq 1 ]
        done
    done
    snapshots_are_files
}
