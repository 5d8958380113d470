#!/usr/bin/python3
"""Fail where a table in docs/robustness.md or docs/blind-spots.md names a test that does not
exist. Speaks TAP.

    robustness.py SOURCE_ROOT
"""

import pathlib
import re
import sys

PAGES = ["docs/robustness.md", "docs/blind-spots.md"]


def rows(text):
    """The cells of each row of the tables that have a column `test`, by its heading."""
    heads = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = None
        elif heads is None:
            heads = cells
        elif "test" in heads and not set(line) <= set("|-"):
            yield dict(zip(heads, cells))


def missing(root, text):
    """What is wrong with the tests that TEXT names."""
    for row in rows(text):
        found = re.fullmatch(r'`([\w/-]+)` "(.+)"', row["test"])
        if not found:
            yield f"names no test: {row}"
            continue
        path = root / "tests" / (found[1] + ".bats")
        if not path.exists():
            yield f"there is no {path}"
        elif f'@test "{found[2]}"' not in path.read_text(encoding="utf-8"):
            yield f'{path} has no test "{found[2]}"'


def main(root):
    root = pathlib.Path(root)
    results = [(page, list(missing(root, (root / page).read_text(encoding="utf-8"))))
               for page in PAGES]
    counts = [sum(1 for _ in rows((root / page).read_text(encoding="utf-8"))) for page in PAGES]
    # What is not there would be seen.
    false = '|case|test|\n|---|---|\n|a|`preload/nothing` "x"|\n|b|`preload/signals` "x y z"|\n|c|d|\n'
    print(f"1..{len(results) + 1}")
    for number, ((page, wrong), count) in enumerate(zip(results, counts), 1):
        print(f"{'not ok' if wrong or count == 0 else 'ok'} {number} {page}: {count} tests exist")
        for text in wrong:
            print(f"# {text}")
    seen = len(list(missing(root, false)))
    print(f"{'ok' if seen == 3 else 'not ok'} {len(results) + 1} a test that does not exist is noticed")


main(sys.argv[1])
