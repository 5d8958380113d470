"""Checks what `heapdelta stats` says of a snapshot against `heapdelta info`.

usage: accounted.py HEAPDELTA SNAPSHOT [--generated-code]

Whatever the key, the rows must add up to the bytes and blocks of `info`. Of the
bytes that were allocated in a place which some symbol of the module covers (in
.symtab or .dynsym, of the file or of its separate debug file), 95 % must have a
function name. Places that no symbol covers, as static functions of a stripped
program, can have none and are counted apart.
"""
import bisect
import collections
import json
import os
import subprocess
import sys

KEYS = ("lineno", "filename", "function", "traceback", "module")


def heapdelta(*arguments):
    return json.loads(subprocess.run([sys.argv[1], *arguments], check=True, stdout=subprocess.PIPE).stdout)


class Symbols:
    """The extents of the functions of an ELF file."""

    def __init__(self, path, build_id):
        self.starts = []
        self.ends = []
        extents = set()
        for file in path, f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug":
            if not os.path.exists(file):
                continue
            lines = subprocess.run(["readelf", "-W", "--syms", "--dyn-syms", file],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   check=False).stdout.decode(errors="replace")
            for line in lines.splitlines():
                words = line.split()
                if len(words) > 7 and words[3] in ("FUNC", "IFUNC") and words[6] != "UND":
                    size = int(words[2], 0)
                    if size:
                        extents.add((int(words[1], 16), int(words[1], 16) + size))
        highest = 0
        for start, end in sorted(extents):
            highest = max(highest, end)
            self.starts.append(start)
            self.ends.append(highest)

    def cover(self, offset):
        i = bisect.bisect_right(self.starts, offset) - 1
        return i >= 0 and offset < self.ends[i]


def module_key(module):
    return os.path.basename(module["path"])


def main():
    snapshot = sys.argv[2]
    info = heapdelta("info", "--format", "json", snapshot)
    stats = {key: heapdelta("stats", "--group-by", key, "--limit", "0", "--format", "json", snapshot)
             for key in KEYS}
    failed = []

    for key, report in stats.items():
        sums = {what: sum(row[what] for row in report["rows"]) for what in ("size", "count")}
        if sums != {"size": info["bytes"], "count": info["blocks"]} or report["total"] != sums:
            failed.append(f"{key}: rows {sums}, total {report['total']}, "
                          f"info {info['bytes']} bytes in {info['blocks']} blocks")

    modules = {module_key(module): module for module in info["modules"]}
    symbols = {}
    total = coverable = named = 0
    nameless = collections.Counter()
    truncated = 0
    for row in stats["traceback"]["rows"]:
        total += row["size"]
        truncated += row["truncated"]
        if not row["traceback"]:
            continue
        newest = row["traceback"][0]
        # An inlined frame has the offset of the one that it is inlined in.
        name = newest["module"]
        if name not in symbols:
            module = modules.get(name, {"path": "", "build_id": ""})
            symbols[name] = Symbols(module["path"], module.get("build_id") or "")
        if not symbols[name].cover(newest["offset"]):
            continue
        coverable += row["size"]
        if newest["function"]:
            named += row["size"]
        else:
            nameless[f"{name}+{newest['offset']:#x}"] += row["size"]

    if named < 0.95 * coverable:
        failed.append(f"{named} of {coverable} bytes named; without: {nameless.most_common(5)}")
    if "--generated-code" not in sys.argv and (truncated or info["truncated_stacks"]):
        failed.append(f"{info['truncated_stacks']} truncated stacks, {truncated} of them hold blocks")

    print(f"{os.path.basename(snapshot)}: {total} bytes in {info['blocks']} blocks, {info['stacks']} stacks; "
          f"{coverable} bytes where a symbol is, {named} named; {info['truncated_stacks']} stacks truncated; "
          f"{info['missed_frees']} missed frees")
    for line in failed:
        print(f"  {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
