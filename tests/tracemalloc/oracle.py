#!/usr/bin/python3
"""What heapdelta says in the manner of tracemalloc, beside what Python's own tracemalloc says of
the same blocks, byte for byte. Speaks TAP.

    oracle.py [CASES [SEED]]

A case is two random snapshots: recursion, ties, empty ones, domains, names that are no UTF-8.
`heapdelta export` turns them into pickles; Python loads these, filters, groups and compares, and
so does heapdelta. SEED names the first case, the next one has the next number; it is printed,
and again with a case that fails.
"""

import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc

build = pathlib.Path(os.environ["BUILD_ROOT"])
heapdelta = os.environ["HEAPDELTA"]

# As in sources.S: the place of file I, line J, is at 0x401000 + 16 * (len(LINES) * I + J).
LINES = (1, 2, 3, 9, 10, 1000)
FILES = ["/src/a.c", "/src/b.c", "/src/lib/a.c", "a.c", "sources/plain.c", "sources/latin1.c",
         "sources/line_ends.c", "/src/ünï/é.c", "/src/日本.c", "/src/\udcff.c", "/src/😀.c",
         "/src/\ufffd.c", "/src/x.pyc", "/src/x.py", "/src/[b].c", "/src/a*.c", "<string>",
         "/src/with space.c", "/src/B.c", "sources/no_such.c", "/src/a.c.pyc", "sources",
         "/src/a-c", "/src/!x", "/src/\udce2\udc82.c"]

SOURCES = {
    "plain.c": b"int one;\n  int two; \t\n\n\n\n\n\n\n\xc2\xa0int nine;\xe2\x80\x83\nint ten;",
    "latin1.c": b"int one; /* \xe9 */\nint two;\n",
    "line_ends.c": b"\xef\xbb\xbfone\r\ntwo\rthree\n\r\n\n\n\n\n\x0c nine \x1c\nten\n",
}

PATTERNS = ["*", "*.c", "/src/*", "*/a.c", "a.c", "/src/?.c", "/src/[ab].c", "/src/[!a]*",
            "/src/[[]b].c", "/src/[a-c].c", "/src/[b-a].c", "/src/[]b]*", "/src/[!]a]?c", "*.py",
            "*.pyc", "*[.]py", "libx*", "*é*", "/src/[à-ÿ]*", "/src/??.c", "<unknown>", "<*>",
            "0x*", "/src/a[*].c", "/src/a[-]c", "/src/a[+--]c", "/src/[!-a]*", "*\udcff*", "/src/[",
            "/src/[b", "*sample*", "*.[ch]", "/src/\\a.c", "**a**", "?*?", "sources/*"]

SIZES = (0, 0, 1, 5, 16, 48, 100, 100, 1023, 1024, 10239, 10240, 1 << 20, (1 << 31) - 1, 1 << 31,
         (1 << 33) + 7, 3 << 40, (1 << 56) - 1)
DOMAINS = (0, 0, 0, 0, 1, 2, 7, 4294967295)


def text_section(path):
    """Where the code of the ELF file PATH lies."""
    data = path.read_bytes()
    at, size, count, names = (struct.unpack_from("<Q", data, 40)[0],
                              *struct.unpack_from("<HHH", data, 58))
    headers = [struct.unpack_from("<IIQQQQ", data, at + i * size) for i in range(count)]
    for name, _, _, address, _, length in headers:
        start = headers[names][4] + name
        if data[start:data.index(b"\0", start)] == b".text":
            return address, length
    raise ValueError(f"{path}: no .text")


class Case:
    """Two snapshots, the new one grown out of the old one."""

    def __init__(self, seed, directory):
        self.random = random.Random(seed)
        self.directory = directory
        # Few files and few sizes make ties, and filters that divide.
        self.files = self.random.choice((FILES, FILES[:3], *[self.random.sample(FILES, 5)] * 3,
                                         ["/src/\udcff.c", "/src/\ufffd.c", "/src/😀.c"],
                                         ["/src/x.pyc", "/src/x.py", "/src/a.c.pyc", "/src/a-c"],
                                         FILES[4:8] + FILES[18:20]))
        self.sizes = self.random.choice((SIZES, SIZES, (100, 100), (0, 5)))
        self.frames = self.make_frames()
        self.counted = self.random.random() < 0.05
        count = self.random.choice((0, 1, 2, 5, 12, 30))
        self.stacks = [(self.random.choice(self.frames)[0] if self.random.random() < 0.95 else "-",
                        self.random.choice((0, 0, 0, 1, 2)), self.random.choice(DOMAINS))
                       for _ in range(count)]
        old = self.make_blocks() if self.random.random() < 0.9 else []
        new = self.change(old) if self.random.random() < 0.9 else self.make_blocks()
        self.paths = [self.write("old", old), self.write("new", new)]
        self.blocks = [old, new]

    def make_frames(self):
        """(name, parent, address, module), callers first."""
        pick = self.random
        frames = []
        sample_start, sample_size = sample_text
        for i in range(pick.choice((1, 3, 10, 40, 150))):
            kind = pick.random()
            if kind < 0.75:
                address = 0x401000 + 16 * (len(LINES) * FILES.index(pick.choice(self.files)) +
                                           pick.randrange(len(LINES))) + pick.randrange(16)
                module = "sources"
            elif kind < 0.85:
                address, module = 0x5000000 + sample_start + pick.randrange(sample_size), "sample"
            elif kind < 0.95:
                address, module = 0x7000000 + 16 * pick.randrange(4), "libx"
            else:
                address, module = 0x10 * pick.randrange(1, 4), "-"
            parent = "-"
            if frames and pick.random() < 0.9: # often a long chain
                parent = frames[-1][0] if pick.random() < 0.6 else pick.choice(frames)[0]
            if frames and pick.random() < 0.2: # recursion
                address, module = pick.choice(frames)[2:]
            frames.append((f"f{i}", parent, address, module))
        return frames

    def make_blocks(self):
        """(address, size, stack)"""
        if self.stacks and self.random.random() < 0.03: # more than Python appends at once
            return [(0x1000 + 64 * i, self.sizes[i // 2400], 0) for i in range(2500)]
        count = self.random.choice((0, 1, 3, 20, 40, 200)) if self.stacks else 0
        return [(0x1000 + 64 * i, self.random.choice(self.sizes), self.random.randrange(len(self.stacks)))
                for i in range(count)]

    def change(self, blocks):
        if not self.stacks:
            return blocks
        kept = [block for block in blocks if self.random.random() < 0.7]
        kept = [(address, self.random.choice(self.sizes), stack) if self.random.random() < 0.2
                else (address, size, stack) for address, size, stack in kept]
        return kept + [(0x100000 + address, size, stack)
                       for address, size, stack in self.make_blocks() if self.random.random() < 0.3]

    def write(self, name, blocks):
        text = [f"process label {name}", f"process flags {2 if self.counted else 0}",
                "process run 7",
                f"module sources 0x400000-0x500000 0 {build}/tests/tracemalloc/sources -",
                f"module sample 0x5000000-0x6000000 0x5000000 {sample} -",
                "module libx 0x7000000-0x8000000 0x7000000 /nonexistent/libx.so -"]
        text += ["frame {} {} {:#x} {}".format(*frame) for frame in self.frames]
        for i, (frame, flags, domain) in enumerate(self.stacks):
            text += [f"stack s{i} {frame} {flags}", f"owner s{i} {domain}"]
        text += [f"block {address:#x} {size} s{stack}" for address, size, stack in blocks]
        path = self.directory / f"{name}.hds"
        path.with_suffix(".txt").write_text("\n".join(text) + "\n")
        subprocess.run([build / "tests/support/make_snapshot", path.with_suffix(".txt"), path],
                       check=True)
        return path

    def make_filters(self):
        """Filters of Python, and the options that say the same."""
        filters, options = [], []
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 5))):
            inclusive = self.random.random() < 0.6
            domain = self.random.choice(DOMAINS) if self.random.random() < 0.3 else None
            pattern = self.random.choice(PATTERNS + self.files * 2)
            line = self.random.choice(LINES + (0,)) if self.random.random() < 0.3 else None
            all_frames = self.random.random() < 0.3
            if domain is not None and self.random.random() < 0.4:
                filters.append(tracemalloc.DomainFilter(inclusive, domain))
                text = f"domain={domain}"
            else:
                filters.append(tracemalloc.Filter(inclusive, pattern, line, all_frames, domain))
                text = ((f"domain={domain}," if domain is not None else "") +
                        ("all-frames," if all_frames else "") + "file=" + pattern +
                        (f":{line}" if line is not None else ""))
            options += ["--filter" if inclusive else "--exclude", text]
        return filters, options


def call(*arguments):
    return subprocess.run([heapdelta, *map(str, arguments)], check=True,
                          capture_output=True).stdout


def words(statistics, key, most_recent_first):
    """What a program prints of STATISTICS."""
    lines = []
    for statistic in statistics:
        lines.append(str(statistic))
        if key == "traceback":
            lines += statistic.traceback.format(most_recent_first=most_recent_first)
    return "".join(line + "\n" for line in lines).encode(errors="surrogateescape")


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}\nheapdelta: {actual!r}\nPython:    {expected!r}")


MODES = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True),
         ("filename", True)]


def check_mode(case, snapshots, mode, filters, options):
    key, cumulative = mode
    most_recent_first = case.random.random() < 0.5
    options = ["--format", "tracemalloc", "--limit", 0, "--group-by", key, *options,
               *(["--cumulative"] if cumulative else []),
               *(["--most-recent-first"] if most_recent_first else [])]
    old, new = (snapshot.filter_traces(filters) for snapshot in snapshots)
    expect(call("stats", *options, case.paths[1]),
           words(new.statistics(key, cumulative), key, most_recent_first), f"stats {options}")
    expect(call("diff", *options, *case.paths),
           words(new.compare_to(old, key, cumulative), key, most_recent_first), f"diff {options}")


def check_json(case, snapshots):
    """The same numbers in JSON; and what we count otherwise: a group once a block."""
    key, cumulative = case.random.choice(MODES)
    options = ["--format", "json", "--limit", 0, "--group-by", key,
               *(["--cumulative"] if cumulative else [])]
    old, new = snapshots
    rows = json.loads(call("diff", "--tracemalloc-compat", *options, *case.paths))["rows"]
    expect([(row["size"], row["size_diff"], row["count"], row["count_diff"]) for row in rows],
           [(stat.size, stat.size_diff, stat.count, stat.count_diff)
            for stat in new.compare_to(old, key, cumulative)], f"diff {options}")

    sums = {}
    for trace in new.traces:
        for place in {(frame.filename, frame.lineno) for frame in trace.traceback}:
            size, count = sums.get(place, (0, 0))
            sums[place] = (size + trace.size, count + 1)
    rows = json.loads(call("stats", "--cumulative", "--format", "json", "--limit", 0,
                           case.paths[1]))["rows"]
    expect(sorted((row["size"], row["count"]) for row in rows), sorted(sums.values()),
           "stats --cumulative: a group once a block")


def check_domains(case, snapshot):
    sums = {}
    for trace in snapshot.traces:
        size, count = sums.get(trace.domain, (0, 0))
        sums[trace.domain] = (size + trace.size, count + 1)
    rows = json.loads(call("stats", "--group-by", "domain", "--format", "json", "--limit", 0,
                           case.paths[1]))["rows"]
    expect({row["domain"]: (row["size"], row["count"]) for row in rows}, sums, "by domain")


met = set() # the files of all frames


def check_traces(case, snapshots):
    """What was exported are the blocks, and all is as tracemalloc itself would have it."""
    for blocks, snapshot in zip(case.blocks, snapshots):
        expected = [(case.stacks[stack][2], size) for _, size, stack in blocks]
        actual = [(trace.domain, trace.size) for trace in snapshot.traces]
        if case.counted: # what the sizes are of is not known
            expect((len(actual), sum(size for _, size in actual)),
                   (len(expected), sum(size for _, size in expected)), "traces")
        else:
            expect(sorted(actual), sorted(expected), "traces")
        expect(type(snapshot.traces._traces), list, "as Snapshot.dump() has it")
        for trace in snapshot.traces:
            total = trace.traceback.total_nframe
            expect(total is None or total == len(trace.traceback), True, "total_nframe")
            met.update(frame.filename for frame in trace.traceback)
            expect(1 <= len(trace.traceback) <= snapshot.traceback_limit, True, "traceback_limit")


def check_case(seed, directory, thorough):
    case = Case(seed, directory)
    snapshots = []
    for path in case.paths:
        call("export", "--to", "tracemalloc", "-o", path.with_suffix(".pickle"), path)
        snapshots.append(tracemalloc.Snapshot.load(path.with_suffix(".pickle")))
    check_traces(case, snapshots)
    for mode in MODES if thorough else case.random.sample(MODES, 1):
        check_mode(case, snapshots, mode, [], [])
    for mode in MODES if thorough else case.random.sample(MODES, 2):
        check_mode(case, snapshots, mode, *case.make_filters())
    check_json(case, snapshots)
    check_domains(case, snapshots[1])


def check_sizes():
    """The words for sizes are those of tracemalloc."""
    numbers = [0, 1, 99, 100, 999, 1023, 1024, 10239, 10240, 102399, 102400, 10485759, 10485760,
               9216 << 40, 10239 << 40, 10240 << 40, (1 << 63) - 1, 2.5, 3.5, 99.95, 10239.5]
    numbers += [1024 ** power * 100 + delta for power in range(5) for delta in (-1, 0, 1)]
    numbers += [1024 ** power * 10 + delta for power in range(5) for delta in (-1, 0, 1)]
    pick = random.Random(1)
    numbers += [pick.randrange(1 << pick.randrange(1, 63)) for _ in range(8000)]
    numbers += [pick.randrange(1 << 40) / pick.randrange(1, 1000) for _ in range(2000)]
    asked = [(sign * number, signed) for number in numbers
             for sign, signed in ((1, False), (1, True), (-1, True))]
    text = "".join(f"{'+' if signed else ''}{number!r}\n" for number, signed in asked)
    lines = subprocess.run([build / "tests/tracemalloc/format_size"], input=text, text=True,
                           check=True, stdout=subprocess.PIPE).stdout.splitlines()
    expect(lines, [tracemalloc._format_size(number, signed) for number, signed in asked], "sizes")
    return len(asked)


def main():
    global sample, sample_text
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() // 1000000
    sample = build / "tests/tracemalloc/sample"
    sample_text = text_section(sample)

    print("1..3", flush=True)
    print(f"# {cases} cases from seed {seed}; one again: oracle.py 1 SEED", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        os.chdir(directory)
        (directory / "sources").mkdir()
        for source, content in SOURCES.items():
            (directory / "sources" / source).write_bytes(content)
        for i in range(cases):
            try:
                check_case(seed + i, directory, i % 10 == 0)
            except (AssertionError, subprocess.CalledProcessError) as error:
                failed += 1
                for line in [f"seed {seed + i}", *str(error).splitlines(),
                             *str(getattr(error, "stderr", "")).splitlines()]:
                    print(f"# {line}".encode(errors="surrogateescape").decode(errors="replace"))
                if failed == 5:
                    break
    print(f"{'not ok' if failed else 'ok'} 1 - {cases} cases are as Python has them")
    try:
        print(f"ok 2 - {check_sizes()} sizes are in the words of Python")
    except AssertionError as error:
        failed += 1
        print("not ok 2 - sizes are in the words of Python\n#", str(error)[:2000])
    missing = [name for name in [*FILES, "<unknown>", "libx.so+0x10", "0x10"] if name not in met]
    if not any(name.endswith("symbols_sample_c.c") for name in met):
        missing.append("symbols_sample_c.c")
    good = not missing or cases < 200
    failed += not good
    print(f"{'ok' if good else 'not ok'} 3 - frames of all kinds were met", missing)
    sys.exit(failed > 0)


main()
