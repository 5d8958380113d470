#!/usr/bin/env bats
# `heapdelta top` where there is no terminal: lines.

load run_common.bash

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    RUNNER= TARGET=
}

teardown() {
    [ -n "$TARGET" ] && kill -KILL "$TARGET" 2>/dev/null
    [ -n "$RUNNER" ] && wait "$RUNNER" 2>/dev/null
    return 0
}

# Start the target traced; its PID is TARGET; it is talked to by does().
target() {
    coproc TARGET_PROCESS { exec "$HEAPDELTA" run --quiet "$@" -o out -- "$CLI/top_target" 3>&-; }
    RUNNER=$TARGET_PROCESS_PID
    LISTEN=${TARGET_PROCESS[0]}
    SAY=${TARGET_PROCESS[1]}
    says ready
    TARGET=$(pgrep -P "$RUNNER" -x top_target)
    # Of an earlier process of this number, whose watcher was killed.
    rm -rf "/dev/shm/heapdelta-top.$TARGET".* "/tmp/heapdelta-top.$TARGET".*
}

says() {
    local line

    read -r -u "$LISTEN" line
    [ "$line" = "$1" ]
}

# Let the target do what LINE says.
does() {
    echo "$1" >&"$SAY"
    says "done $1"
}

# Start `heapdelta top ARGUMENT…` of the target; its PID is TOP, its lines can be read from READER.
watch() {
    mkfifo lines
    "$HEAPDELTA" top "$@" "$TARGET" >lines 2>messages 3>&- &
    TOP=$!
    exec {READER}<lines
}

# Read its lines until one matches the pattern LINE, which is then in REPLY.
until_line() {
    while read -r -u "$READER"; do
        # shellcheck disable=SC2053 # a pattern
        [[ $REPLY == $1 ]] && return 0
    done
    return 1
}

# Read its lines of JSON until the row of FUNCTION is one for which CONDITION, of Python, holds.
until_row() {
    while read -r -u "$READER"; do
        "$PYTHON" -c '
import json, sys
rows = [row for row in json.load(sys.stdin)["rows"] if row["function"] == sys.argv[1]]
sys.exit(not any(eval(sys.argv[2], {"row": row}) for row in rows))' "$1" "$2" <<<"$REPLY" &&
            return 0
    done
    return 1
}

# It ends with STATUS, whatever it still had to say.
top_ends_with() {
    local status=0

    cat <&"$READER" >/dev/null
    wait "$TOP" || status=$?
    [ "$status" -eq "$1" ] || {
        echo "status $status instead of $1:"
        cat messages
        return 1
    }
}

# Standard output has no line that matches PATTERN.
lacks() {
    if grep -q "$1" stdout; then
        cat stdout
        return 1
    fi
}

# Nothing of ours is left in memory.
left_nothing() {
    [ -z "$(find /dev/shm /tmp -maxdepth 1 -name "heapdelta-top.$TARGET.*")" ]
}

@test "what is there is printed by line" {
    target
    does "keep 100"
    does "pass 5"
    ends_with 0 "$HEAPDELTA" top --once "$TARGET"
    head -n 1 stdout | grep -q "^top_target, process $TARGET: by line, live first$"
    # One look tells no rates.
    grep -Eq '^ *97\.7 KiB +\+0 B +100 +\+0 +top_target.c:[0-9]+ keep$' stdout
    grep -Eq '^ *0 B +\+0 B +0 +\+0 +top_target.c:[0-9]+ pass$' stdout
    tail -n 1 stdout | grep -q ' all$'
    left_nothing
}

@test "by function, module, file, thread and type" {
    target
    does "keep 100"
    does "list 10"
    for key in function module filename thread type; do
        ends_with 0 "$HEAPDELTA" top --once --group-by "$key" --format json "$TARGET"
        cp stdout "$key.json"
    done
    "$PYTHON" - <<'END'
import json
def rows(key):
    return {row[key]: row for row in json.load(open(key + ".json"))["rows"]}
function = rows("function")
assert (function["keep"]["size"], function["keep"]["count"]) == (100000, 100), function
assert (function["item_new"]["size"], function["item_new"]["count"]) == (1040, 10), function
assert function["keep"]["module"] == "top_target", function
assert rows("module")["top_target"]["size"] == 101040
[source] = [row for name, row in rows("filename").items() if name.endswith("/top_target.c")]
assert source["size"] == 101040, source
thread = rows("thread")
assert thread["list"]["size"] == 1040, thread
assert thread["main"]["size"] >= 100000, thread
assert rows("type")["struct item"]["size"] == 1040
for key in "function", "module", "filename", "thread", "type":
    report = json.load(open(key + ".json"))
    assert "rate" not in report["total"]
    for value in "size", "count", "size_diff":
        assert report["total"][value] == sum(row[value] for row in report["rows"]), (key, value)
    assert all(row["course"][-1] == row["size"] and len(row["course"]) == 60
               for row in report["rows"]), report
END
}

@test "it says what stats says" {
    target
    does "keep 1000"
    does "list 300"
    does "pass 20"
    ends_with 0 "$HEAPDELTA" top --once --limit 0 --format json "$TARGET"
    mv stdout top.json
    snapshot=$("$HEAPDELTA" snapshot "$TARGET")
    ends_with 0 "$HEAPDELTA" stats --limit 0 --format json "$snapshot"
    "$PYTHON" - <<'END'
import json
def rows(name):
    return {(row["file"], row["line"]): (row["size"], row["count"])
            for row in json.load(open(name))["rows"] if row["count"]}
top, stats = rows("top.json"), rows("stdout")
assert top == stats and len(top) >= 2, (top, stats)
END
}

@test "growth is counted from the first look on, and the course is kept" {
    target
    does "keep 10"
    watch --batch 0 --delay 100ms --format json
    until_line '*"size": 10000, "size_diff": 0,*"function": "keep"*'
    does "keep 500"
    until_line '*"size": 510000, "size_diff": 500000,*"function": "keep"*'
    [[ $REPLY == *'"count": 510, "count_diff": 500,'* ]]
    [[ $REPLY == *'"course": [0, '*', 0, 10000,'*' 510000], '* ]]
    kill -TERM "$TOP"
    top_ends_with 143
}

@test "rates are those of the last interval" {
    target
    watch --batch 0 --delay 100ms --format json
    until_line '*"rows": *'
    [[ $REPLY != *'"rate"'* ]]
    does "pass 50"
    until_row pass 'row.get("rate", 0) > 0 and row["allocation_rate"] > 0'
    until_row pass 'row["rate"] == 0 and row["allocation_rate"] == 0'
    kill -TERM "$TOP"
    top_ends_with 143
}

@test "as JSON a look is a line, as CSV each row says when and of which process" {
    target
    does "keep 10"
    ends_with 0 "$HEAPDELTA" top --batch 5 --delay 100ms --format json "$TARGET"
    cp stdout looks.json
    ends_with 0 "$HEAPDELTA" top --batch 3 --delay 100ms --format csv --group-by function "$TARGET"
    "$PYTHON" - "$TARGET" <<'END'
import csv, datetime, json, sys
pid = int(sys.argv[1])
looks = [json.loads(line) for line in open("looks.json")]
assert len(looks) == 5 and all(look["pid"] == pid for look in looks), looks
times = {datetime.datetime.strptime(look["time"][:26], "%Y-%m-%dT%H:%M:%S.%f") for look in looks}
assert len(times) == 5, times # the clock on the wall may be set, also back
elapsed = [look["elapsed"] for look in looks]
assert 0 < elapsed[0] and elapsed == sorted(set(elapsed)), elapsed # though nothing happens in it
rows = list(csv.DictReader(open("stdout", newline="")))
keeps = [row for row in rows if row["function"] == "keep"]
assert [(row["pid"], row["size"]) for row in keeps] == 3 * [(str(pid), "10000")], rows
assert [row["rate"] for row in keeps] == ["", "0", "0"], keeps
assert len({row["time"] for row in rows}) == 3, rows
END
}

@test "into a pipe it prints until it is ended" {
    target
    watch --delay 100ms
    until_line '* all'
    does "keep 77"
    until_line '* 77 * keep'
    kill -TERM "$TOP"
    top_ends_with 143
    left_nothing
}

@test "a look leaves no trace: no epoch, no snapshot, no number" {
    target
    does "keep 10"
    ends_with 0 "$HEAPDELTA" top --batch 3 --delay 100ms "$TARGET"
    [ -z "$(ls out/*.hds 2>/dev/null)" ]
    ends_with 0 "$HEAPDELTA" status --format json "$TARGET"
    grep -q '"snapshots": 0' stdout
    snapshot=$("$HEAPDELTA" snapshot "$TARGET")
    [[ $snapshot == */top_target.$TARGET.0001.hds ]]
    ends_with 0 "$HEAPDELTA" info --format json "$snapshot"
    "$PYTHON" -c 'import json; assert len(json.load(open("stdout"))["epochs"]) <= 1'
    left_nothing
}

@test "rows are filtered, sorted and limited" {
    target
    does "keep 10"
    does "list 300"
    ends_with 0 "$HEAPDELTA" top --once --filter function=keep "$TARGET"
    grep -q ' keep$' stdout
    lacks ' item_new$'
    ends_with 0 "$HEAPDELTA" top --once --sort blocks --limit 1 --group-by function "$TARGET"
    grep -q 'item_new \[top_target\]$' stdout
    lacks 'keep \[top_target\]$'
    grep -q 'more, --limit 0 shows all$' stdout
}

@test "the end of the process ends it, and is said" {
    target
    does "keep 10"
    watch --batch 0 --delay 100ms
    until_line '* keep'
    kill -KILL "$TARGET"
    top_ends_with 0
    [ "$(cat messages)" = "heapdelta top: process $TARGET (top_target) has ended" ]
}

@test "another program that the process executes is watched from there on" {
    target
    does "keep 10"
    watch --batch 0 --delay 100ms
    until_line '* keep'
    echo exec >&"$SAY"
    says ready
    does "keep 77"
    until_line '* 77 * keep'
    kill -TERM "$TOP"
    top_ends_with 143
}

@test "a signal ends it as ever, and removes what was in memory" {
    target
    watch --batch 0 --delay 1h
    until_line '* all'
    kill -TERM "$TOP"
    top_ends_with 143
    left_nothing
}

@test "a link in the place of its directory leads it nowhere" {
    target
    mkdir victim
    touch victim/1.hds victim/else
    watch --batch 0 --delay 1h
    until_line '* all'
    directory=$(find /dev/shm /tmp -maxdepth 1 -name "heapdelta-top.$TARGET.*")
    mv "$directory" "$directory.moved"
    ln -s "$PWD/victim" "$directory"
    kill -TERM "$TOP"
    top_ends_with 143
    rm "$directory"
    rm -rf "$directory.moved" # another one may have swept it
    [ -f victim/1.hds ] && [ -f victim/else ]
}

@test "what one that was killed left is removed by the next, not what another uses" {
    target
    watch --batch 0 --delay 1h
    until_line '* all'
    kill -KILL "$TOP"
    wait "$TOP" || [ $? -eq 137 ]
    exec {READER}<&-
    rm lines
    watch --batch 0 --delay 100ms
    until_line '* all'
    [ "$(find /dev/shm /tmp -maxdepth 1 -name "heapdelta-top.$TARGET.*" | wc -l)" -eq 1 ]
    ends_with 0 "$HEAPDELTA" top --once "$TARGET"
    does "keep 77"
    until_line '* 77 * keep'
    kill -TERM "$TOP"
    top_ends_with 143
    left_nothing
}

@test "a reader that goes away ends it" {
    target
    watch --batch 0 --delay 100ms
    until_line '* all'
    exec {READER}<&-
    wait "$TOP" || [ $? -eq 1 ]
    [ ! -s messages ]
    left_nothing
}

@test "a command is started, its output goes to a file, and it is ended" {
    HEAPDELTA_LIBRARY=$HEAPDELTA_LIBRARY ends_with 0 "$HEAPDELTA" top --once --format csv -- \
        "$CLI/top_target" stay
    grep -q '^heapdelta top: the program.s output is in heapdelta.top_target.[0-9]*.output$' stderr
    file=$(sed -n 's/.* output is in //p' stderr)
    head -n 1 "$file" | grep -qx ready
    directory=$(sed -n 's/^heapdelta top: its snapshots are in //p' stderr)
    [[ $directory == heapdelta.top_target.* ]]
    ls "$directory"/top_target.*.exit.hds
}

@test "its snapshots go to the directory that is named" {
    ends_with 0 "$HEAPDELTA" top --once -o deep/down -- "$CLI/top_target" stay
    grep -qx "heapdelta top: its snapshots are in deep/down" stderr
    ls deep/down/top_target.*.exit.hds
    [ -z "$(ls -d heapdelta.top_target.*/ 2>/dev/null)" ]
    ends_with 2 "$HEAPDELTA" top --once -o deep $$
    grep -q "of a COMMAND" stderr
}

@test "a command that ignores TERM is killed in the end" {
    trap '' TERM # inherited by all
    ends_with 0 "$HEAPDELTA" top --once -- "$CLI/top_target" stay
    trap - TERM
    grep -q ' all$' stdout
    grep -q "^heapdelta top: waiting for the program to end" stderr
    # Its runner has waited for it; it had no time to write anything.
    [ -z "$(ls heapdelta.top_target.*/*.exit.hds 2>/dev/null)" ]
}

@test "what can't be watched" {
    ends_with 2 "$HEAPDELTA" top
    ends_with 2 "$HEAPDELTA" top 1 2
    ends_with 2 "$HEAPDELTA" top app
    grep -q "heapdelta top -- app" stderr
    ends_with 2 "$HEAPDELTA" top --
    ends_with 2 "$HEAPDELTA" top 1 -- app
    ends_with 2 "$HEAPDELTA" top --group-by size 1
    ends_with 2 "$HEAPDELTA" top --filter type=x 1
    ends_with 2 "$HEAPDELTA" top --delay 1ms 1
    ends_with 2 "$HEAPDELTA" top --delay 25h 1
    grep -q "from 100ms to 24h" stderr
    ends_with 2 "$HEAPDELTA" top --batch x 1
    ends_with 2 "$HEAPDELTA" top --sort size 1
    ends_with 3 "$HEAPDELTA" top --once $$
    grep -q "is not traced" stderr
    ends_with 127 "$HEAPDELTA" top -- no-such-command
    ends_with 126 "$HEAPDELTA" top -- "$PWD"
    [ -z "$(ls ./*.output 2>/dev/null)" ]
}
