#!/usr/bin/python3
"""off_cost.py - what a program pays that is only ready to be traced.

    off_cost.py BUILD [ROUNDS]

A pair of malloc and free, and a python3 that takes all its memory from malloc, each run
natively and under `heapdelta run --off` in turn. Prints the medians of both, and of the
differences between neighbours with their quartiles: neighbours share what else the
machine does, so only their difference counts.
"""

import os
import statistics
import subprocess
import sys
import tempfile

# Lists, dictionaries and text; all CPU time of the process, the start of python3 included.
SCRIPT = """
import json, time
rows = [{"id": i, "name": "row %d" % i, "tags": [str(j) for j in range(i % 9)]}
        for i in range(60000)]
for _ in range(3):
    rows = json.loads(json.dumps(rows))
print(time.process_time())
"""


def figure(command, directory, off):
    """The number that COMMAND prints; traced by the command OFF, if there is one."""
    environment = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="0")
    return float(subprocess.run(off + command, cwd=directory, env=environment, check=True,
                                stdout=subprocess.PIPE).stdout)


def compare(command, rounds, directory, off):
    """The figures of COMMAND, native and off, a pair for each round."""
    pairs = []
    for number in range(rounds):
        order = (False, True) if number % 2 == 0 else (True, False)
        values = {is_off: figure(command, directory, off if is_off else []) for is_off in order}
        pairs.append((values[False], values[True]))
    return pairs


def report(name, pairs, change, unit, target):
    """A line about PAIRS, whose difference CHANGE says in UNIT."""
    low, middle, high = statistics.quantiles([change(*pair) for pair in pairs], n=4)
    native = statistics.median(pair[0] for pair in pairs)
    off = statistics.median(pair[1] for pair in pairs)
    print(f"{name:<22} native {native:8.3f}  --off {off:8.3f}  added {middle:+6.2f} {unit} "
          f"[{low:+.2f}, {high:+.2f}], at most {target} {unit} wanted", flush=True)


def main():
    build = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as directory:
        off = [build + "/analyzer/heapdelta", "run", "--quiet", "--off", "-o", "out", "--"]
        report("malloc/free pair, ns",
               compare([build + "/bench/off_cost"], rounds, directory, off),
               lambda native, traced: traced - native, "ns", 3)
        report("python3, s of CPU",
               compare(["/usr/bin/python3", "-c", SCRIPT], rounds, directory, off),
               lambda native, traced: (traced / native - 1) * 100, "%", 2)


if __name__ == "__main__":
    main()
