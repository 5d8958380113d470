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

@test "whichever of our mappings fails" {
    "$PROGRAMS/leak_ten_sites" >native.out
    for n in {1..40}; do
        rm -rf "$OUT"
        mkdir "$OUT"
        HEAPDELTA_FAIL_MAP=$n HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM" \
            "$PROGRAMS/leak_ten_sites" >traced.out 2>traced.err
        cmp native.out traced.out
        [ "$(wc -l <traced.err)" -le 1 ]
        # A whole snapshot, or none and a line.
        if [ -n "$(ls "$OUT")" ]; then snapshots_add_up; else [ -s traced.err ]; fi
    done
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
