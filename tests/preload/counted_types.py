"""Compares the types that `heapdelta stats --group-by type` finds with what the program says.

    counted_types.py TRUTH [NOT-FOUND] < JSON
"""

import json
import sys


def main(truth):
    found = {}
    for row in json.load(sys.stdin)["rows"]:
        how = row["found"]
        if row["inferred"] and how != "inferred":
            how += f"+{row['inferred']}"
        found[row["type"]] = (row["count"], how)
    expected = {}
    with open(truth, encoding="utf-8") as lines:
        for line in lines:
            count, how, name = line.rstrip("\n").split("\t")
            expected[name] = (int(count), how)
    wrong = 0
    for name, value in expected.items():
        if found.get(name) != value:
            print(f"{name}: expected {value}, found {found.get(name)}")
            wrong += 1
    for name in set(found) - set(expected) - {None}:
        print(f"{name}: {found[name]}, of which there is none")
        wrong += 1
    return 1 if wrong or not expected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
