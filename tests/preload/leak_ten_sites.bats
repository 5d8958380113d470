#!/usr/bin/env bats
# What leaks is reported with exactly its numbers, at its lines, with its stacks.

load common

@test "573 blocks, 67410 bytes, ten lines" {
    traced "$PROGRAMS/leak_ten_sites" >truth
    allocated_in "$(snapshot exit)" leak_ten_sites.c line >reported
    diff truth reported
    snapshots_add_up
}

@test "the same under heapdelta run" {
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/leak_ten_sites" >truth
    allocated_in "$(snapshot exit)" leak_ten_sites.c line >reported
    diff truth reported
}

@test "the filter selects the same blocks" {
    traced "$PROGRAMS/leak_ten_sites" >truth
    "$HEAPDELTA" stats --limit 0 --format json --filter '*/leak_ten_sites.c' "$(snapshot exit)" >stats
    [ "$(json 'it["total"]["count"], it["total"]["size"]' <stats)" = "(573, 67410)" ]
}

@test "all of the twelve calls, from both threads, none truncated" {
    traced "$PROGRAMS/leak_ten_sites" >truth
    [ "$(info "$(snapshot exit)" 'it["truncated_stacks"]')" -eq 0 ]
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$(snapshot exit)" |
        "$PYTHON" -c 'import collections, json, sys
calls = [f"call_{n}" for n in range(11, 0, -1)]
threads = collections.Counter()
for row in json.load(sys.stdin)["rows"]:
    frames = row["traceback"]
    if not (frames[0]["file"] or "").endswith("/leak_ten_sites.c"):
        continue
    names = [frame["function"] for frame in frames]
    assert names[0].startswith("site_"), names
    assert names[1:12] == calls, names
    assert names[12] == "leak_part" and frames[12]["inlined"], frames[12]
    assert names[13] in ("main", "second_thread") and not frames[13]["inlined"], names
    assert all(frame["line"] for frame in frames[:14]), frames
    assert frames[14]["module"] == "libc.so.6", frames
    assert not row["truncated"]
    if names[13] == "main":
        assert names[-1] == "_start", names
    threads[names[13]] += row["count"]
assert sum(threads.values()) == 573, threads
assert len(threads) == 2, threads'
}

@test "what has no lines says why, also where some names are left" {
    cat >partly.c <<'END'
#include <stdlib.h>
void *volatile kept[2];
__attribute__((noinline)) void *exported(void) { return kept[0] = malloc(1001); }
static __attribute__((noinline)) void *hidden(void) { return kept[1] = malloc(1002); }
int main(void) { return !exported() + !hidden(); }
END
    cc -O1 -rdynamic -s -o partly partly.c
    cc -O1 -s -o stripped partly.c
    traced ./partly
    traced ./stripped
    note() {
        "$HEAPDELTA" stats --filter "$2" --format json "$OUT/$1".*.exit.hds |
            json 'it["notes"][0] if it["notes"] else None'
    }
    [ "$(note partly module=partly)" = "partly: it has no debug information, so no lines and few names." ]
    [ "$(note partly function=exported)" = None ]
    [ "$(note stripped module=stripped)" = "stripped: its file is stripped, so nothing in it has a line." ]
}
