#!/usr/bin/env bats
# Stacks that end early, or whose call frame information lies, are truncated and say so.

load common

flags_are_right() {
    traced "$PROGRAMS/odd_stacks" >printed
    PYTHONPATH=$TOOLS "$PYTHON" -c 'import sys, snapshot
heap = snapshot.Snapshot(sys.argv[1])
found = {False: [], True: []}
for block in heap.blocks:
    if 6000 <= block.size < 8000:
        found[block.size >= 7000].append(bool(heap.stacks[block.stack][1] & snapshot.TRUNCATED))
print(len(found[False]), len(found[True]))
assert not any(found[False]), "a whole stack is said to be truncated"
assert all(found[True]), "a truncated stack is said to be whole"' "$(snapshot exit)" >seen
    diff printed seen
}

@test "no stack does harm, and one that is not whole is flagged" { flags_are_right; }
@test "the same by libunwind" { HEAPDELTA_UNWINDER=libunwind flags_are_right; }
