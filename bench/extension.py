#!/usr/bin/python3
"""extension.py - what it costs to find which line of a Python extension leaks.

    extension.py BUILD [ROUNDS [SECONDS]]

The extension (tests/holders/thumbnails.c) keeps a reference to a string in each call. It is called once
for each request that a small service parses and answers, and in a loop that does nothing else; about so
many seconds natively. All with PYTHONMALLOC=malloc, without which small objects are not seen. Prints
medians of CPU time by native's, all of `heapdelta run` included, and what its verdict names.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

SERVICE = """
import json, sys, thumbnails
for i in range(int(sys.argv[1])):
    request = json.loads('{"id": %d, "name": "picture %d", "tags": ["a", "b", "c"], "size": [640, 480]}' % (i, i % 50))
    answer = {"id": request["id"], "size": thumbnails.size(request["name"]),
              "words": sorted(tag.upper() for tag in request["tags"])}
    text = json.dumps(answer)
"""
LOOP = """
import sys, thumbnails
for i in range(int(sys.argv[1])):
    thumbnails.render(f"picture {i % 50}")
    thumbnails.size(f"picture {i % 50}")
"""
# Name, program, times for a second, about.
PROGRAMS = [("a service", SERVICE, 210000), ("calls alone", LOOP, 1900000)]
WAYS = [("all blocks", []), ("--sample 64K", ["--sample", "64K"]), ("--sample 512K", ["--sample", "512K"])]


def cpu_time(command, environment):
    """CPU seconds of COMMAND and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def found(heapdelta, directory):
    """The first leak in DIRECTORY, in words."""
    rows = json.loads(subprocess.run([heapdelta, "leaks", "--format", "json", directory], check=True,
                                     stdout=subprocess.PIPE).stdout)["rows"]
    if not rows:
        return "nothing"
    place = f'{pathlib.Path(rows[0]["file"]).name}:{rows[0]["line"]}'
    return f'{rows[0]["verdict"]} {rows[0]["function"]} ({place})'


def main():
    build = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 2
    heapdelta = build + "/analyzer/heapdelta"
    environment = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="0",
                       PYTHONPATH=build + "/tests/holders")
    for name, text, speed in PROGRAMS:
        command = ["/usr/bin/python3", "-c", text, str(int(speed * seconds))]
        times = {way: [] for way, _ in WAYS}
        native, said = [], {}
        for _ in range(rounds):
            native.append(cpu_time(command, environment))
            for way, options in WAYS:
                with tempfile.TemporaryDirectory() as directory:
                    run = [heapdelta, "run", "--quiet", *options, "-o", directory, "--"]
                    times[way].append(cpu_time(run + command, environment))
                    said[way] = found(heapdelta, directory)
        print(f"{name}: native {statistics.median(native):.2f} s")
        for way, of_way in times.items():
            print(f"  {way:<14} {statistics.median(of_way) / statistics.median(native):.2f}  {said[way]}")


if __name__ == "__main__":
    main()
