"""Compares the stacks of a snapshot with those that stack_oracle.so recorded.

usage: stack_oracle.py SNAPSHOT ORACLE_OUT MIN_STACKS

At least MIN_STACKS different stacks must be found in both. Frame by frame they
must be alike; where libunwind gave up, only as far as it came.
"""
import os
import struct
import sys

import snapshot

EXACT = 1 << 63
ORACLE = "stack_oracle.so"


def read_blocks(path):
    with open(path, "rb") as file:
        for address, size, stack in struct.iter_unpack("<3Q", file.read()):
            if stack:
                yield address, size, stack


class Oracle:
    def __init__(self, directory):
        self.blocks = {address: (size, stack)
                       for address, size, stack in read_blocks(os.path.join(directory, "blocks"))}
        self.file = open(os.path.join(directory, "stacks"), "rb")

    def stack(self, offset):
        """(what unw_step said last, [pc as a snapshot has it…])"""
        self.file.seek(offset)
        _hash, end, count = struct.unpack("<QqQ", self.file.read(24))
        frames = struct.unpack(f"<{count}Q", self.file.read(8 * count))
        return end, [pc & ~EXACT if pc & EXACT else pc - 1 for pc in frames]


def place(heap, address):
    for module in heap.modules:
        if module.start <= address < module.end:
            return f"{os.path.basename(module.path)}+{address - module.bias:#x}"
    return f"{address:#x}"


def main():
    heap = snapshot.Snapshot(sys.argv[1])
    oracle = Oracle(sys.argv[2])
    compared = {}
    blocks = shown = differing = gave_up = frames = 0

    for block in heap.blocks:
        size, offset = oracle.blocks.get(block.address, (None, None))
        if size != block.size:
            continue
        blocks += 1
        if (block.stack, offset) in compared:
            continue
        compared[block.stack, offset] = True
        ours = heap.stack(block.stack)
        assert heap.modules[ours[0].module - 1].path.endswith(ORACLE), "not the oracle's hook"
        ours = [frame.address for frame in ours[1:]]
        end, theirs = oracle.stack(offset)
        if end < 0:
            gave_up += 1
            ours = ours[:len(theirs)]
        elif heap.stacks[block.stack][1] & snapshot.TRUNCATED:
            theirs = None
        frames += len(ours)
        if ours == theirs:
            continue
        differing += 1
        if shown < 3:
            shown += 1
            print(f"stack {block.stack}, block {block.address:#x} of {block.size} bytes:")
            if theirs is None:
                print("  truncated, and libunwind's is not")
            else:
                for i in range(max(len(ours), len(theirs))):
                    one = place(heap, ours[i]) if i < len(ours) else "-"
                    two = place(heap, theirs[i]) if i < len(theirs) else "-"
                    print(f"  {'   ' if one == two else '-> '}{one:50} {two}")
    print(f"{os.path.basename(sys.argv[1])}: {blocks} blocks, {len(compared)} stacks, {frames} frames "
          f"compared; {differing} differ, libunwind gave up on {gave_up}")
    sys.exit(1 if differing or len(compared) < int(sys.argv[3]) else 0)


if __name__ == "__main__":
    main()
