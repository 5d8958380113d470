#!/usr/bin/python3
"""Print the closing line of a test run, `N passed, N failed[, N skipped]`, from
meson's testlog.json, and above it what failed. A test that speaks TAP counts by
its cases, another one as one case. Exits with 1 if anything failed or nothing was
run.

    count.py LOG             the closing line
    count.py LOG AGAIN       the same, where the tests that failed in LOG ran again, each
                             several times and alone, as AGAIN has it: one that passed each
                             time is named as unsteady, and counts as it did there
    count.py --failed LOG    the names of the test programs that failed, a line each
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


def read(path):
    """Give the entries of the log at PATH: one for each time that a test ran."""
    with open(path, encoding="utf-8", errors="replace") as log:
        return [json.loads(line) for line in log]


def has_failed(test):
    """Tell whether TEST failed, as a whole or in one of its cases."""
    return any(result == "failed" for _, result, _ in cases(test))


def settle(tests, again):
    """Give TESTS with those that failed replaced by their runs in AGAIN: by one that failed
    there too, if any did, else by the last one. The names of the latter come second."""
    settled, unsteady = [], []
    for test in tests:
        runs = [run for run in again if run["name"] == test["name"]]
        if has_failed(test) and runs:
            failures = [run for run in runs if has_failed(run)]
            if not failures:
                unsteady.append((test, len(runs)))
            test = failures[0] if failures else runs[-1]
        settled.append(test)
    return settled, unsteady


def show_failures(test, word):
    """Say of TEST which cases failed, behind WORD, and what each had to say."""
    for name, result, remarks in cases(test):
        if result == "failed":
            print(f"{word}: {test['name']} {name}".rstrip())
            for remark in remarks[:REMARKS_SHOWN]:
                print(f"    {remark}")


def main(path, path_again=None):
    tests, unsteady = settle(read(path), read(path_again) if path_again else [])
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for test, runs in unsteady:
        show_failures(test, f"unsteady (failed beside others, passed {runs} times alone)")
    for test in tests:
        show_failures(test, "failed")
        for _, result, _ in cases(test):
            count[result] += 1
    words = [f"{count['passed']} passed", f"{count['failed']} failed"]
    if count["skipped"]:
        words.append(f"{count['skipped']} skipped")
    print(", ".join(words))
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    if sys.argv[1] == "--failed":
        # meson shows "project:suite / name" and takes "name"
        print("\n".join(test["name"].rpartition(" / ")[2] for test in read(sys.argv[2]) if has_failed(test)))
        sys.exit(0)
    sys.exit(main(*sys.argv[1:]))
