#!/usr/bin/env bats
# Blocks that travel between threads are neither lost nor kept, and every snapshot
# is an exact cut.

load common

@test "each snapshot equals the program's own ledger" {
    mkdir cuts
    traced "$PROGRAMS/cross_thread_free" "${CROSS_THREAD_SECONDS:-8}" 30 cuts
    "$PYTHON" "$TOOLS/cross_thread_ledger.py" cuts 30

    local last
    last=$(snapshot exit)
    [ -z "$(allocated_in "$last" cross_thread_free.c line)" ]
    [ "$(info "$last" 'it["missed_frees"], it["truncated_stacks"]')" = "(0, 0)" ]
    snapshots_add_up
}
