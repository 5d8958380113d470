#!/usr/bin/env bats
# The benchmarks still run, with next to no work: what they print has the form that
# performance.py reads. What they measure is not judged.

setup() {
    BENCH=$SOURCE_ROOT/bench
    cd "$BATS_TEST_TMPDIR"
}

@test "event_path: every combination" {
    "$BUILD_ROOT/bench/event_path" --pairs 5000 >out
    [ "$(wc -l <out)" -eq 19 ]
    ! grep -vE '^\{"depth": [0-9]+, "path": "[a-z]+", "threads": [124], "blocks": "(own|handed)", "pairs": [0-9]+, "ns_min": [0-9.]+, "ns_median": [0-9.]+, "pairs_per_second": [0-9]+\}$' out
}

@test "event_path: paths differ, and their stacks are complete" {
    local program=$BUILD_ROOT/bench/event_path
    "$HEAPDELTA" run --quiet -o out -- "$program" --depth 33 --path paths --threads 1 --blocks own \
        --pairs 20000 >/dev/null
    "$HEAPDELTA" info --format json out/*.hds >info
    /usr/bin/python3 -c '
import json
info = json.load(open("info"))
assert info["allocations"] >= 20000, info["allocations"]
assert 900 <= info["stacks"] <= 1100, info["stacks"]
assert info["truncated_stacks"] == 0'
}

@test "event_path.py compares" {
    /usr/bin/python3 "$BENCH/event_path.py" "$BUILD_ROOT" --rounds 1 --json --depth 20 --path site \
        --pairs 5000 >out
    [ "$(wc -l <out)" -eq 5 ] || [ "$(wc -l <out)" -eq 6 ]
    grep -q '"heapdelta": {"added_ns": ' out
}

@test "unwind: all find the same number of frames" {
    "$BUILD_ROOT/bench/unwind" 20 >out
    for depth in 20 60 200; do
        [ "$(grep "\"depth\": $depth," out | grep -o '"frames": [0-9]*' | sort -u | wc -l)" -eq 1 ]
    done
}

@test "cputime: orphans and tasks without exit signal count" {
    # 56 is clone; flags 0: a fork without exit signal, which no wait() of its parent sees.
    "$BUILD_ROOT/bench/cputime" --output out -- /usr/bin/python3 -c '
import ctypes, os, time
def burn():
    while time.process_time() < 0.3:
        pass
    os._exit(0)
if ctypes.CDLL(None).syscall(56, 0, 0, 0, 0, 0) == 0:
    burn()
if os.fork() == 0:
    burn()
os._exit(0)'
    /usr/bin/python3 -c 'import json; r = json.load(open("out")); assert r["user"] + r["system"] > 0.5, r'
}

@test "cputime: ends with the time that is given, and with all processes" {
    run "$BUILD_ROOT/bench/cputime" --timeout 1 --output out -- \
        sh -c 'setsid sleep 1000 & sleep 1000'
    [ "$status" -eq 137 ]
    grep -q '"timed_out": true' out
}

@test "compare.sh and performance.py make a table and a chart" {
    TOOLS='native heapdelta' "$BENCH/compare.sh" "$BUILD_ROOT" out 1 true git
    mkdir docs
    printf 'before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n' >docs/performance.md
    /usr/bin/python3 "$BENCH/performance.py" out --write docs >text
    grep -qE '^\| git .* ≤ 1.05 ' text
    grep -q 'LD_PRELOAD alone' text
    ! grep -q old docs/performance.md
    grep -q after docs/performance.md
    xmllint --noout docs/performance.svg
}

@test "live_set.py and pause.py: a row for each target" {
    /usr/bin/python3 "$BENCH/live_set.py" "$BUILD_ROOT" --json --rounds 1 --blocks 2000 >live_set.jsonl
    /usr/bin/python3 "$BENCH/pause.py" "$BUILD_ROOT" --json --stacks 500 --snapshots 3 >pause.jsonl
    /usr/bin/python3 "$BENCH/performance.py" . >text
    grep -qE '^\| our memory per live block, 2,000 .* ≤ 38 bytes \|' text
    grep -qE '^\| pause .* \(50[0-9] stacks, 2 threads\) .* ≤ 1 ms \|' text
    grep -qE '^\| pause .* 2,000 blocks .* ≤ 50 ms \|' text
}

@test "report.py measures the page" {
    command -v chromium && command -v chromedriver || skip 'no chromium'
    "$HEAPDELTA" run --quiet -o out -- "$BUILD_ROOT/samples/event_handler_leak" 10 >/dev/null
    /usr/bin/python3 "$BENCH/report.py" "$BUILD_ROOT" --rounds 1 out/*.hds >result
    /usr/bin/python3 -c '
import json
result = json.load(open("result"))
assert result["bytes"] > 10000 and result["ms"]["drawn"] > 0, result'
}

@test "profile.py: the parts of the library are seen, and add up" {
    command -v callgrind_annotate >/dev/null || skip "no valgrind here"
    /usr/bin/python3 "$BENCH/profile.py" "$BUILD_ROOT" --json >out
    /usr/bin/python3 -c '
import json
profile = json.load(open("out"))
parts = profile["instructions"]
for part in "hooks", "the stack: memo", "live table", "counters":
    assert parts[part] > 10, parts
ours = sum(parts.values()) - parts["malloc and free themselves"]
assert abs(ours - profile["ours"]) < 1, profile'
}
