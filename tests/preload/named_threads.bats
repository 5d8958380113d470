#!/usr/bin/env bats
# Whose blocks are whose, where threads are told apart.

load common

# What `stats` says of SNAPSHOT is what the program said: tid, bytes, blocks, name.
tells_threads() {
    "$HEAPDELTA" stats --group-by thread --limit 0 --format json \
        --filter function=allocate "$1" >stats.json
    "$PYTHON" - stats.json "$2" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
ours = sorted((row["tid"], row["size"], row["count"], row["name"]) for row in report["rows"])
theirs = []
for line in open(sys.argv[2]):
    tid, size, count, name = line.rstrip("\n").split(" ", 3)
    theirs.append((int(tid), int(size), int(count), name))
assert len(theirs) >= 2
assert ours == sorted(theirs), f"\n{ours}\n{sorted(theirs)}"
END
}

@test "each thread has its own, by id and name, also when it has ended" {
    HEAPDELTA_THREADS=1 traced "$PROGRAMS/named_threads" >truth
    tells_threads "$(snapshot exit)" truth
    snapshots_add_up
    "$HEAPDELTA" info --format json "$(snapshot exit)" >info.json
    "$PYTHON" -c 'import json; threads = json.load(open("info.json"))["threads"]
assert len(threads) == 13 and {"worker 7", "worker 5", "named_threads"} <= {t["name"] for t in threads}, threads'
}

@test "a child of fork has a thread of its own, and what that of its parent held" {
    HEAPDELTA_THREADS=1 HEAPDELTA_FOLLOW=1 traced "$PROGRAMS/named_threads" fork >truth
    child=$(tail -1 truth | cut -d" " -f1)
    tells_threads "$(ls "$OUT"/*".$child."*.exit.hds)" truth
}

@test "with --counters, and limited stacks" {
    "$HEAPDELTA" run --quiet --threads --counters --nframe 4 -o "$OUT" -- "$PROGRAMS/named_threads" >truth
    tells_threads "$(snapshot exit)" truth
}

@test "threads are not told apart unless asked for" {
    traced "$PROGRAMS/named_threads" >truth
    "$HEAPDELTA" stats --group-by thread --limit 0 --format json "$(snapshot exit)" >stats.json
    "$PYTHON" -c 'import json; rows = json.load(open("stats.json"))["rows"]
assert all(row["tid"] is None and row["name"] is None for row in rows), rows
assert {"main", "run"} <= {row["thread"] for row in rows}, rows'
}
