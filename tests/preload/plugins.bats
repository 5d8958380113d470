#!/usr/bin/env bats
# A library that was unloaded keeps its name, also when its address is used again.

load common

# "FUNCTION MODULE COUNT SIZE" for each function that leaked in a plug-in.
plugin_rows() {
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json "$1" |
        "$PYTHON" -c 'import collections, json, sys
found = collections.defaultdict(lambda: [0, 0])
for row in json.load(sys.stdin)["rows"]:
    newest = row["traceback"][0]
    if newest["module"].startswith("plugin_") and newest["module"].endswith(".so"):
        assert newest["file"].endswith("/" + newest["module"].replace(".so", ".c")), newest
        assert row["traceback"][1]["function"] == "plugin_leak", row
        assert "main" in [frame["function"] for frame in row["traceback"]], row
        found[newest["function"], newest["module"]][0] += row["count"]
        found[newest["function"], newest["module"]][1] += row["size"]
for (function, module), (count, size) in sorted(found.items()):
    print(function, module, count, size)'
}

@test "the leak of an unloaded plug-in is named" {
    traced "$PROGRAMS/plugin_host" leak "$PROGRAMS/plugin_one.so"
    for label in unloaded exit; do
        [ "$(plugin_rows "$(snapshot "$label")")" = "leak_in_one plugin_one.so 5 555" ]
    done
    snapshots_add_up
}

@test "two plug-ins at the same address are not confused" {
    local rounds status=0

    rounds=$(traced "$PROGRAMS/plugin_host" same-address "$PROGRAMS/plugin_one.so" \
        "$PROGRAMS/plugin_two.so") || status=$?
    [ "$status" -ne 77 ] || skip "the loader does not use an address again"
    [ "$status" -eq 0 ]
    plugin_rows "$(snapshot exit)" >rows
    diff - rows <<END
leak_in_one plugin_one.so $rounds $((rounds * 111))
leak_in_two plugin_two.so $rounds $((rounds * 222))
END
    snapshots_add_up
}

@test "a thousand rounds of loading and unloading" {
    traced "$PROGRAMS/plugin_host" rounds 1000 "$PROGRAMS/plugin_one.so" "$PROGRAMS/plugin_two.so"
    plugin_rows "$(snapshot exit)" >rows
    diff - rows <<'END'
leak_in_one plugin_one.so 500 8000
leak_in_two plugin_two.so 500 8000
END
    snapshots_add_up
}

@test "a thousand rounds in each of four threads, while four others allocate" {
    cp "$PROGRAMS/plugin_one.so" three.so
    cp "$PROGRAMS/plugin_two.so" four.so
    same_as_native "$PROGRAMS/load_rounds" 1000 "$PROGRAMS/plugin_one.so" \
        "$PROGRAMS/plugin_two.so" "$PWD/three.so" "$PWD/four.so"
    [ "$(cat native.out)" = 4000 ]
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
assert sum(block.size == 24 for block in heap.blocks) >= 4000
assert heap.account.lost_blocks == 0
END
    snapshots_add_up
}

@test "libraries with another malloc are unharmed, unseen, and their frees counted" {
    same_as_native "$PROGRAMS/namespaces" "$PROGRAMS/namespace_plugin.so"
    [ "$status" -eq 5 ]
    back=$(sed -n 's/addresses that came back: //p' native.out)
    [ "$back" -ge 90 ]
    [ "$(info "$(snapshot exit)" 'it["missed_frees"]')" -eq "$back" ]
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" "$back" <<'END'
import collections, sys
sys.path.insert(0, sys.argv[1])
import snapshot
sizes = collections.Counter(block.size for block in snapshot.Snapshot(sys.argv[2]).blocks)
assert [sizes[98], sizes[99]] == [300 - int(sys.argv[3]), 0], sizes
END
    snapshots_add_up
}

@test "two libraries unloaded at once" {
    same_as_native "$PROGRAMS/unload_race" "$PROGRAMS/plugin_one.so" "$PROGRAMS/plugin_two.so"
    [ "$status" -eq 0 ]
    snapshots_add_up
}

@test "loading, forking, walking the modules and taking snapshots all at once" {
    same_as_native "$PROGRAMS/loader_storm" "$PROGRAMS/plugin_one.so"
    [ "$(cat native.out)" = "100 good children" ]
    [ -z "$(allocated_in "$(snapshot exit)" loader_storm.c line)" ]
    snapshots_add_up
}
