#!/usr/bin/python3
"""Print the closing line of a test run, `N passed, N failed[, N skipped]`, from
meson's testlog.json, and above it the names of what failed. A test that speaks
TAP counts by its cases, another one as one case. Exits with 1 if anything failed
or nothing was run.
"""

import json
import re
import sys

CASE = re.compile(r"(not )?ok\b[ \d]*(?:- *)?(.*)")
DIRECTIVE = re.compile(r"# *(skip|todo)\b", re.IGNORECASE)


def cases(test):
    """Yield (name, "passed" | "failed" | "skipped") for each case of TEST."""
    seen = failed = 0
    for line in test.get("stdout", "").splitlines():
        match = CASE.match(line)
        if not match:
            continue
        seen += 1
        if DIRECTIVE.search(match[2]):
            yield match[2], "skipped"
        elif match[1]:
            failed += 1
            yield match[2], "failed"
        else:
            yield match[2], "passed"
    if test["result"] == "SKIP":
        if not seen:
            yield "", "skipped"
    elif test["result"] not in ("OK", "EXPECTEDFAIL"):
        if not failed:
            yield f"({test['result'].lower()})", "failed"
    elif not seen:
        yield "", "passed"


def main(path):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            for name, result in cases(test):
                count[result] += 1
                if result == "failed":
                    print(f"failed: {test['name']} {name}".rstrip())
    words = [f"{count['passed']} passed", f"{count['failed']} failed"]
    if count["skipped"]:
        words.append(f"{count['skipped']} skipped")
    print(", ".join(words))
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
