#!/usr/bin/python3
"""Compare what `tree` says of a snapshot with what `stats` says.

    call_tree.py HEAPDELTA SNAPSHOT

Each node must be the sum of what is its own, of those below it and of those left out;
the outermost together all that is alive. By function, and with recursions shown, a
function must have what `stats --cumulative` gives it; less if it is one of those that
allocate for others, which a tree leaves out where they are the newest.
"""

import collections
import json
import subprocess
import sys

sys.setrecursionlimit(100000)


def ask(heapdelta, command, snapshot, *options):
    done = subprocess.run([heapdelta, command, "--format", "json", "--limit", "0", *options, snapshot],
                          check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def check_sums(node, errors):
    """Nodes below NODE, and what does not add up."""
    nodes = 0
    for what in ("size", "count"):
        below = sum(child[what] for child in node["children"])
        below += node.get("omitted", {}).get(what, 0) + node["self_" + what]
        if below != node[what]:
            errors.append(f"{node['function']}: {what} {node[what]}, in parts {below}")
    for child in node["children"]:
        nodes += 1 + check_sums(child, errors)
    return nodes


def check_tree(tree, total, errors):
    root = dict(tree["total"], function="all", children=tree["tree"], omitted=tree.get("omitted", {}))
    if {what: root[what] for what in ("size", "count")} != total:
        errors.append(f"the tree has {tree['total']}, all have {total}")
    return check_sums(root, errors)


def add_functions(node, above, sums):
    """Count each node to its function, those within the same function only once."""
    key = (node["function"], node["module"])
    if node["function"] is not None and key not in above:
        sums[key] += node["size"]
        above = above | {key}
    for child in node["children"]:
        add_functions(child, above, sums)


def main(heapdelta, snapshot):
    errors = []
    total = ask(heapdelta, "stats", snapshot)["total"]
    counts = [check_tree(ask(heapdelta, "tree", snapshot, *options), total, errors)
              for options in ((), ("--depth", "30", "--min-share", "0"),
                              ("--bottom-up", "--group-by", "function"))]

    whole = ask(heapdelta, "tree", snapshot, "--recursion", "--min-share", "0", "--group-by", "function")
    counts.append(check_tree(whole, total, errors))
    ours = collections.Counter()
    for node in whole["tree"]:
        add_functions(node, frozenset(), ours)
    rows = ask(heapdelta, "stats", snapshot, "--cumulative", "--group-by", "function")["rows"]
    theirs = {(row["function"], row["module"]): row["size"] for row in rows}
    same = sum(theirs.get(key) == size for key, size in ours.items())
    errors += [f"{key}: {size} in the tree, {theirs.get(key)} in stats"
               for key, size in ours.items() if size > theirs.get(key, 0)]
    print(f"nodes {counts}, {same} of {len(ours)} functions have all they can")
    if errors or same < 0.9 * len(ours):
        sys.exit("\n".join(errors[:20]) or "functions have too little")


if __name__ == "__main__":
    main(*sys.argv[1:])
