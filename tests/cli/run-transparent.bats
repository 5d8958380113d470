#!/usr/bin/env bats
# The program gets what it would get without us, and nothing more.

load run_common

# Does COMMAND… print the same with and without us? (By way of sh, for bash tells
# each program in `_` what it started.)
same() {
    # shellcheck disable=SC2016
    sh -c 'exec "$@"' sh "$@" >native
    # shellcheck disable=SC2016
    sh -c 'exec "$@"' sh "$HEAPDELTA" run --quiet -o out -- "$@" >ours
    diff native ours
}

@test "the environment" {
    same env
    same env -i env
    LD_PRELOAD= same env
    LD_PRELOAD=libm.so.6 same env
    FIRST=1 LD_PRELOAD=libm.so.6:libdl.so.2 LAST=1 same env
    env -i A=1 LD_PRELOAD=libm.so.6 B=2 "$HEAPDELTA" run --quiet -o out -- /usr/bin/env >ours
    printf 'A=1\nLD_PRELOAD=libm.so.6\nB=2\n' | diff - ours
}

@test "an environment without PATH" {
    env -i "$HEAPDELTA" run --quiet -o out -- env >ours
    lines ours 0
}

@test "the arguments" {
    same printf '<%s>\n' '' ' ' 'a b' "it's" '*' $'new\nline' --help
}

@test "the open descriptors" {
    same readlink -f /proc/self/cwd
    count='for fd in /proc/self/fd/*; do echo "${fd##*/}"; done'
    same sh -c "$count"
    # shellcheck disable=SC2016
    same bash -c "exec 7</dev/null 9>/dev/null; $count"
    sh -c "$count" 0<&- 3<&- >native
    traced sh -c "$count" 0<&- 3<&- >ours
    diff native ours
}

@test "standard input, to the last byte" {
    seq 100000 >numbers
    traced cat <numbers >ours
    cmp numbers ours
    { read -r first; traced head -n 1; } <<<$'one\ntwo\nthree' >ours
    [ "$(cat ours)" = two ]
}

@test "standard output and error, apart" {
    ends_with 3 traced sh -c 'echo out; echo err >&2; exit 3'
    [ "$(cat stdout)" = out ]
    [ "$(cat stderr)" = err ]
}

@test "closed descriptors stay closed, and the status comes" {
    status=0
    "$HEAPDELTA" run -o out -- sh -c 'exit 5' 0<&- 1>&- 2>&- || status=$?
    [ "$status" -eq 5 ]
    [ "$(snapshots out)" -ge 1 ]
}

@test "a reader that went away does not change the status" {
    "$PYTHON" - "$HEAPDELTA" <<'END'
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
status = subprocess.run([sys.argv[1], "run", "-o", "out", "--", "true"], stderr=writer).returncode
assert status == 0, status
END
}

@test "working directory, umask, limits and priority" {
    umask 027
    ulimit -n 333
    same sh -c 'pwd; umask; ulimit -a; cat /proc/self/oom_score_adj; nice'
}

@test "the name the program was called by" {
    # shellcheck disable=SC2016
    same bash -c 'echo "$0"'
    same sh -c 'tr "\0" " " </proc/$$/cmdline; cat /proc/$$/comm'
}
