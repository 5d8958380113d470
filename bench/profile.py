#!/usr/bin/python3
"""Where a pair of malloc and free spends its instructions, by part of the library, as callgrind
counts them: the same on every machine, whatever else that does.

    profile.py BUILD [--json] [OPTION OF event_path]...

BUILD is a build directory. Without options: 20 frames, one site, one thread. What starting costs
is not in it: two runs of different length are compared.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PAIRS = 20_000, 60_000
OPTIONS = ["--depth", "20", "--path", "site", "--threads", "1", "--blocks", "own"]

# Parts by the source file that an instruction comes from (inlined or not).
PARTS = [
    ("malloc and free themselves", r"malloc/.*|.*/malloc\.c"),
    ("hooks", r".*preload/(interpose|life|attention|control)\.[ch]"),
    ("going in and out, the gate", r".*preload/guard\.[ch]"),
    ("the stack: memo", r".*preload/memo\.[ch]"),
    ("the stack: steps and rules", r".*preload/(stack|cfi\w*)\.[ch]"),
    ("the stack: its number", r".*preload/(trie|modules|object|tracker_stack)\.[ch]"),
    ("live table", r".*preload/live\w*\.[ch]"),
    ("counters", r".*preload/(counters|epochs|tracker_event|tracker_count|tracker_thread)\.[ch]"),
    ("usable size", r".*preload/real\.[ch]"),
    ("all else of ours", r".*preload/.*"),
]


def instructions(build, options, pairs):
    """Give {part: instructions} of event_path traced, with so many PAIRS."""
    with tempfile.TemporaryDirectory() as directory:
        output = f"{directory}/out"
        # valgrind is executed first, so the variables must stay.
        environment = os.environ | {"HEAPDELTA_FOLLOW": "3", "HEAPDELTA_VALGRIND": "1",
                                    "LD_PRELOAD": str(build / "preload/libheapdelta.so")}
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}",
                        build / "bench/event_path", *options, "--pairs", str(pairs)],
                       env=environment, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", output],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
    counts = collections.Counter()
    for count, place in re.findall(r"^ *([\d,]+) \([ \d.]+%\)  (\S+):", text, re.MULTILINE):
        for part, pattern in PARTS:
            if re.fullmatch(pattern, place):
                counts[part] += int(count.replace(",", ""))
                break
    return counts


def main(arguments):
    as_json = "--json" in arguments
    arguments = [argument for argument in arguments if argument != "--json"]
    if not arguments:
        sys.exit(__doc__)
    build = pathlib.Path(arguments[0]).resolve()
    short, long = (instructions(build, arguments[1:] or OPTIONS, pairs) for pairs in PAIRS)
    rows = {part: (long[part] - short[part]) / (PAIRS[1] - PAIRS[0]) for part, _ in PARTS}
    rows = {part: round(count, 1) for part, count in rows.items() if count >= 0.05}
    own = round(sum(rows.values()) - rows.get(PARTS[0][0], 0), 1)
    if as_json:
        print(json.dumps({"instructions": rows, "ours": own}))
        return
    print("| part | instructions a pair |\n|---|---:|")
    for part, count in rows.items():
        print(f"| {part} | {count:.0f} |")
    print(f"| all of ours | {own:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
