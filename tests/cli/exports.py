#!/usr/bin/python3
"""What `heapdelta export` writes, as the programs it is for read it, beside what `stats` and
`diff` say of the same snapshots. Speaks TAP.

    exports.py WORK_DIRECTORY

pprof: `go tool pprof`. massif: `ms_print`. dot: Graphviz. svg: an XML parser. speedscope: its file
format as documented, checked here. folded: what its lines say.
"""

import collections
import csv
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

build = pathlib.Path(os.environ["BUILD_ROOT"])
source = pathlib.Path(os.environ["SOURCE_ROOT"])
work = pathlib.Path(sys.argv[1])
heapdelta = os.environ["HEAPDELTA"]
count = 0
failed = False


def point(name, problem=None, skip=None):
    """Say how a check ended: PROBLEM is None if it is well."""
    global count, failed
    count += 1
    failed |= problem is not None
    print(f"{'ok' if problem is None else 'not ok'} {count} - {name}"
          + (f" # SKIP {skip}" if skip else ""))
    for line in str(problem or "").splitlines():
        print("# " + line)


def output(*command):
    environment = dict(os.environ, HOME=str(work), PPROF_TMPDIR=str(work), GOTOOLCHAIN="local")
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode(errors="replace")


def rows(snapshot, *options):
    return json.loads(output(heapdelta, "stats", "--limit", "0", "--format", "json", *options,
                             snapshot))["rows"]


def by_function(table, key):
    """Sums by the name of the function, as others do not tell modules apart."""
    sums = collections.Counter()
    for row in table:
        sums[row["function"]] += row[key]
    return {name: number for name, number in sums.items() if number}


def difference(actual, expected):
    """None if they are the same, else what differs."""
    if actual == expected:
        return None
    lines = [f"{name}: {actual.get(name)}, not {expected.get(name)}"
             for name in sorted(set(actual) | set(expected))
             if actual.get(name) != expected.get(name)]
    return "\n".join(lines[:20])


def export(snapshot, form, *options):
    path = work / f"{snapshot.stem}.{form}"
    output(heapdelta, "export", "--to", form, "-o", path, *options, snapshot)
    return path


def pprof_top(*arguments):
    """Function and number, as `pprof -top` lists them."""
    text = output("go", "tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0",
                  "-edgefraction=0", *arguments)
    sums = {}
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["flat", "flat%"])
    for line in lines[start + 1:]:
        words = line.split(None, 5)
        number = int(re.fullmatch(r"(-?\d+)B?", words[0]).group(1))
        name = words[5].removesuffix(" (inline)").removesuffix(" (partial-inline)")
        if number:
            sums[name] = sums.get(name, 0) + number
    return sums


def check_pprof(snapshot):
    table = rows(snapshot, "--group-by", "function", "--columns",
                 "allocations,allocated_bytes")
    path = export(snapshot, "pprof")
    for sample, key in (("inuse_space", "size"), ("inuse_objects", "count"),
                        ("alloc_space", "allocated_bytes"), ("alloc_objects", "allocations")):
        options = [f"-sample_index={sample}"] + (["-unit=B"] if "space" in sample else [])
        # What is alive nowhere is no row of stats, but was allocated.
        expected = by_function(table, key)
        actual = pprof_top(*options, path)
        if "alloc" in sample:
            actual = {name: number for name, number in actual.items() if name in expected}
        if key in ("size", "count"):
            point(f"{snapshot.stem}: pprof -top of {sample}", difference(actual, expected))
        else:
            less = {name: number for name, number in expected.items()
                    if actual.get(name, 0) < number}
            point(f"{snapshot.stem}: pprof -top of {sample} has at least that of the living",
                  difference({}, less))


def check_pprof_base(before, after):
    table = json.loads(output(heapdelta, "diff", "--limit", "0", "--format", "json", "--group-by",
                              "function", before, after))["rows"]
    actual = pprof_top("-unit=B", "-diff_base", export(before, "pprof"), export(after, "pprof"))
    point(f"{after.stem}: pprof -diff_base", difference(actual, by_function(table, "size_diff")))


def check_folded(snapshot):
    for value, key in (("bytes", "size"), ("blocks", "count")):
        table = rows(snapshot, "--group-by", "function")
        sums = collections.Counter()
        for line in export(snapshot, "folded", "--value", value).read_text(
                errors="replace").splitlines():
            stack, number = line.rsplit(" ", 1)
            sums[stack.split(";")[-1]] += int(number)
        expected = {name.replace(";", ":"): number
                    for name, number in by_function(table, key).items()}
        point(f"{snapshot.stem}: folded, {value}", difference(dict(sums), expected))


def check_peak(snapshot):
    """Of a process with one thread the parts of the peak are the peak."""
    peak = json.loads(output(heapdelta, "info", "--format", "json", snapshot))["peak"]
    lines = export(snapshot, "folded", "--value", "peak_bytes").read_text().splitlines()
    total = sum(int(line.rsplit(" ", 1)[1]) for line in lines)
    point(f"{snapshot.stem}: folded, at the peak", None if total == peak else f"{total}, not {peak}")


def check_speedscope(snapshot):
    """The file format of speedscope, type by type; then the sums."""
    document = json.loads(export(snapshot, "speedscope").read_text())
    problem = None
    try:
        assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
        assert set(document) <= {"$schema", "shared", "profiles", "name", "activeProfileIndex",
                                 "exporter"}
        frames = document["shared"]["frames"]
        for frame in frames:
            assert set(frame) <= {"name", "file", "line", "col"}, frame
            assert isinstance(frame["name"], str)
            assert isinstance(frame.get("file", ""), str)
            assert isinstance(frame.get("line", 0), int)
        assert 0 <= document["activeProfileIndex"] < len(document["profiles"])
        for profile in document["profiles"]:
            assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples",
                                    "weights"}
            assert profile["type"] == "sampled"
            assert profile["unit"] in ("none", "bytes")
            assert len(profile["samples"]) == len(profile["weights"])
            assert all(0 <= i < len(frames) for sample in profile["samples"] for i in sample)
            assert profile["endValue"] - profile["startValue"] == sum(profile["weights"])
    except (AssertionError, KeyError) as error:
        problem = f"not as the format says: {error!r}"
    point(f"{snapshot.stem}: speedscope's file format", problem)
    active = document["profiles"][document["activeProfileIndex"]]
    sums = collections.Counter()
    for sample, weight in zip(active["samples"], active["weights"]):
        sums[frames[sample[-1]]["name"]] += weight
    point(f"{snapshot.stem}: speedscope, bytes",
          difference(dict(sums), by_function(rows(snapshot, "--group-by", "function"), "size")))


def check_massif(snapshot):
    text = output("ms_print", "--threshold=0", export(snapshot, "massif"))
    total = sum(row["size"] for row in rows(snapshot))
    sums = collections.Counter()
    rest = 0
    for line in text.splitlines():
        found = re.match(r"->\d+\.\d+% \(([\d,]+)B\) (.*)$", line)
        if not found:
            continue
        number = int(found.group(1).replace(",", ""))
        if re.match(r"in \d+\+? places", found.group(2)):
            rest += number
        else:
            name = re.match(r"0x0: (.*?)(?: \([^()]*:\d+\)| \(in [^()]*\))?$", found.group(2))
            sums[name.group(1)] += number
    expected = by_function(rows(snapshot, "--group-by", "function"), "size")
    worst = max((abs(sums[name.replace("#", "@")] - number) for name, number in expected.items()),
                default=0)
    point(f"{snapshot.stem}: ms_print, bytes of the largest",
          None if worst <= rest else f"one differs by {worst}, only {rest} are not told apart")
    point(f"{snapshot.stem}: ms_print, bytes of all",
          None if sum(sums.values()) + rest == total else f"{sum(sums.values()) + rest}, not {total}")


def check_svg(snapshot):
    text = export(snapshot, "svg").read_text()
    root = ElementTree.fromstring(text)
    total = sum(row["size"] for row in rows(snapshot))
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    problem = None
    if tags - {"svg", "style", "rect", "text", "title", "g"}:
        problem = f"it has other elements: {tags}"
    elif not titles or not titles[0].startswith("all ("):
        problem = f"it does not begin with all: {titles[:1]}"
    elif total < 10240 and f"({total} B," not in titles[0]:
        problem = f"{titles[0]}, not {total}"
    point(f"{snapshot.stem}: svg", problem)


def check_dot(snapshot):
    path = export(snapshot, "dot", "--limit", "0")
    plain = output("dot", "-Tplain", path)
    blocks = sum(int(number) for number in re.findall(r"\\n(\d+) blocks?, ", path.read_text()))
    expected = sum(row["count"] for row in rows(snapshot))
    point(f"{snapshot.stem}: dot, blocks of all", None if blocks == expected
          else f"{blocks}, not {expected}")
    point(f"{snapshot.stem}: Graphviz lays it out",
          None if plain.rstrip().endswith("stop") and "\nnode " in plain else plain[:500])


def check_tables(snapshot):
    expected = {row["stack"]: (row["size"], row["count"], len(row["traceback"]))
                for row in rows(snapshot, "--group-by", "traceback")}
    document = json.loads(export(snapshot, "json").read_text())
    actual = {row["stack"]: (row["size"], row["count"], len(row["traceback"]))
              for row in document["rows"]}
    point(f"{snapshot.stem}: json", difference(actual, expected))
    table = csv.DictReader(io.StringIO(export(snapshot, "csv").read_bytes().decode(errors="replace")))
    actual = {int(row["stack"]): (int(row["size"]), int(row["count"])) for row in table}
    point(f"{snapshot.stem}: csv",
          difference(actual, {stack: row[:2] for stack, row in expected.items()}))


def make(name, text=None):
    """The snapshot that snapshots/NAME.txt, or TEXT, describes."""
    text = text or (source / "tests/cli/snapshots" / f"{name}.txt").read_text()
    description = work / f"{name}.txt"
    description.write_text(text.replace("@DIR@", str(build / "tests/cli")))
    path = work / f"{name}.hds"
    output(build / "tests/support/make_snapshot", description, path)
    return path


def deep():
    """Recursion deeper than any viewer's stack may be."""
    lines = ["process program /opt/app/app",
             f"module app 0x400000-0x403000 0 @DIR@/places 0123456789abcdef0123456789abcdef01234567 1",
             "frame f0 - 0x401000 app"]
    lines += [f"frame f{i} f{i - 1} 0x401010 app" for i in range(1, 3000)]
    lines += [f"stack s{i} f{i}" for i in range(0, 3000, 100)]
    lines += [f"block {0x500000 + 64 * i:#x} 10 s{i}" for i in range(0, 3000, 100)]
    return make("deep", "\n".join(lines) + "\n")


def record(name, *command):
    """The snapshots of COMMAND, by label."""
    output(heapdelta, "run", "--quiet", "--graph", "-o", work / name, "--", *command)
    return sorted((work / name).glob("*.hds"))


def main():
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    before, after, graph, odd = make("before"), make("after"), make("graph"), make("odd")
    leak = record("leak", build / "samples/event_handler_leak", "100")
    has_pprof = shutil.which("go") is not None
    for snapshot in (before, after, graph, odd, make("empty"), make("child"), leak[-1], deep()):
        if not has_pprof:
            point(f"{snapshot.stem}: pprof", skip="no go")
        elif snapshot.stem != "empty":  # which pprof refuses to list
            check_pprof(snapshot)
        check_folded(snapshot)
        check_speedscope(snapshot)
        check_svg(snapshot)
        check_tables(snapshot)
        if snapshot.stem != "deep":  # ms_print recurses
            check_massif(snapshot)
    if has_pprof:
        check_pprof_base(before, after)
        check_pprof_base(leak[0], leak[1])
    check_peak(leak[-1])
    for snapshot in (graph, leak[-1]):
        check_dot(snapshot)
    print(f"1..{count}")
    sys.exit(failed)


main()
