#!/usr/bin/python3
"""What heapdelta says, as bare numbers that a sample's own can be compared with.

    truth.py growth HEAPDELTA OLD NEW          blocks, bytes and usable bytes that came
    truth.py lines HEAPDELTA OLD NEW SOURCE    line, blocks, bytes: where SOURCE grew
"""

import json
import subprocess
import sys


def ask(*command):
    done = subprocess.run([*command[:2], "--format", "json", *command[2:]], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def growth(heapdelta, old, new):
    total = ask(heapdelta, "diff", old, new)["total"]
    usable = ask(heapdelta, "info", new)["usable"] - ask(heapdelta, "info", old)["usable"]
    print(total["count_diff"], total["size_diff"], usable)


def lines(heapdelta, old, new, source):
    for row in sorted(ask(heapdelta, "diff", "--limit", "0", old, new)["rows"],
                      key=lambda row: row["line"]):
        if row["file"].endswith(source) and (row["count_diff"] or row["size_diff"]):
            print(row["line"], row["count_diff"], row["size_diff"])


if __name__ == "__main__":
    {"growth": growth, "lines": lines}[sys.argv[1]](*sys.argv[2:])
