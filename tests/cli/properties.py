#!/usr/bin/python3
"""What must hold of every snapshot, whatever is in it. Speaks TAP.

    properties.py DIRECTORY

Runs the leaking sample under heapdelta in DIRECTORY, adds the snapshots described in
snapshots/*.txt, and looks at all of them.
"""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(os.environ["BUILD_ROOT"])
heapdelta = os.environ["HEAPDELTA"]

KEYS = {
    "lineno": ("file", "line"),
    "filename": ("file",),
    "function": ("function", "module"),
    "traceback": ("stack",),
    "module": ("module",),
    "thread": ("thread", "module", "tid"),
    "size": ("size_min", "size_max"), # only where there are blocks
    "domain": ("domain",),
    "program": ("program",),
    "process": ("program", "pid"),
}
def keys_of(*infos):
    """The keys that snapshots with these INFOS can be grouped by."""
    return {key: parts for key, parts in KEYS.items()
            if key != "size" or all(info["has_blocks"] for info in infos)}


FRAME_KEYS = ("lineno", "filename", "function", "module")  # those that are about a frame
FRAME = {"function", "file", "line", "module", "offset", "inlined"}

count = 0
failed = False


def check(good, name, detail=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print(f"# {detail}")


def call(*arguments):
    return subprocess.run([heapdelta, *map(str, arguments)], check=True, capture_output=True).stdout


def load(*arguments):
    return json.loads(call(*arguments, "--format", "json"))


def column_sum(rows, column):
    return sum(row[column] for row in rows)


def check_stats(path, info):
    """The rows of every key add up to the numbers of info."""
    for group_by, key in keys_of(info).items():
        stats = load("stats", "--group-by", group_by, "--limit", 0, path)
        rows = stats["rows"]
        sums = (column_sum(rows, "size"), column_sum(rows, "count"))
        total = (stats["total"]["size"], stats["total"]["count"])
        names = [tuple(row[part] for part in key) for row in rows]
        order = [(row["size"], row["count"]) for row in rows]
        name = f"{path.name} by {group_by}"

        check(sums == total == (info["bytes"], info["blocks"]), f"{name}: rows add up",
              f"{sums} {total} {info['bytes']} {info['blocks']}")
        check(len(set(names)) == len(names), f"{name}: each key once", names)
        check(order == sorted(order, reverse=True), f"{name}: largest first", order)
        if group_by == "traceback":
            good = all(set(frame) == FRAME for row in rows for frame in row["traceback"])
            check(good, f"{name}: frames have all keys")

        table = list(csv.DictReader(io.StringIO(
            call("stats", "--group-by", group_by, "--limit", 0, "--format", "csv", path).decode())))
        check([(int(row["size"]), int(row["count"])) for row in table] == order,
              f"{name}: CSV says the same", table)

        if group_by in FRAME_KEYS:
            cumulative = load("stats", "--cumulative", "--group-by", group_by, "--limit", 0, path)
            check(cumulative["total"] == stats["total"] and all(
                row["size"] <= info["bytes"] and row["count"] <= info["blocks"]
                for row in cumulative["rows"]), f"{name}: no cumulative row exceeds the total")


def check_diff(old, new):
    """A diff is what the two stats differ by, and backwards it has the other signs."""
    for group_by, key in keys_of(load("info", old), load("info", new)).items():
        diff = load("diff", "--group-by", group_by, "--limit", 0, old, new)
        back = load("diff", "--group-by", group_by, "--limit", 0, new, old)
        rows = diff["rows"]
        name = f"{old.name} to {new.name} by {group_by}"
        order = [(abs(r["size_diff"]), r["size"], abs(r["count_diff"]), r["count"]) for r in rows]

        check(column_sum(rows, "size_diff") == diff["total"]["size_diff"] and
              column_sum(rows, "count_diff") == diff["total"]["count_diff"],
              f"{name}: differences add up", diff["total"])
        check(order == sorted(order, reverse=True), f"{name}: in the order of tracemalloc", order)
        check(sorted(r["size_diff"] for r in rows) == sorted(-r["size_diff"] for r in back["rows"]),
              f"{name}: backwards it is the opposite")
        if group_by != "traceback":  # whose numbers are those of one snapshot
            before = {tuple(r[k] for k in key): r["size"]
                      for r in load("stats", "--group-by", group_by, "--limit", 0, old)["rows"]}
            check(all(r["size"] - r["size_diff"] == before.get(tuple(r[k] for k in key), 0)
                      for r in rows), f"{name}: the old sizes are those of stats")


def known_blocks(path):
    """{identity: size} of the blocks in PATH, as dump has them."""
    lines = [json.loads(line) for line in call("dump", "--format", "json", path).splitlines()]
    domains = [line["domain"] for line in lines if line["section"] == "owners"]
    return {(domains[line["stack"]] if domains else 0, line["address"], line["epoch"]): line["size"]
            for line in lines if line["section"] in ("blocks", "tracked")}


def check_blocks(old, new):
    """What became of each block is what its identity says."""
    before, after = known_blocks(old), known_blocks(new)
    fates = {(key, "gone"): before[key] for key in before.keys() - after.keys()}
    fates.update({(key, "new"): after[key] for key in after.keys() - before.keys()})
    fates.update({(key, "kept" if before[key] == after[key] else "resized"): after[key]
                  for key in before.keys() & after.keys()})
    name = f"{old.name} to {new.name}"
    rows = load("diff", "--list", "--limit", 0, old, new)["blocks"]
    actual = {((row["domain"], row["address"], row["epoch"]), row["fate"]): row["size"]
              for row in rows}
    check(actual == fates and len(rows) == len(fates), f"{name}: the fate of each block",
          set(actual.items()) ^ set(fates.items()))
    for group_by in keys_of(load("info", old)):
        if group_by == "size":
            continue
        diff = load("diff", "--blocks", "--group-by", group_by, "--limit", 0, old, new)
        for fate in ("new", "resized", "gone", "kept"):
            sizes = [size for (_, other), size in fates.items() if other == fate]
            total = (diff["total"][f"{fate}_size"], diff["total"][f"{fate}_count"])
            sums = (column_sum(diff["rows"], f"{fate}_size"),
                    column_sum(diff["rows"], f"{fate}_count"))
            check(total == sums == (sum(sizes), len(sizes)),
                  f"{name} by {group_by}: {fate} adds up", f"{total} {sums}")


def totals(path, group_by):
    """What stats says of each group: {key: (size, count)}. A stack is known by its frames."""
    rows = load("stats", "--group-by", group_by, "--limit", 0, path)["rows"]
    sums = {}
    for row in rows:
        key = tuple(row[part] for part in KEYS[group_by])
        if group_by == "traceback":
            key = tuple((frame["module"], frame["offset"]) for frame in row["traceback"])
        size, blocks = sums.get(key, (0, 0))
        sums[key] = (size + row["size"], blocks + row["count"])
    return sums


def check_together(together, parts, name, keys=None):
    """What is known of several snapshots together is the sum of what each one says."""
    keys = keys or keys_of(load("info", together), *[load("info", part) for part in parts])
    for group_by in keys:
        sums = {}
        for path in parts:
            for key, (size, blocks) in totals(path, group_by).items():
                before = sums.get(key, (0, 0))
                sums[key] = (before[0] + size, before[1] + blocks)
        actual = totals(together, group_by)
        check(actual == sums, f"{name} by {group_by}: the sum of the parts",
              {key: (actual.get(key), sums.get(key)) for key in actual.keys() | sums.keys()
               if actual.get(key) != sums.get(key)})


def check_merge(parts, merged):
    call("merge", "-o", merged, *parts)
    infos, info = [load("info", part) for part in parts], load("info", merged)
    check_together(merged, parts, merged.name)
    for key in ("blocks", "bytes", "peak", "allocations", "frees", "stacks", "tracer_bytes", "rss"):
        if key in ("allocations", "frees") or info["has_blocks"] or key != "stacks":
            check(info[key] == sum(part[key] for part in infos), f"{merged.name}: {key} add up")
    check([(part["program"], part["pid"]) for part in info["parts"]] ==
          [(part["program"], part["pid"]) for part in infos], f"{merged.name}: the parts are named")
    check_stats(merged, info)


def check_tree(directory):
    """A directory of processes that ended is all its files together."""
    files = sorted(directory.glob("*.hds"))
    info = load("info", directory)
    check(info["process_count"] == len(files) == len(info["processes"]),
          f"{directory.name}: a process for each file", info["process_count"])
    check(info["bytes"] == sum(load("info", path)["bytes"] for path in files),
          f"{directory.name}: bytes of info add up")
    check_together(directory, files, directory.name, ("function", "process"))
    diff = load("diff", "--limit", 0, directory, directory)
    check(all(row["size_diff"] == row["count_diff"] == 0 for row in diff["rows"]),
          f"{directory.name}: no difference to itself")
    merged = directory.with_suffix(".merged.hds")
    call("merge", "-o", merged, directory)
    check(totals(merged, "traceback") == totals(directory, "traceback"),
          f"{directory.name}: merged it is the same")


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)

    made = {}
    shutil.copy(build / "tests/cli/places", directory)
    for source in sorted((here / "snapshots").glob("*.txt")):
        text = directory / source.name
        made[source.stem] = text.with_suffix(".hds")
        text.write_text(source.read_text().replace("@DIR@", str(directory)))
        subprocess.run([build / "tests/support/make_snapshot", text, made[source.stem]], check=True)
    subprocess.run([heapdelta, "run", "--quiet", "-o", directory / "run", "--",
                    build / "samples/event_handler_leak", "50"], check=True,
                   stdout=subprocess.DEVNULL)
    taken = sorted((directory / "run").glob("*.hds"))
    check(len(taken) == 3, "the sample took three snapshots", taken)

    for path in [*made.values(), *taken]:
        info = load("info", path)
        check_stats(path, info)
        lines = [json.loads(line) for line in call("dump", "--format", "json", path).splitlines()]
        blocks = [line for line in lines if line["section"] in ("blocks", "tracked")]
        if info["has_blocks"]:
            check((len(blocks), column_sum(blocks, "size")) == (info["blocks"], info["bytes"]),
                  f"{path.name}: the blocks of dump are those of info")
    check_diff(made["before"], made["after"])
    check_diff(made["before"], made["moved"])
    check_blocks(made["before"], made["after"])
    check_blocks(made["owned"], made["owned_later"])
    check_blocks(taken[0], taken[1])
    check_diff(made["empty"], made["odd"])
    check_diff(taken[0], taken[1])
    check_diff(made["before"], made["child"])
    check_merge([made["after"], made["moved"], made["odd"], made["empty"]],
                directory / "merged.hds")
    check_merge([made["child"], made["moved"]], directory / "counted.hds")

    subprocess.run([heapdelta, "run", "--quiet", "--follow", "all", "-o", directory / "tree", "--",
                    "/bin/sh", "-c",
                    "cat /dev/null; (echo a; echo b) | cat; ls / >/dev/null & wait"],
                   check=True, stdout=subprocess.DEVNULL)
    check_tree(directory / "tree")

    leak = [row for row in load("diff", "--limit", 0, taken[0], taken[1])["rows"]
            if row["function"] == "event_handler_new"]
    check(leak and all(row["count_diff"] == 50 for row in leak), "the leak of the sample", leak)
    print(f"1..{count}")
    sys.exit(failed)


main()
