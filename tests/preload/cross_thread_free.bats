#!/usr/bin/env bats
# Blocks that travel between threads are neither lost nor kept, and every snapshot
# is an exact cut.

load common

@test "each snapshot equals the program's own ledger" {
    local events=${CROSS_THREAD_EVENTS:-0}
    local count=$((30 + events / 1000000))

    mkdir cuts
    traced "$PROGRAMS/cross_thread_free" "${CROSS_THREAD_SECONDS:-8}" "$count" cuts "$events" >printed
    "$PYTHON" "$TOOLS/cross_thread_ledger.py" cuts "$count" >compared || {
        cat compared
        return 1
    }
    [ "$events" -eq 0 ] || cat printed compared >&3

    local last
    last=$(snapshot exit)
    [ -z "$(allocated_in "$last" cross_thread_free.c line)" ]
    [ "$(info "$last" 'it["missed_frees"], it["truncated_stacks"]')" = "(0, 0)" ]
    snapshots_add_up
}
