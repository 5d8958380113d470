#!/usr/bin/python3
"""Compare what `stats` says of a directory with the sum of what it says of each file.

    tree_adds_up.py HEAPDELTA DIRECTORY

By function: the total and each row must agree. Files that are not the last of their
process are left out, as `stats` leaves them out; of a build there should be none.
"""

import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys


def stats(heapdelta, path):
    """Bytes and blocks of each function, and of all together, in PATH."""
    text = subprocess.run(
        [heapdelta, "stats", "--group-by", "function", "--limit", "0", "--format", "json", path],
        check=True, stdout=subprocess.PIPE).stdout
    report = json.loads(text)
    rows = collections.Counter()
    for row in report["rows"]:
        key = (row["function"], row["module"])
        rows[key, "size"] += row["size"]
        rows[key, "count"] += row["count"]
    return rows, collections.Counter({key: report["total"][key] for key in ("size", "count")})


def main(heapdelta, directory):
    paths = sorted(str(path) for path in pathlib.Path(directory).glob("*.hds"))
    rows, total = collections.Counter(), collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for some_rows, some_total in pool.map(lambda path: stats(heapdelta, path), paths):
            rows.update(some_rows)
            total.update(some_total)
    all_rows, all_total = stats(heapdelta, directory)
    print(f"{len(paths)} files, {len(all_rows) // 2} functions, {dict(all_total)}")
    for key in sorted(map(str, (rows - all_rows) + (all_rows - rows))):
        print("differs:", key)
    if rows != all_rows or total != all_total:
        sys.exit(f"sum of the files: {dict(total)}, the directory: {dict(all_total)}")
    if len(paths) < 100 or not rows:
        sys.exit("too few processes for a build")


if __name__ == "__main__":
    main(*sys.argv[1:])
