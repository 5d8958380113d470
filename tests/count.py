#!/usr/bin/python3
"""Print the closing line of a test run, `N passed, N failed[, N skipped]`, from
meson's testlog.json, and above it what failed. A test that speaks TAP counts by
its cases, another one as one case. Exits with 1 if anything failed or nothing was
run.
"""

import json
import re
import sys

CASE = re.compile(r"(not )?ok\b[ \d]*(?:- *)?(.*)")
REMARKS_SHOWN = 30
DIRECTIVE = re.compile(r"# *(skip|todo)\b", re.IGNORECASE)


def cases(test):
    """Give (name, "passed" | "failed" | "skipped", remarks) for each case of TEST.
    Remarks are the lines that TAP has below the case."""
    found = []
    for line in test.get("stdout", "").splitlines():
        match = CASE.match(line)
        if match:
            skipped = DIRECTIVE.search(match[2])
            found.append((match[2], "skipped" if skipped else "failed" if match[1] else "passed", []))
        elif line.startswith("#") and found:
            found[-1][2].append(line)
    if not found and test["result"] in ("OK", "EXPECTEDFAIL", "SKIP"):
        found.append(("", "skipped" if test["result"] == "SKIP" else "passed", []))
    elif test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP") and \
            not any(result == "failed" for _, result, _ in found):
        found.append((f"({test['result'].lower()})", "failed", test.get("stderr", "").splitlines()))
    return found


def main(path):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            for name, result, remarks in cases(test):
                count[result] += 1
                if result == "failed":
                    print(f"failed: {test['name']} {name}".rstrip())
                    for remark in remarks[:REMARKS_SHOWN]:
                        print(f"    {remark}")
    words = [f"{count['passed']} passed", f"{count['failed']} failed"]
    if count["skipped"]:
        words.append(f"{count['skipped']} skipped")
    print(", ".join(words))
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
