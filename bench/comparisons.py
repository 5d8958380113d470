#!/usr/bin/python3
"""comparisons.py - what the analyzer takes to compare two large snapshots, and to export one.

    comparisons.py BUILD [BLOCKS [STACKS]]

Two snapshots of one run, made to order, with 1,000,000 blocks and 20,000 stacks each if nothing
else is said: seven of ten blocks at the same place in both, of these a part resized. Prints for
each command the median of five runs and the most memory, as a whole and by block.
"""

import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = (
    "diff OLD NEW", "diff --group-by traceback --limit 3 OLD NEW",
    "diff --format tracemalloc --group-by traceback --limit 3 OLD NEW",
    "diff --blocks OLD NEW", "diff --list OLD NEW", "stats --group-by size NEW",
    "stats --since 2 NEW", "export --to tracemalloc -o PICKLE OLD",
)


def describe(path, build, blocks, stacks, later):
    # By a child: what we have in memory when we start a command would count as its own.
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1] != 0:
            sys.exit("no snapshot was made")
        return
    pick = random.Random(1)
    frames = 2 * stacks
    lines = [f"process run 7\nprocess epoch 2\n"
             f"module sources 0x400000-0x500000 0 {build}/tests/tracemalloc/sources -"]
    for i in range(1, frames + 1):
        parent = pick.randrange(max(1, i - 3000), i) if i > 1 else "-"
        lines.append(f"frame f{i} {parent} {0x401000 + pick.randrange(0x960):#x} sources")
    lines += [f"stack s{i} {frames - 2 * i}" for i in range(stacks)]
    pick = random.Random(2 + later)
    for i in range(blocks):
        moved = later and pick.random() > 0.7
        lines.append(f"block {0x10000000 + 64 * i + 32 * moved:#x} "
                     f"{pick.choice((16, 24, 100, 1000, 4096))} {pick.randrange(stacks)} "
                     f"{2 if moved else 1}")
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    subprocess.run([build / "tests/support/make_snapshot", path.with_suffix(".txt"), path],
                   check=True)
    os._exit(0)


def run(command):
    """Seconds that COMMAND takes, and the most KiB that it has."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    usage = os.wait4(process.pid, 0)
    if usage[1] != 0:
        sys.exit(f"{command}: status {usage[1]}")
    return time.monotonic() - started, usage[2].ru_maxrss


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    blocks = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    stacks = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
    with tempfile.TemporaryDirectory() as name:
        old, new = pathlib.Path(name) / "old.hds", pathlib.Path(name) / "new.hds"
        describe(old, build, blocks, stacks, False)
        describe(new, build, blocks, stacks, True)
        words = {"OLD": old, "NEW": new, "PICKLE": old.with_suffix(".pickle")}
        print(f"two snapshots, {blocks} blocks and {stacks} stacks each")
        for command in COMMANDS:
            runs = [run([build / "analyzer/heapdelta",
                         *[words.get(word, word) for word in command.split()]]) for _ in range(5)]
            memory = max(memory for _, memory in runs) * 1024
            loaded = blocks * (command.count("OLD") + command.count("NEW"))
            print(f"{statistics.median(seconds for seconds, _ in runs):6.2f} s "
                  f"{memory / 1048576:6.0f} MiB {memory / loaded:5.0f} bytes a block  {command}")
        print(f"the pickle has {words['PICKLE'].stat().st_size / blocks:.1f} bytes a block")


main()
