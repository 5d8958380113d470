#!/usr/bin/env bats
load real

@test "luajit, whose compiled code calls malloc" {
    command -v luajit >/dev/null || skip "no luajit here"
    cat >script.lua <<'END'
local ffi = require("ffi")
ffi.cdef("void *malloc(size_t size); void free(void *block); int setenv(const char *, const char *, int);")
local kept, words = {}, {}
for i = 1, 100000 do
    local block = ffi.C.malloc(i % 300 + 1)
    if i % 1000 == 0 then
        kept[#kept + 1] = ffi.C.malloc(7777)
    end
    ffi.C.free(block)
    words[#words + 1] = tostring(i % 97)
end
local threads = {}
for i = 1, 100 do
    threads[i] = coroutine.wrap(function() while true do coroutine.yield(#table.concat(words, ",", 1, i)) end end)
end
local sum = 0
for _ = 1, 50 do for i = 1, 100 do sum = sum + threads[i]() end end
print(#kept, sum, select(2, pcall(error, "caught")), jit.status())
io.stderr:write("to stderr\n")
os.exit(6)
END
    alike luajit script.lua
    [ "$status" -eq 6 ]
    grep "caught.*true" native.out
    accounted --generated-code
    "$PYTHON" - "$TOOLS" "$(snapshot exit)" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import snapshot
heap = snapshot.Snapshot(sys.argv[2])
stacks = [block.stack for block in heap.blocks if block.size == 7777]
assert len(stacks) == 100, len(stacks)
# The trace is compiled after some rounds, and has no unwind tables.
assert any(heap.stacks[stack][1] & snapshot.TRUNCATED for stack in stacks), heap.stacks
assert heap.account.truncated_stacks > 0
END
}
