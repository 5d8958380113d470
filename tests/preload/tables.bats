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
