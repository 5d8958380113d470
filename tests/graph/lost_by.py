#!/usr/bin/python3
"""Lists what is lost by who allocated it, in the same form for heapdelta and memcheck.

    lost_by.py heapdelta COMMAND SNAPSHOT
    lost_by.py memcheck XML…      of a process and of those it forked: of the first

Prints lines "CLASS BLOCKS BYTES FUNCTION…": the newest functions as far as main, the allocator's
left out; a function without a name is "?".
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

FRAMES = 4
ALLOCATORS = {"malloc", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc",
              "memalign", "operator new", "operator new[]"}
KINDS = {"Leak_DefinitelyLost": "definitely_lost", "Leak_IndirectlyLost": "indirectly_lost",
         "Leak_PossiblyLost": "possibly_lost"}


def name_of(frames):
    # Of several names of one address each takes another.
    names = [re.split(r"[(@]", name)[0].lstrip("_") if name else "?" for name in frames]
    if "main" in names:
        names = names[:names.index("main") + 1]
    while names and names[0] in ALLOCATORS:
        names.pop(0)
    return " ".join(names[:FRAMES])


def from_heapdelta(command, snapshot):
    output = subprocess.run([command, "leaks", "--limit", "0", "--format", "json", snapshot],
                            check=True, stdout=subprocess.PIPE).stdout
    for row in json.loads(output)["rows"]:
        if row["class"] not in KINDS.values():  # held, and growing
            continue
        yield (row["class"], row["count"], row["size"],
               name_of([frame["function"] for frame in row["traceback"]]))


def parse(files):
    """The reports in FILES; that of a process which became another program has no end."""
    for file in files:
        try:
            yield xml.etree.ElementTree.parse(file).getroot()
        except xml.etree.ElementTree.ParseError:
            pass


def from_memcheck(*files):
    roots = list(parse(files))
    pids = {root.findtext("pid") for root in roots}
    for error in next(root for root in roots if root.findtext("ppid") not in pids).iter("error"):
        kind = KINDS.get(error.findtext("kind"))
        if not kind:
            continue
        direct = re.search(r"\(([\d,]+) direct", error.findtext("xwhat/text"))
        size = direct[1].replace(",", "") if direct else error.findtext("xwhat/leakedbytes")
        yield (kind, int(error.findtext("xwhat/leakedblocks")), int(size),
               name_of([frame.findtext("fn") for frame in error.find("stack")]))


def main(says, *arguments):
    lost = collections.defaultdict(lambda: [0, 0])
    for kind, blocks, size, name in (from_heapdelta if says == "heapdelta" else from_memcheck)(*arguments):
        lost[kind, name][0] += blocks
        lost[kind, name][1] += size
    for (kind, name), (blocks, size) in sorted(lost.items()):
        print(kind, blocks, size, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
