#!/usr/bin/env bats
# Whatever goes on, for however long: nothing is lost, and nothing is kept.

load common

@test "threads, plug-ins, children and snapshots all the while: each event counts, our memory is flat" {
    mkdir soak
    "$PYTHON" "$TOOLS/soak.py" "$SHIM" "$PROGRAMS/soak" "$PROGRAMS/soak_plugin.so" soak \
        --minutes 3 >said || {
        cat said
        return 1
    }
}
