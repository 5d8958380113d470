"""Compares classes of blocks, known by their sizes.

    holders.py truth TRUTH < JSON       of `heapdelta leaks --all`, with what the program said
    holders.py valgrind TRUTH < LOG     of memcheck, the same
    holders.py classes < JSON           print "SIZE CLASS"
"""

import json
import re
import sys

KINDS = {
    "definitely lost": "definitely_lost",
    "indirectly lost": "indirectly_lost",
    "possibly lost": "possibly_lost",
    "still reachable": "still_reachable",
}
RECORD = re.compile(r"([\d,]+)(?: \(([\d,]+) direct, [\d,]+ indirect\))? bytes in 1 blocks are (\w+ \w+)")

# What memcheck sees differently, and why.
MEMCHECK = {
    # it looks only at what can still be written to
    "read-only-file": "definitely_lost",
}


def from_heapdelta():
    return {row["size"]: row["class"] for row in json.load(sys.stdin)["rows"] if row["count"] == 1}


def from_memcheck():
    return {int((direct or size).replace(",", "")): KINDS[kind]
            for size, direct, kind in RECORD.findall(sys.stdin.read())}


def truth(path, differences):
    blocks = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            size, kind, where = line.split()
            blocks[int(size)] = (where, differences.get(where, kind))
    return blocks


def main(what, path=None):
    if what == "classes":
        for size, kind in sorted(from_heapdelta().items()):
            print(size, kind)
        return 0
    expected = truth(path, MEMCHECK if what == "valgrind" else {})
    found = from_memcheck() if what == "valgrind" else from_heapdelta()
    wrong = 0
    cycle = []
    for size, (where, kind) in expected.items():
        if kind == "cycle":
            cycle.append(found.get(size))
        elif found.get(size) != kind:
            print(f"{where} ({size} bytes): expected {kind}, found {found.get(size)}")
            wrong += 1
    # One stands for the cycle, the other belongs to it.
    if sorted(map(str, cycle)) != ["definitely_lost", "indirectly_lost"]:
        print(f"cycle: found {cycle}")
        wrong += 1
    return 1 if wrong or not expected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
