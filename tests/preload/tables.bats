#!/usr/bin/env bats
# 400,000 blocks are known one by one, whoever's allocator they come from, and
# what has passed costs nothing.

load common

JEMALLOC=/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2

# The blocks that many_blocks itself allocated are those that it says.
all_known() {
    [ "$(allocated_in "$(snapshot exit)" many_blocks.c function | cut -d' ' -f2-)" = "$(cat truth)" ]
    [ "$(info "$(snapshot exit)" 'it["missed_frees"]')" -eq 0 ]
    snapshots_add_up
}

@test "400,000 blocks" {
    traced "$PROGRAMS/many_blocks" >truth
    all_known
}

@test "400,000 blocks of jemalloc, which lie close together" {
    [ -e "$JEMALLOC" ] || skip "no jemalloc here"
    HEAPDELTA_OUT="$OUT" LD_PRELOAD="$SHIM $JEMALLOC" "$PROGRAMS/many_blocks" >truth
    all_known
}

@test "jemalloc preloaded first" {
    # Then the calls never reach us: nothing is traced, nothing is harmed.
    [ -e "$JEMALLOC" ] || skip "no jemalloc here"
    [ "$(HEAPDELTA_OUT="$OUT" LD_PRELOAD="$JEMALLOC $SHIM" "$PROGRAMS/many_blocks")" = \
        "$("$PROGRAMS/many_blocks")" ]
}

@test "our own memory does not grow with events, threads or snapshots" {
    traced "$PROGRAMS/tracer_memory" | tee grown
    # Of 3,000 threads up to 20 live at once, and each of those needs some.
    awk '$2 > ($1 == "threads" ? 20 * 131072 : 262144) { bad = 1 } END { exit bad || NR != 4 }' grown
}

@test "where the memory is: each kind by itself, and together the whole" {
    traced "$PROGRAMS/memory_use" >told
    for label in full holes; do
        "$HEAPDELTA" info --format json "$(snapshot $label)" >"$label.json"
    done
    python3 - <<'END'
import json
full, holes = (json.load(open(f"{label}.json")) for label in ("full", "holes"))
MIB = 1 << 20
told = {name: int(size) for name, size in (line.split() for line in open("told"))}
for name, least in told.items():
    assert least <= holes[name] < least + 2 * MIB, (name, least, holes[name])
assert full["kept"] < 2 * MIB, full["kept"]
for it in full, holes:
    parts = sum(it[key] for key in (
        "bytes", "rounding", "headers", "kept", "tracer_resident", "module_bytes", "stack_bytes",
        "file_bytes", "shared_bytes", "other_bytes", "unexplained")) - it["surplus"]
    assert abs(parts - it["rss"]) < MIB, (parts, it["rss"])
    assert it["unexplained"] < 2 * MIB and it["surplus"] < 3 * MIB, it
    assert abs(it["bytes"] + it["rounding"] + it["headers"] + it["kept"] - it["heap_resident"]) < MIB
    assert it["rss"] // 4 < it["pss"] <= it["rss"] + MIB, it
END
}
