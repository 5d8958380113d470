#!/usr/bin/env bats
# Growth in a sample: of several hundred blocks that were recorded, so that chance does not hide it.

load ../preload/common

@test "what grows is found in a sample, and what is well is not taken for it" {
    local scenes=$BUILD_ROOT/tests/verdicts/verdict

    "$HEAPDELTA" run --sample 256 -o grows --quiet -- "${scenes}_held" registry 1
    "$HEAPDELTA" leaks grows/*.hds >found
    grep -q '^held and growing  entry_new (held.c:' found
    grep -q '^    grows and is not let go: [0-9]* blocks more since the start-up' found
    grep -qx 'What is lost is not known without the heap graph.' found
    "$HEAPDELTA" run --sample 256 -o steady --quiet -- "${scenes}_caches" cache_limited 1
    "$HEAPDELTA" leaks --error-exitcode steady/*.hds >found
    grep -qx 'What is lost is not known without the heap graph; nothing grows.' found
}
