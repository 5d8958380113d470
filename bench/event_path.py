#!/usr/bin/python3
"""What tracing adds to a pair of malloc and free: runs event_path native and traced in
turn, several rounds, and prints the medians of the differences, in ns of CPU time.

    event_path.py BUILD [--rounds N] [--also NAME=LIBRARY]... [--json] [OPTION OF event_path]...

BUILD is a build directory. --also is another library to preload, in the same turns: a
build of before, say, or heaptrack's (which writes to /dev/null then).
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys


def measure(program, options, library):
    """Give {combination: result} of one run with LIBRARY preloaded."""
    environment = dict(os.environ)
    if library:
        environment |= {"LD_PRELOAD": str(library), "DUMP_HEAPTRACK_OUTPUT": "/dev/null"}
    output = subprocess.run([program, *options], env=environment, check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    results = map(json.loads, output.splitlines())
    return {(r["depth"], r["path"], r["threads"], r["blocks"]): r for r in results}


def compare(build, options, rounds, libraries):
    """Give a row for each combination: what it is, native ns, and by library the added ns
    and how the throughput relates to the native one."""
    program = build / "bench" / "event_path"
    runs = [{name: measure(program, options, library)
             for name, library in [("native", None), *libraries.items()]}
            for _ in range(rounds)]
    for key in runs[0]["native"]:
        def median(of):
            return round(statistics.median(map(of, runs)), 3)

        row = dict(zip(("depth", "path", "threads", "blocks"), key))
        row["native_ns"] = median(lambda run: run["native"][key]["ns_median"])
        row["native_pairs_per_second"] = median(lambda run: run["native"][key]["pairs_per_second"])
        for name in libraries:
            row[name] = {
                "added_ns": median(lambda run: run[name][key]["ns_median"]
                                   - run["native"][key]["ns_median"]),
                "added_ns_min": median(lambda run: run[name][key]["ns_min"]
                                       - run["native"][key]["ns_min"]),
                "pairs_per_second": median(lambda run: run[name][key]["pairs_per_second"]),
            }
        yield row


def main(arguments):
    build, rounds, as_json, options = None, 5, False, []
    libraries = {}
    arguments = iter(arguments)
    for argument in arguments:
        if argument == "--rounds":
            rounds = int(next(arguments))
        elif argument == "--also":
            name, _, library = next(arguments).partition("=")
            libraries[name] = library
        elif argument == "--json":
            as_json = True
        elif build is None and not argument.startswith("-"):
            build = pathlib.Path(argument).resolve()
        else:
            options.append(argument)
    if build is None:
        sys.exit(__doc__)
    libraries = {"heapdelta": build / "preload" / "libheapdelta.so", **libraries}
    if not as_json:
        print(f"{'depth':>5} {'path':9} {'threads':>7} {'blocks':6} {'native ns':>10}"
              + "".join(f" {'+ ' + name:>12} {'(least)':>8}" for name in libraries))
    for row in compare(build, options, rounds, libraries):
        if as_json:
            print(json.dumps(row))
        else:
            print(f"{row['depth']:5} {row['path']:9} {row['threads']:7} {row['blocks']:6}"
                  f" {row['native_ns']:10.1f}"
                  + "".join(f" {row[name]['added_ns']:12.1f} {row[name]['added_ns_min']:8.1f}"
                            for name in libraries))


if __name__ == "__main__":
    main(sys.argv[1:])
