#!/usr/bin/python3
"""What the page of `heapdelta report` takes: its size, the time to make it, and, measured in a headless
Chromium with performance.now(), until it can be used and for what is done with it.

    report.py BUILD SNAPSHOT… [--rounds N]
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/html"))
from browser import Browser, available

# Each a script that does something, as a user would; how long it takes until it is drawn is measured.
DEEDS = {
    "search": "flame.search = 'expand'; flame.find(); flame.draw(); flame.search = ''; flame.find()",
    "another metric": "flame.metric = flame.metrics[1][0]; flame.update()",
    "callers": "flame.trees.clear(); flame.reverse = true; flame.rebuild()",
    "difference": "flame.reverse = false; flame.differs = flame.canDiffer; flame.rebuild()",
    "zoom": "flame.zoomTo(flame.below(0)[0])",
    "sort": "places.sort = 'size'; places.fill()",
    "by stack": "places.kind = 'stack'; places.group()",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("snapshots", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if available():
        sys.exit(f"report.py: {available()}")
    with tempfile.TemporaryDirectory() as directory:
        page = pathlib.Path(directory) / "page.html"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([options.build / "analyzer/heapdelta", "report", "-o", page,
                        *options.snapshots], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = {"bytes": page.stat().st_size,
                  "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime
                                 - before.ru_stime, 2),
                  "max_rss": after.ru_maxrss * 1024}
        rounds = []
        for _ in range(options.rounds):
            with Browser() as browser:
                browser.open(page)
                times = browser.run("return heapdelta.times")
                for name, deed in DEEDS.items():
                    times[name] = browser.run(
                        "const {flame, places} = heapdelta.parts, begin = performance.now();"
                        f"{deed}; return performance.now() - begin")
                rounds.append(times)
                result["stacks"] = browser.run("""
                    const values = heapdelta.parts.flame.profile.last.allocations;
                    return values.filter(value => value > 0).length""")
                result["nodes"] = browser.run("return heapdelta.parts.flame.profile.nodeCount")
        result["ms"] = {name: round(statistics.median(times[name] for times in rounds), 1)
                        for name in rounds[0]}
    print(json.dumps(result, indent=1))


main()
