#!/usr/bin/env bats
# Where there is no room, no right, no descriptor, the program lives as it would
# without us, and no half file is left.

load common

# With the environment VARIABLE… the program's output and status are its own; what
# we have to say is one line.
unharmed() {
    local ours=0

    env LD_PRELOAD="$SHIM" "$@" "$PROGRAMS/hello" >traced.out 2>traced.err </dev/null || ours=$?
    cat traced.err
    [ "$ours" -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(wc -l <traced.err)" -le 1 ]
}

unharmed_in() {
    unharmed HEAPDELTA_OUT="$1"
    grep -i heapdelta traced.err
}

@test "nothing is said and nothing changes" {
    same_as_native "$PROGRAMS/hello"
    [ ! -s native.err ]
    snapshots_add_up
}

@test "without a directory there is no snapshot at exit" {
    unharmed
    [ ! -s traced.err ]
    [ -z "$(ls ./*.hds 2>/dev/null)" ]
}

@test "a directory that does not exist" {
    unharmed_in "$BATS_TEST_TMPDIR/nowhere"
    [ ! -e "$BATS_TEST_TMPDIR/nowhere" ]
}

@test "a directory that cannot be written" {
    unharmed_in /proc/self
}

@test "a file in the place of the directory" {
    touch file
    unharmed_in "$BATS_TEST_TMPDIR/file"
    [ ! -s file ]
}

@test "a full file system" {
    unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
    unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs -o size=16k none "$1" || exit 99
        head -c 12288 /dev/zero >"$1/fill" || exit 99
        HEAPDELTA_OUT="$1" LD_PRELOAD="$2" "$3"
        status=$?
        ls -A "$1" | grep -v -e "\.control$" -e fill >&2
        exit $status' - "$OUT" "$SHIM" "$PROGRAMS/hello" >traced.out 2>traced.err || status=$?
    [ "$status" -ne 99 ] || skip "no mounts here"
    [ "$status" -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(wc -l <traced.err)" -eq 1 ]
    grep -i heapdelta traced.err
}

@test "a limit on the size of files" {
    (ulimit -f 1; unharmed_in "$OUT")
    no_snapshot
}

@test "no descriptors left" {
    (ulimit -n 40; "$PROGRAMS/descriptors" native exhaust)
    (ulimit -n 40; HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$PROGRAMS/descriptors" ours exhaust) 2>traced.err
    diff native ours
    [ "$(wc -l <traced.err)" -le 2 ]
    snapshots_add_up
}

@test "little address space" {
    (ulimit -v 60000; unharmed HEAPDELTA_OUT="$OUT")
}

# leak_ten_sites, whose N-th of our mappings fails, is as natively, and we say a line at most.
with_failing() {
    rm -rf "$OUT"
    mkdir "$OUT"
    env HEAPDELTA_FAIL_MAP="$1" HEAPDELTA_FAIL_MAP_ONCE="$2" HEAPDELTA_OUT="$OUT" \
        LD_PRELOAD="$SHIM" "$PROGRAMS/leak_ten_sites" >traced.out 2>traced.err
    cmp native.out traced.out
    [ "$(wc -l <traced.err)" -le 1 ]
}

@test "whichever of our mappings fails, and all later ones" {
    local whole=0 n=0

    "$PROGRAMS/leak_ten_sites" >native.out
    # To the last one: behind it nothing is missing any more.
    while [ "$whole" -lt 3 ]; do
        n=$((n + 1))
        [ "$n" -lt 500 ]
        with_failing "$n" 0
        # A whole snapshot, or none and a line.
        if [ -n "$(ls "$OUT")" ]; then
            snapshots_add_up
            whole=$((whole + 1))
        else
            [ -s traced.err ]
            whole=0
        fi
    done
    [ "$n" -gt 20 ]
}

# The snapshots add up, but for what they say is missing.
what_is_missing_is_said() {
    "$PYTHON" - "$TOOLS" "$OUT"/*.hds <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
for path in sys.argv[2:]:
    heap = snapshot.Snapshot(path)
    assert heap.account.lost_blocks or not heap.complaints(), heap.complaints()
END
    "$HEAPDELTA" stats "$OUT"/*.hds >/dev/null
}

@test "whichever of our mappings fails, and no other" {
    "$PROGRAMS/leak_ten_sites" >native.out
    for n in {1..100}; do
        with_failing "$n" 1
        if [ -n "$(ls "$OUT")" ]; then
            what_is_missing_is_said
        else
            [ -s traced.err ]
        fi
    done
    # There are no more than that.
    with_failing 100 0
    snapshots_add_up
}

@test "descriptors are the program's own" {
    "$PROGRAMS/descriptors" native
    traced "$PROGRAMS/descriptors" ours
    diff native ours
    snapshots_add_up
}

@test "closed standard descriptors" {
    "$PROGRAMS/descriptors" native <&- >&- 2>&-
    traced "$PROGRAMS/descriptors" ours <&- >&- 2>&-
    diff native ours
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "a program that closes all descriptors" {
    "$PROGRAMS/descriptors" native close
    traced "$PROGRAMS/descriptors" ours close
    diff native ours
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "nothing is written into the file that took the place of standard error" {
    HEAPDELTA_OUT="$BATS_TEST_TMPDIR/nowhere" LD_PRELOAD="$SHIM" "$PROGRAMS/descriptors" ours close || true
    [ "$(wc -l <ours)" -eq 1 ]
    ! grep -i heapdelta ours
}

@test "bound at start" {
    LD_BIND_NOW=1 same_as_native "$PROGRAMS/hello"
    snapshots_add_up
}

@test "a library that audits the loader" {
    [ -e "$PROGRAMS/audit.so" ]
    LD_AUDIT="$PROGRAMS/audit.so" same_as_native "$PROGRAMS/hello"
    [ "$status" -eq 3 ]
    snapshots_add_up
}

@test "packed relative relocations" {
    [ -e "$PROGRAMS/hello_relr" ] || skip "this linker can't make them"
    readelf -d "$PROGRAMS/hello_relr" | grep RELR
    same_as_native "$PROGRAMS/hello_relr"
    [ "$(allocated_in "$(snapshot exit)" hello.c function)" = "main 999 999000" ]
}

@test "a stack of 64 KiB" {
    (ulimit -s 64; same_as_native "$PROGRAMS/hello"; [ "$status" -eq 3 ])
    (ulimit -s unlimited; same_as_native "$PROGRAMS/hello"; [ "$status" -eq 3 ]) ||
        [ "$(ulimit -Hs)" != unlimited ]
    snapshots_add_up
}

@test "a program of which a copy waits for one of its own threads" {
    "$PROGRAMS/missing_pages" >/dev/null || skip "no userfaultfd here"
    HEAPDELTA_GRAPH=2 same_as_native "$PROGRAMS/missing_pages"
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "what lies behind the environment" {
    local variable

    # However many of our variables go, an even number or an odd one.
    for variable in NFRAME=100 KEEP=10 THREADS=0; do
        export "HEAPDELTA_$variable"
        same_as_native "$PROGRAMS/auxiliary"
        grep -x "page size found" traced.out
    done
    same_as_native env -i "$PROGRAMS/auxiliary"
    grep -x "page size found" traced.out
}

@test "an environment that a constructor changes before us" {
    same_as_native "$PROGRAMS/early_variable"
    grep -x EARLY=1 traced.out
}

@test "execs that fail" {
    local follow

    printf '#!./loop\n' >loop
    chmod +x loop
    for follow in 0 1 2 3; do
        HEAPDELTA_FOLLOW=$follow same_as_native "$PROGRAMS/strange_execs" ./loop
        [ "$status" -eq 0 ]
        grep -x "execveat no path: -1 Bad address" traced.out
        grep -x "0 more descriptors" traced.out
    done
}

@test "an exec without an environment" {
    local way

    for way in execve execveat; do
        rm -f "$OUT"/*
        same_as_native "$PROGRAMS/strange_execs" "$PROGRAMS/hello" "$way"
        [ "$status" -eq 3 ]
        [ "$(cat traced.out)" = hello ]
        [ -f "$(snapshot exit)" ]
        snapshots_add_up
        # And it sees none.
        same_as_native "$PROGRAMS/strange_execs" /usr/bin/env "$way"
        [ ! -s traced.out ]
    done
}

@test "an environment that was cleared" {
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" HEAPDELTA_FOLLOW=0 sh -c \
        'unset HEAPDELTA_OUT LD_PRELOAD; exec env -i "$1"' sh "$PROGRAMS/hello" >traced.out || [ $? -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "a script" {
    printf '#!%s/hello\n' "$PROGRAMS" >script
    chmod +x script
    same_as_native ./script
    [ "$status" -eq 3 ]
    snapshots_add_up
}

# Run COMMAND in namespaces of its own, as root there; 99: there are none.
apart() {
    unshare --user --map-root-user --mount --pid --fork true 2>/dev/null || skip "no namespaces here"
    status=0
    unshare --user --map-root-user --mount --pid --fork "$@" >traced.out 2>traced.err || status=$?
    cat traced.err
    [ "$status" -ne 99 ] || skip "no mounts here"
    [ "$status" -eq 3 ]
    [ "$(cat traced.out)" = hello ]
}

@test "no /proc" {
    apart sh -c 'mount -t tmpfs none /proc || exit 99
        HEAPDELTA_OUT="$1" LD_PRELOAD="$2" "$3"' sh "$OUT" "$SHIM" "$PROGRAMS/hello"
    [ ! -s traced.err ]
    [ -f "$(snapshot exit)" ]
    snapshots_add_up
}

@test "a read-only file system" {
    apart sh -c 'mount -t tmpfs -o ro none "$1" || exit 99
        HEAPDELTA_OUT="$1" LD_PRELOAD="$2" "$3"' sh "$OUT" "$SHIM" "$PROGRAMS/hello"
    [ "$(wc -l <traced.err)" -eq 1 ]
    grep "read-only" traced.err
}

@test "another root directory, where there are no files" {
    "$PROGRAMS/elsewhere" chroot 2>/dev/null || [ $? -eq 3 ] || skip "no other root here"
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$PROGRAMS/elsewhere" chroot >traced.out 2>traced.err ||
        [ $? -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(wc -l <traced.err)" -eq 1 ]
    grep "no such directory" traced.err
}

@test "another user, who may not write there" {
    "$PROGRAMS/elsewhere" user 2>/dev/null || [ $? -eq 3 ] || skip "no other user here"
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" "$PROGRAMS/elsewhere" user >traced.out 2>traced.err ||
        [ $? -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(wc -l <traced.err)" -eq 1 ]
    grep "permission denied" traced.err
}

@test "programs executed where our library cannot be read" {
    local follow

    for follow in none exec all; do
        cp "$SHIM" library.so
        HEAPDELTA_LIBRARY=$PWD/library.so "$HEAPDELTA" run --quiet --follow "$follow" -o "out.$follow" -- \
            /bin/sh -c 'rm library.so; /bin/ls -d /; exec /bin/ls -d /' >traced.out 2>traced.err
        [ "$(cat traced.out)" = "/
/" ]
        cat traced.err
        [ ! -s traced.err ]
    done
}

# many_blocks with malloc from the library NAME, preloaded behind and before the shim, and linked.
with_allocator() {
    local library
    library=/usr/lib/$(uname -m)-linux-gnu/$1

    [ -e "$library" ] || skip "no $1 here"
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM $library" "$PROGRAMS/many_blocks" >truth
    [ "$(allocated_in "$(snapshot exit)" many_blocks.c function | cut -d' ' -f2-)" = "$(cat truth)" ]
    [ "$(info "$(snapshot exit)" 'it["usable"]')" = None ]
    snapshots_add_up
    rm "$OUT"/*
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$library $SHIM" "$PROGRAMS/many_blocks" | diff truth -
    snapshots_add_up
    rm -f "$OUT"/*
    cc -g -fno-builtin -o linked "$SOURCE_ROOT/tests/preload/many_blocks.c" "$library" -lpthread
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" ./linked | diff truth -
    [ "$(allocated_in "$(snapshot exit)" many_blocks.c function | cut -d' ' -f2-)" = "$(cat truth)" ]
    snapshots_add_up
}

@test "jemalloc" { with_allocator libjemalloc.so.2; }
@test "tcmalloc" { with_allocator libtcmalloc_minimal.so.4; }
@test "mimalloc" { with_allocator libmimalloc.so.2.0; }

@test "a program with its own allocator" {
    same_as_native "$PROGRAMS/own_malloc"
}

@test "a program with functions of its own by the names that we hook" {
    same_as_native "$PROGRAMS/own_functions"
    [ "$status" -eq 5 ]
    snapshots_add_up
}

@test "valgrind's program is not traced, and says so" {
    command -v valgrind >/dev/null || skip "no valgrind here"
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" HEAPDELTA_FOLLOW=3 valgrind --leak-check=full \
        --log-file=log "$PROGRAMS/hello" >traced.out 2>traced.err || status=$?
    [ "$status" -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    [ "$(cat traced.err)" = "heapdelta: not traced: valgrind runs this program" ]
    grep "definitely lost: [1-9]" log
}

@test "a static program" {
    same_as_native "$PROGRAMS/hello_static"
    [ "$status" -eq 3 ]
    no_snapshot
}

@test "a static program under heapdelta run" {
    "$HEAPDELTA" run -o "$OUT" -- "$PROGRAMS/hello_static" >traced.out 2>traced.err || status=$?
    [ "$status" -eq 3 ]
    [ "$(cat traced.out)" = hello ]
    grep -i static traced.err
    no_snapshot
}

@test "a program that is not position-independent" {
    same_as_native "$PROGRAMS/hello_nopie"
    [ "$(allocated_in "$(snapshot exit)" hello.c function)" = "main 999 999000" ]
    snapshots_add_up
}

@test "bad values are said in one line and ignored" {
    unharmed HEAPDELTA_NFRAME=many HEAPDELTA_OUT="$OUT"
    grep HEAPDELTA_NFRAME traced.err
    [ -f "$(snapshot exit)" ]
}
