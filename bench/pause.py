#!/usr/bin/python3
"""How long a program stands still for a snapshot without the list of blocks: runs pause, two
threads that allocate from 20,000 stacks, and asks each of its snapshots.

    pause.py BUILD [--stacks N] [--threads N] [--snapshots N] [--json]
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile


def measure(build, options):
    """Give the pauses, in ms, and how many stacks the last snapshot has."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / "bench" / "pause", folder, str(options.stacks),
                        str(options.threads), str(options.snapshots)], check=True,
                       env=dict(os.environ, HEAPDELTA_COUNTERS="1",
                                LD_PRELOAD=str(build / "preload" / "libheapdelta.so")),
                       stdout=subprocess.DEVNULL)
        infos = [json.loads(subprocess.run(
            [build / "analyzer" / "heapdelta", "info", "--format=json",
             os.path.join(folder, f"{number}.hds")],
            check=True, stdout=subprocess.PIPE, text=True).stdout)
            for number in range(options.snapshots)]
        return [info["pause"] / 1e6 for info in infos], infos[-1]["stacks"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--stacks", type=int, default=20000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--snapshots", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pauses, stacks = measure(options.build.resolve(), options)
    result = {"stacks": stacks, "threads": options.threads,
              "pause_ms": round(statistics.median(pauses), 3),
              "least_ms": round(min(pauses), 3), "most_ms": round(max(pauses), 3)}
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:10} {value}")


if __name__ == "__main__":
    main()
