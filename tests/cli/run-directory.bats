#!/usr/bin/env bats
# Where the snapshots go, and what is said about them at the end.

load run_common

LEAK=$BUILD_ROOT/samples/event_handler_leak

@test "the default is a directory named after program and process" {
    ends_with 0 "$HEAPDELTA" run -- "$LEAK" 10
    directory=$(echo heapdelta.event_handler_leak.*)
    pid=${directory##*.}
    [ -d "$directory" ]
    ls "$directory" | grep '\.hds$' >names
    printf "event_handler_leak.$pid.%s.hds\n" 0001.before 0002.after 0003.exit | diff - names
}

# COMMAND… runs in a process called NAME, as its directory and its file say.
called() {
    local name=$1

    shift
    ends_with 0 "$HEAPDELTA" run --quiet -- "$@"
    [ -e heapdelta.$name.*/$name.*.exit.hds ]
    rm -r heapdelta.*
}

@test "a program is named as it was called, a script after its interpreter" {
    ln -s "$LEAK" link
    called link ./link 10
    printf '#!/bin/sh\nexit 0\n' >script
    chmod +x script
    called "$(basename "$(readlink -f /bin/sh)")" ./script
    printf 'exit 0\n' >script
    called sh ./script
    called sh /bin/sh -c 'exit 0'
}

@test "-o creates the directory and those above it" {
    ends_with 0 "$HEAPDELTA" run --quiet -o a/b/c -- true
    [ "$(snapshots a/b/c)" -eq 1 ]
}

@test "-o takes a directory that exists, and adds to it" {
    mkdir out
    for _ in 1 2 3; do
        ends_with 0 traced "$LEAK" 10
    done
    [ "$(snapshots out)" -eq 9 ]
    ! grep -q "of before" stderr
    ends_with 0 "$HEAPDELTA" run -o out -- "$LEAK" 10
    grep -qx "3 snapshots in out, beside 9 of before: name files there, not the directory" stderr
}

@test "the directory stays where it was if the program changes its own" {
    mkdir elsewhere
    ends_with 0 traced sh -c 'cd elsewhere && exit 0'
    [ "$(snapshots out)" -eq 1 ]
    [ "$(snapshots elsewhere)" -eq 0 ]
}

@test "blanks, quotes and colons in names" {
    for name in 'with blank' "it's" 'a:b' 'ünïcode' '$HOME'; do
        ends_with 0 "$HEAPDELTA" run -o "$name" -- "$LEAK" 10
        [ "$(snapshots "$name")" -eq 3 ]
        # The command that is proposed can be typed.
        eval "$(sed -n 's/^ *next: //p' stderr)" >typed
        grep -q 'event_handler_leak.c:' typed
    done
    cp "$LEAK" 'a program'
    ends_with 0 "$HEAPDELTA" run --quiet -- './a program' 10
    [ "$(ls heapdelta.a_program.*/a_program.*.hds | wc -l)" -eq 3 ]
}

@test "a directory that can't be written to: status 2, nothing runs" {
    touch file
    for directory in /proc/out file file/below; do
        ends_with 2 "$HEAPDELTA" run -o "$directory" -- touch started
        grep -q "can't write snapshots to '$directory'" stderr
        [ ! -e started ]
    done
}

@test "the summary: what is alive, what leaks, who holds it, what to type next" {
    ends_with 0 "$HEAPDELTA" run -o out -- "$LEAK" 1000
    [ "$(wc -l <stderr)" -le 20 ]
    line=$(grep -n 'malloc(sizeof \*handler)' "$SOURCE_ROOT/samples/event_handler_leak.c")
    grep -q 'heapdelta: event_handler_leak left [0-9]* blocks, .* alive at exit; peak ' stderr
    grep -q "^held and growing  event_handler_new (event_handler_leak.c:${line%%:*})" stderr
    grep -q '31.2 KiB in 1000 blocks; with all that goes with it 50.7 KiB in 3000 blocks' stderr
    grep -q 'held by  global `handlers` .* → array of 1024 pointers.* → \[each\]' stderr
    grep -q '3 snapshots in out' stderr
    ! grep -q "$(printf '\033')" stderr
    eval "$(sed -n 's/^ *next: //p' stderr)" >typed
    grep -q "event_handler_leak.c:${line%%:*}.*count=1000 (+1000)" typed
}

@test "the summary says where most objects of Python are not seen" {
    local note="most Python objects lie in pools of Python's own allocator: set PYTHONMALLOC=malloc to see them"

    unset PYTHONMALLOC
    "$HEAPDELTA" run -o out -- "$PYTHON" -c '' 2>said
    [ "$(grep -cF "$note" said)" -eq 1 ]
    printf '#!%s\n' "$PYTHON" >script
    chmod +x script
    PYTHONMALLOC=pymalloc "$HEAPDELTA" run -o out -- ./script 2>said
    grep -qF "$note" said
    "$HEAPDELTA" run --summary json -o out -- ./script 2>said
    grep -qF "$note" said
    for allocator in malloc malloc_debug; do
        PYTHONMALLOC=$allocator "$HEAPDELTA" run -o out -- "$PYTHON" -c '' 2>said
        ! grep -F "pools" said || return 1
    done
    "$HEAPDELTA" run -o out -- true 2>said
    ! grep -F "pools" said || return 1
}

@test "what a global object held until its destructor is told of" {
    local note="Judged at exit, after the destructors of global objects"

    cat >table.cpp <<'END'
#include <map>
#include <cstdlib>
static std::map<int, char *> table;
int main(int argc, char **)
{
    for (int i = 0; i < 3000; i++)
        table[i] = new char[100];
    if (argc > 1)
        std::_Exit(0);
}
END
    c++ -g -O1 -o table table.cpp
    "$HEAPDELTA" run -o out -- ./table 2>said
    grep -q '^definitely lost  main (table.cpp:7)' said
    [ "$(grep -c "^$note" said)" -eq 1 ]
    "$HEAPDELTA" leaks out | grep -q "^$note"
    "$HEAPDELTA" run -o held -- ./table without 2>said # the destructors are not called
    grep -q '^held and growing  main (table.cpp:7)' said
    ! grep -F "destructors" said || return 1
}

@test "the summary has colours on a terminal, unless NO_COLOR is set" {
    script -qec "$HEAPDELTA run -o out -- $LEAK 1000" /dev/null >coloured </dev/null
    grep -q "$(printf '\033')\[1;31mheld and growing" coloured
    NO_COLOR=1 script -qec "$HEAPDELTA run -o out -- $LEAK 1000" /dev/null >plain </dev/null
    grep -q '^held and growing' plain
}

@test "--summary json is for programs, none is none, and another word is refused" {
    ends_with 0 "$HEAPDELTA" run --summary json -o out -- "$LEAK" 1000
    "$PYTHON" -c 'import json, sys
row = json.load(sys.stdin)["rows"][0]
print(row["verdict"], row["function"], row["count"], row["held_by"])' <stderr >read
    echo 'held_growing event_handler_new 1000 global handlers' | diff - read
    ends_with 0 "$HEAPDELTA" run --summary none -o out -- "$LEAK" 10
    lines stderr 0
    ends_with 2 "$HEAPDELTA" run --summary loud -o out -- touch started
    grep -q -e "--summary 'loud': none of text, json, none" stderr
    [ ! -e started ]
}

@test "the summary agrees with info" {
    ends_with 0 "$HEAPDELTA" run -o out -- "$LEAK" 123
    "$HEAPDELTA" info --format json out/*.exit.hds |
        "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["blocks"])' >blocks
    grep -q "left $(cat blocks) blocks" stderr
}

@test "after exec the summary names the program that its file is named after" {
    ends_with 0 "$HEAPDELTA" run -o out -- sh -c 'exec "$0" 10' "$LEAK"
    grep -q '^heapdelta: event_handler_leak left ' stderr
    [ -e out/event_handler_leak.*.exit.hds ]
}

@test "the summary doesn't guess why there is no snapshot at exit" {
    ends_with 7 "$HEAPDELTA" run -o out -- perl -e 'syscall(231, 7)'
    grep -q 'no snapshot at exit: the program left by a bare system call' stderr
    ends_with 0 "$HEAPDELTA" run -o out -- perl -e '
        rename "out", "gone"; open my $file, ">", "out"; exit 0'
    grep -q '^heapdelta: no snapshot at exit in /.*/out: not a directory' stderr
    [ "$(grep -c 'bare system call' stderr)" -eq 0 ]
}

@test "a directory that run created is removed if it is empty, another stays" {
    ends_with 0 "$HEAPDELTA" run --off -o out -- true
    [ ! -e out ]
    mkdir out
    ends_with 0 "$HEAPDELTA" run --off --output out -- true
    [ -d out ]
}

@test "the summary speaks only of this run" {
    ends_with 0 "$HEAPDELTA" run --quiet -o out -- "$LEAK" 10
    ends_with 0 "$HEAPDELTA" run -o out -- true
    grep -q '1 snapshot in out' stderr
}

@test "--quiet is quiet" {
    ends_with 0 traced "$LEAK" 10
    lines stderr 0
}
