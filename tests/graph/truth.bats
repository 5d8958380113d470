#!/usr/bin/env bats
# Each program tells what its blocks are at exit: heapdelta must say the same, function by function,
# and so must memcheck of the same program without us, but for what memcheck.table explains.

load ../preload/common.bash

CASES=$BUILD_ROOT/tests/graph
AGREE=$SOURCE_ROOT/tests/graph/agree.py
TABLE=$SOURCE_ROOT/tests/graph/memcheck.table

# What heapdelta says of the program CASE, run by the command before it, if any.
agrees_with_us() {
    local name=${!#}

    export PLUGIN=$CASES/plugin.so
    "${@:1:$#-1}" "$HEAPDELTA" run --quiet --follow fork -o "$OUT" -- "$CASES/$name" >traced.truth
    "$PYTHON" "$AGREE" heapdelta "$name" traced.truth "$HEAPDELTA" "$OUT"/*.exit.hds 3>heapdelta.list
}

agrees_with_memcheck() {
    command -v valgrind >/dev/null || skip "no valgrind"
    valgrind --quiet --leak-check=full --show-leak-kinds=all --run-libc-freeres=no \
        --run-cxx-freeres=no --num-callers=50 --fair-sched=yes --keep-debuginfo=yes \
        --error-limit=no --xml=yes --xml-file=memcheck.%p.xml "$CASES/$1" >native.truth
    "$PYTHON" "$AGREE" memcheck "$1" native.truth memcheck.*.xml 3>memcheck.list || return 1
    # What the table explains was compared with it.
    awk -v program="$1" '$1 == program { print " " $2 " " }' "$TABLE" >explained
    diff -u <(grep -v -F -f explained memcheck.list) <(grep -v -F -f explained heapdelta.list)
}

agrees() {
    [ -x "$CASES/$1" ] || skip "no C++"
    agrees_with_us "$1"
    agrees_with_memcheck "$1"
}

@test "blocks that are lost" {
    agrees lost
}

@test "blocks held by each kind of variable, and through others" {
    agrees held
}

@test "blocks held by a pointer inside" {
    agrees inside
}

@test "blocks held by what the program mapped" {
    agrees mapped
}

@test "blocks held by threads" {
    agrees threads
}

@test "blocks held by 400 threads" {
    agrees_with_us many_threads
}

@test "blocks held by a thread in vfork" {
    agrees_with_us in_vfork
    "$HEAPDELTA" info "$OUT"/*.exit.hds | grep -E 'threads stopped +1 +of 2, registers not seen'
}

@test "blocks on coroutines' stacks, of unloaded libraries, known to the kernel" {
    agrees odd
}

@test "blocks of the C library" {
    agrees libc
}

@test "blocks of a child of fork" {
    agrees forked
}

@test "lists of a million" {
    agrees_with_us million
    # Once in some runs a number of memcheck's world points into one of so many blocks.
    agrees_with_memcheck million || { rm -f memcheck.*.xml && agrees_with_memcheck million; }
}

@test "objects of C++" {
    agrees objects
}

@test "strings of the old kind" {
    agrees old_strings
}

@test "frames of C++ coroutines" {
    agrees coroutines
}

# Nothing is stopped; still each block is of its class, and it is said what was not seen.
agrees_unstopped() {
    agrees_with_us "$@" threads
    "$HEAPDELTA" info "$OUT"/*.exit.hds | grep -E 'threads stopped +1 +of 9, registers not seen'
    rm "$OUT"/*
    agrees_with_us "$@" mapped
}

@test "where ptrace is forbidden" {
    agrees_unstopped "$CASES/forbid" ptrace
}

@test "where looking at other processes is forbidden" {
    agrees_unstopped "$CASES/forbid" copy
}

@test "where another one traces the program" {
    command -v strace >/dev/null || skip "no strace"
    agrees_unstopped strace -f -o /dev/null
}

@test "a program that keeps secrets" {
    agrees_with_us env NOT_DUMPABLE=1 threads
    rm "$OUT"/*
    agrees_with_us env NOT_DUMPABLE=1 mapped
}

# Where a thread's number lies, it looks like the beginning of its memory if it is between 1568 and
# 5664.
@test "threads with small numbers" {
    local small=(unshare --user --map-root-user --pid --fork --mount-proc
        sh -c 'echo 2000 >/proc/sys/kernel/ns_last_pid && exec "$@"' sh)

    "${small[@]}" true 2>/dev/null || skip "no namespace for processes"
    agrees_with_us "${small[@]}" threads
}
