#!/usr/bin/python3
"""Compares what a program says of its blocks with what heapdelta and memcheck say.

    agree.py heapdelta PROGRAM TRUTH COMMAND SNAPSHOT…   `leaks` of each process's last snapshot
    agree.py memcheck  PROGRAM TRUTH XML…                of each process

TRUTH has what truth.h says. Prints what differs, and each function's blocks as lines

    PROCESS FUNCTION CLASS BLOCKS BYTES

on the descriptor 3, the processes numbered in the order in which they ended: for what only the
library that allocates knows, the two must say the same. Where memcheck differs from the
truth, memcheck.table has what it says, and why.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

TABLE = pathlib.Path(__file__).parent / "memcheck.table"
KINDS = {
    "Leak_DefinitelyLost": "definitely_lost",
    "Leak_IndirectlyLost": "indirectly_lost",
    "Leak_PossiblyLost": "possibly_lost",
    "Leak_StillReachable": "still_reachable",
}
LOST = ("definitely_lost", "indirectly_lost", "possibly_lost")


def read_truth(path):
    """Give {pid: {function: {class: (blocks, bytes) or None}}}, the first to end first."""
    truth = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            pid, function, kind, blocks, size = line.split()
            truth.setdefault(int(pid), {}).setdefault(function, {})[kind] = \
                None if blocks == "any" else (int(blocks), int(size))
    return truth


def read_table(program):
    """Give {function: {class: (blocks, bytes)}}, as memcheck sees those of PROGRAM."""
    table = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line[0] in "# ":
            continue
        name, function, *classes = line.split()
        if name == program:
            table[function] = {
                kind: None if numbers == "any" else tuple(map(int, numbers.split("/")))
                for kind, numbers in (entry.split("=") for entry in classes)}
    return table


def plain(name):
    """The name of a function without its parameters, whichever part of it that is."""
    return re.split(r"[(.]", name)[0] if name else ""


def add(found, functions, frames, kind, blocks, size):
    """Add blocks to the newest of FRAMES, names of functions, that is one of FUNCTIONS."""
    for name in map(plain, frames):
        if name in functions:
            entry = found[name].setdefault(kind, [0, 0])
            entry[0] += blocks
            entry[1] += size
            return


def from_heapdelta(command, snapshot, functions):
    """Give {function: {class: [blocks, bytes]}} of the blocks in SNAPSHOT."""
    found = collections.defaultdict(dict)
    output = subprocess.run([command, "leaks", "--all", "--limit", "0", "--format", "json",
                             snapshot], check=True, stdout=subprocess.PIPE).stdout
    for row in json.loads(output)["rows"]:
        add(found, functions, [frame["function"] for frame in row["traceback"]], row["class"],
            row["count"], row["size"])
    return found


def from_memcheck(root, functions):
    found = collections.defaultdict(dict)
    for error in root.iter("error"):
        kind = KINDS.get(error.findtext("kind"))
        if not kind:
            continue
        direct = re.search(r"\(([\d,]+) direct", error.findtext("xwhat/text"))
        size = direct[1].replace(",", "") if direct else error.findtext("xwhat/leakedbytes")
        add(found, functions, [frame.findtext("fn") for frame in error.find("stack")], kind,
            int(error.findtext("xwhat/leakedblocks")), int(size))
    return found


def together(classes):
    """CLASSES with those that say lost, whichever way, taken together as `lost`."""
    lost = [classes[kind] for kind in LOST if kind in classes]
    rest = {kind: numbers for kind, numbers in classes.items() if kind not in LOST}
    return {**rest, "lost": tuple(map(sum, zip(*lost)))} if lost else rest


def compare(process, expected, found, says):
    """Print what differs. Returns how much."""
    wrong = 0
    for function, classes in sorted(expected.items()):
        have = found.get(function, {})
        if "lost" in classes:
            have = together(have)
        good = {kind: have.get(kind) and (numbers is None or tuple(have[kind]) == numbers)
                for kind, numbers in classes.items()}
        if not all(good.values()) or set(have) - set(classes):
            print(f"process {process}, {function}: truth {classes}, {says} {have}")
            wrong += 1
    return wrong


def main(says, program, truth_path, *files):
    truth = read_truth(truth_path)
    wrong = 0 if truth else 1
    if says == "heapdelta":
        command, *files = files
        of_pid = {int(pathlib.Path(file).name.split(".")[-4]): file for file in files}
    else:
        roots = [xml.etree.ElementTree.parse(file).getroot() for file in files]
        of_pid = {int(root.findtext("pid")): root for root in roots}
    with os.fdopen(3, "w", encoding="utf-8") as list_of_all:
        for process, (pid, expected) in enumerate(truth.items()):
            if says == "heapdelta":
                found = from_heapdelta(command, of_pid[pid], expected)
            else:
                found = from_memcheck(of_pid[pid], expected)
                expected = {**expected, **read_table(program)}
            wrong += compare(process, expected, found, says)
            for function, classes in sorted(found.items()):
                for kind, numbers in sorted(classes.items()):
                    print(process, function, kind, *numbers, file=list_of_all)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
