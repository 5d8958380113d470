#!/bin/sh
# compare.sh - real programs native, under heapdelta and under others, in turn.
#
#   compare.sh BUILD OUT ROUNDS [PROGRAM…]      (default: all that programs.sh has)
#
# BUILD is a build directory. Leaves lines of JSON in OUT/programs.jsonl, which
# performance.py makes a table of: one a run, called PROGRAM/TOOL/ROUND, by cputime; and in
# OUT/load what else the machine did before. TOOLS in the environment says which tools: native,
# heapdelta, and
#
#   recording   heaptrack's library alone; what it records goes to /dev/null
#   heaptrack   heaptrack as people run it, with what reads and compresses the recording
#   lsan        LeakSanitizer preloaded, without looking for leaks at the end
#   memcheck    valgrind's memcheck, without looking for leaks at the end (only if asked for)
#
# A tool that ends with another status than the native run, or is not done after TIMEOUT
# seconds (default 60), is not tried again with that program. `true` tells what starting
# costs: also with the library alone ("preload"), 20 times a run.
set -eu

build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
rounds=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
tools=${TOOLS:-native heapdelta recording heaptrack lsan}
timeout=${TIMEOUT:-60}
heaptrack_library=/usr/lib/heaptrack/libheaptrack_preload.so
lsan_library=$(gcc -print-file-name=liblsan.so 2>/dev/null || true)
export PATH="$build/bench:$PATH"

# Run PROGRAM by TOOL in ROUND: measured, and the words of the tool before its command.
measure() {
    program=$1 tool=$2 round=$3
    shift 3
    set -- cputime --name "$program/$tool/$round" --timeout "$timeout" \
        --output "$out/programs.jsonl" "$@"
    case $tool in
        native) set -- "$@" -- ;;
        heapdelta)
            set -- "$@" -- "$build/analyzer/heapdelta" run --quiet --no-graph \
                -o "$out/snapshots" --
            ;;
        preload) set -- "$@" --preload "$build/preload/libheapdelta.so" -- ;;
        recording)
            set -- "$@" -- env LD_PRELOAD="$heaptrack_library" DUMP_HEAPTRACK_OUTPUT=/dev/null
            ;;
        heaptrack) set -- "$@" -- heaptrack -o "$out/heaptrack" ;;
        lsan) set -- "$@" -- env LD_PRELOAD="$lsan_library" LSAN_OPTIONS=detect_leaks=0 ;;
        memcheck) set -- "$@" -- valgrind -q --leak-check=no ;;
    esac
    if [ "$program" = true ]; then
        "$@" /bin/true
    else
        "$here/programs.sh" "$program" "$out/work" "$@"
    fi >/dev/null 2>&1
    status=$?
    rm -rf "$out/snapshots" "$out"/heaptrack.*
    return "$status"
}

available() {
    case $1 in
        recording) [ -e "$heaptrack_library" ] ;;
        heaptrack) command -v heaptrack >/dev/null ;;
        lsan) [ -e "$lsan_library" ] ;;
        memcheck) command -v valgrind >/dev/null ;;
    esac
}

# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- true $("$here/programs.sh" list)
"$here/programs.sh" prepare "$out/work"
rm -f "$out/programs.jsonl"
cut -d " " -f 1 /proc/loadavg >"$out/load" # of the minute before
given_up=' '
round=1
while [ "$round" -le "$rounds" ]; do
    for program; do
        for tool in $tools; do
            available "$tool" || continue
            case $given_up in *" $program/$tool "*) continue ;; esac
            if [ "$program" = true ]; then
                [ "$tool" = native ] || [ "$tool" = heapdelta ] || continue
                measure true "$tool" "$round" --times 20
                [ "$tool" = native ] || measure true preload "$round" --times 20
            elif ! measure "$program" "$tool" "$round"; then
                if [ "$tool" = native ]; then
                    echo "compare.sh: '$program' does not run natively" >&2
                    exit 1
                fi
                given_up="$given_up$program/$tool "
            fi
        done
    done
    echo "compare.sh: round $round of $rounds done" >&2
    round=$((round + 1))
done
