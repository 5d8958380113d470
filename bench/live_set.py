#!/usr/bin/python3
"""What 5 million live blocks of 16 to 256 bytes cost: runs live_set native and traced in
turn, several rounds, and prints medians: ns added per block and per pair, our memory per
block, and how long a snapshot with all blocks held the program up.

    live_set.py BUILD [--rounds N] [--blocks N] [--json]
    live_set.py BUILD --graph [--rounds N] [--blocks N] [--json]

The second: each block points at two others, and the snapshot has the heap graph: how long the
program stood still for it, all in all and per GB of its memory, beside what a bare copy of the
same process takes; what the image took to find the edges; and what the commands take that
read them.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PHASES = ("grow_ns", "sequential_ns", "random_ns")
POINTERS = 3  # for each block: two in it, and one to it in the table of all
READERS = {
    "leaks": ["leaks"],
    "retained": ["stats", "--sort", "retained"],
    "dominators": ["tree", "--dominators"],
    "types": ["stats", "--group-by", "type"],
}


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


def timed(*command):
    """Run COMMAND; give its seconds and how much memory it took at most, in bytes."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    return time.monotonic() - begin, usage.ru_maxrss * 1024


def measure_graph(build, blocks, shim):
    """Give what one run with the heap graph took."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = os.path.join(folder, "grown.hds")
        program = json.loads(subprocess.run(
            [build / "bench" / "live_set", str(blocks), snapshot, "linked"], check=True,
            env=dict(os.environ, LD_PRELOAD=str(shim), HEAPDELTA_GRAPH="2"),
            stdout=subprocess.PIPE, text=True).stdout)
        command = build / "analyzer" / "heapdelta"
        info = json.loads(subprocess.run([command, "info", "--format=json", snapshot], check=True,
                                         stdout=subprocess.PIPE, text=True).stdout)
        result = {
            "rss_GB": program["rss"] / 1e9,
            "pause_ms": info["pause"] / 1e6,
            "stopped_ms": info["graph_pause"] / 1e6,
            "stopped_ms_per_GB": info["graph_pause"] / 1e6 / (program["rss"] / 1e9),
            "bare_copy_ms": program["copy_ms"],
            "image_s": info["graph_time"] / 1e9,
            "image_memory_MB": info["graph_memory"] / 1e6,
            "file_MB": os.path.getsize(snapshot) / 1e6,
            "file_bytes_per_block": os.path.getsize(snapshot) / blocks,
        }
        for name, words in READERS.items():
            seconds, memory = timed(command, *words, snapshot)
            result[name + "_s"] = seconds
            result[name + "_bytes_per_edge"] = memory / (POINTERS * blocks)
        return result


def graph_table(build, options, shim):
    rounds = [measure_graph(build, options.blocks, shim) for _ in range(options.rounds)]
    return {"blocks": options.blocks,
            **{name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}}


def set_table(build, options, shim):
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
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=5000000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--graph", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    shim = build / "preload" / "libheapdelta.so"

    if options.graph:
        table = graph_table(build, options, shim)
    else:
        table = set_table(build, options, shim)
    if options.json:
        print(json.dumps(table))
        return
    for name, value in table.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
