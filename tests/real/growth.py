#!/usr/bin/python3
"""Which leaks `heapdelta leaks` sees in a snapshot, one a line: verdict, blocks with
what goes with them, holder.

    growth.py HEAPDELTA SNAPSHOT

What was lost once is left out, and what is a part of another leak. A run in which nothing could be
judged is an error: then no leak would mean nothing.
"""

import json
import subprocess
import sys

heapdelta, snapshot = sys.argv[1:]
found = json.loads(subprocess.run([heapdelta, "leaks", "--all", "--limit", "0", "--format", "json", snapshot],
                                  check=True, stdout=subprocess.PIPE).stdout)
held = [row for row in found["rows"] if row["verdict"] != "lost"]
if not held or all(row["confidence"] == "low" for row in held):
    sys.exit("nothing is held, or the run was too short to judge anything")
for row in found["rows"]:
    if row["verdict"] in ("lost", "held_growing") and not row["once"] and row["part_of"] is None:
        print(row["verdict"], row["with_count"], row["held_by"])
        print(f'{row["function"]}: {row["text"]}', file=sys.stderr)
