#!/usr/bin/python3
"""What 5 million live blocks of 16 to 256 bytes cost: runs live_set native and traced in
turn, several rounds, and prints medians: ns added per block and per pair, our memory per
block, and how long a snapshot with all blocks held the program up.

    live_set.py BUILD [--rounds N] [--blocks N] [--json]
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

PHASES = ("grow_ns", "sequential_ns", "random_ns")


def pause_of(build, snapshot):
    """Nanoseconds for which the program stood still for SNAPSHOT."""
    output = subprocess.run([build / "analyzer" / "heapdelta", "info", "--format=json", snapshot],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)["pause"]


def measure(build, blocks, shim):
    """Give the result of one run, with SHIM preloaded if not None."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = os.path.join(folder, "grown.hds")
        environment = dict(os.environ)
        if shim:
            environment["LD_PRELOAD"] = str(shim)
        result = json.loads(subprocess.run(
            [build / "bench" / "live_set", str(blocks), snapshot], env=environment,
            check=True, stdout=subprocess.PIPE, text=True).stdout)
        if shim:
            result["pause_ms"] = pause_of(build, snapshot) / 1e6
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=5000000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    shim = build / "preload" / "libheapdelta.so"

    rounds = [(measure(build, options.blocks, None), measure(build, options.blocks, shim))
              for _ in range(options.rounds)]

    def median(of):
        return statistics.median(of(native, traced) for native, traced in rounds)

    table = {"blocks": options.blocks}
    for phase in PHASES:
        table["native_" + phase] = round(median(lambda native, _: native[phase]), 1)
        table["added_" + phase] = round(median(lambda native, traced: traced[phase] - native[phase]), 1)
    table["bytes_per_block"] = round(
        median(lambda native, traced: (traced["rss"] - native["rss"]) / options.blocks), 2)
    table["said_bytes_per_block"] = round(
        median(lambda _, traced: traced["tracer_bytes"] / options.blocks), 2)
    table["pause_ms"] = round(median(lambda _, traced: traced["pause_ms"]), 1)
    if options.json:
        print(json.dumps(table))
        return
    for name, value in table.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
