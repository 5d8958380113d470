"""Lets soak run, and compares each of its snapshots with its own ledger.

    soak.py SHIM PROGRAM PLUGIN DIR (--rounds N | --minutes N)

At each snapshot the blocks alive and their bytes are what the program says, and so are its
allocations and frees since the beginning: no event was lost. Our own memory is flat: the table of
blocks is in proportion to the memory that malloc has, an epoch takes its record, and all else does
not grow in the second half of the rounds. Snapshots by interval are taken besides. With --minutes
a round takes a second, or as long as it takes.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import time

import snapshot

KEPT = 8  # snapshots by interval
EPOCH = 80  # bytes: struct epoch
SLACK = 256 << 10  # bytes: the counters of threads that have ended wait to be used again
BLOCKS_BASE, BLOCKS_SHARE = 4 << 20, 2  # a word for 32 bytes, and of what malloc gave back, too


def is_own(heap, number):
    """Whether stack NUMBER of HEAP began in the program itself or in a plug-in."""
    frame = heap.stacks[number][0]
    if not frame or not heap.frames[frame].module:
        return False
    module = heap.modules[heap.frames[frame].module - 1]
    return bool(module.flags & snapshot.MAIN) or os.path.basename(module.path).startswith("plugin")


def compare(heap, numbers):
    """What is wrong with HEAP, of which the program says NUMBERS: blocks, bytes and, but for a
    child, allocations and frees."""
    found = heap.complaints()
    own = {number for number in range(len(heap.stacks)) if is_own(heap, number)}
    blocks = [block.size for block in heap.blocks if block.stack in own]
    ours = [len(blocks), sum(blocks), sum(heap.counters[number][0] for number in own),
            sum(heap.counters[number][2] for number in own)][:len(numbers)]
    if ours != numbers:
        found.append(f"blocks, bytes, allocations, frees: {ours}, the program says {numbers}")
    for what in "lost_blocks", "missed_frees", "truncated_stacks":
        if getattr(heap.account, what):
            found.append(f"{what}: {getattr(heap.account, what)}")
    return found


class Soak:
    def __init__(self, shim, program, plugin, directory, interval):
        self.directory = directory
        self.bad = self.children = 0
        self.rest = []  # our memory without what grows with the heap or the epochs
        self.most = 0  # that malloc had
        plugins = [f"{directory}/plugin_{number}.so" for number in range(3)]
        for path in plugins:
            shutil.copy(plugin, path)
        self.out = f"{directory}/out"
        os.mkdir(self.out)
        self.process = subprocess.Popen(
            [program, directory, *plugins], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "LD_PRELOAD": shim, "HEAPDELTA_OUT": self.out, "HEAPDELTA_FOLLOW": "1",
                 "HEAPDELTA_INTERVAL": str(interval), "HEAPDELTA_KEEP": str(KEPT)})
        self.last = []

    def complain(self, what, lines):
        for line in lines[:10]:
            print(f"{what}: {line}")
        self.bad += len(lines)

    def check(self, name, numbers):
        """Compare the snapshot NAME with NUMBERS, and remove it."""
        path = f"{self.directory}/{name}"
        heap = snapshot.Snapshot(path)
        self.complain(name, compare(heap, numbers))
        os.unlink(path)
        return heap

    def round(self):
        """Let the program do one more round, and check it."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            what, name, *numbers = line.split()
            numbers = list(map(int, numbers))
            if what == "child":
                self.check(name, numbers)
                self.children += 1
                continue
            heap = self.check(name, numbers[:4])
            self.look_at_memory(heap, numbers[4])
            self.last = numbers[5:]
            return True
        return False

    def look_at_memory(self, heap, malloc_has):
        """Note how much HEAP's tracer takes, where MALLOC_HAS so many bytes."""
        blocks = heap.account.tracer_blocks_bytes
        self.most = max(self.most, malloc_has)
        if blocks > BLOCKS_BASE + self.most // BLOCKS_SHARE:
            self.complain("the table of blocks", [f"{blocks} bytes, malloc has {self.most}"])
        self.rest.append(heap.account.tracer_bytes - blocks - EPOCH * len(heap.epochs))

    def is_childs(self, path):
        return f".{self.process.pid}." not in os.path.basename(path)

    def clear_children(self):
        """What children that have ended have left is whole, and goes."""
        for path in glob.glob(f"{self.out}/*.exit.hds"):
            if self.is_childs(path):
                for left in glob.glob(path.rsplit(".", 3)[0] + ".*"):
                    self.complain(left, snapshot.Snapshot(left).complaints())
                    os.unlink(left)

    def finish(self):
        """Let the program end, and check what is left."""
        self.process.stdin.close()
        for line in self.process.stdout:
            what, name, *numbers = line.split()
            self.check(name, list(map(int, numbers)))
        status = self.process.wait()
        if status != 5:
            self.complain("the program", [f"status {status}"])
        self.clear_children()
        left = glob.glob(f"{self.out}/*.hds")
        if not 2 <= len(left) <= KEPT + 2:
            self.complain("snapshots by interval", left)
        for path in left:
            self.complain(path, snapshot.Snapshot(path).complaints())
        half = len(self.rest) // 2
        grown = max(self.rest[half:]) - max(self.rest[:half])
        if grown > SLACK:
            self.complain("our memory but for the blocks", [f"{self.rest}"])
        return grown


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in "shim", "program", "plugin", "directory":
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float)
    arguments = parser.parse_args()
    soak = Soak(arguments.shim, arguments.program, arguments.plugin, arguments.directory,
                1000 if arguments.minutes else 200)
    begin = time.monotonic()
    minutes, rounds = 0, 0
    while rounds != arguments.rounds and soak.round():
        soak.clear_children()
        rounds += 1
        if not arguments.minutes:
            continue
        if time.monotonic() >= begin + 60 * minutes:
            print(f"{minutes} minutes: {rounds} snapshots, {soak.last[0]} events, our memory without "
                  f"blocks and epochs {soak.rest[-1]}", flush=True)
            minutes += 1
        if time.monotonic() >= begin + 60 * arguments.minutes:
            break
        time.sleep(max(0, begin + rounds - time.monotonic()))
    grown = soak.finish()
    print("{} snapshots, {} events, {} loads, {} forks, {} threads; ".format(rounds, *soak.last) +
          f"our memory {soak.rest[0]}, in the second half {grown:+}; {soak.bad} complaints")
    sys.exit(1 if soak.bad else 0)


if __name__ == "__main__":
    main()
