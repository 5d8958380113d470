#!/usr/bin/python3
"""Compare the list of files in docs/architecture.md with the tree. Speaks TAP.

    file_list.py SOURCE_ROOT
"""

import pathlib
import re
import sys

# Folders whose sources must all be in the list.
COMPLETE = ["format", "preload", "analyzer", "analyzer/model", "analyzer/views", "samples",
            "samples/lib", "bench"]


def listed(text):
    """Yield (folder, name) for each entry of the block of code below `## Files`. A
    folder stands at the margin and ends in a slash, its files are indented."""
    block = re.search(r"^## Files$.*?^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    folder = "."
    for line in block.splitlines():
        if not line.strip():
            continue
        name = line.split()[0]
        if not line.startswith(" ") and name.endswith("/"):
            folder = name.rstrip("/")
            continue
        yield "." if not line.startswith(" ") else folder, name


def exists(path):
    return path.exists() or path.with_name(path.name + ".c").exists() or \
        path.with_name(path.name + ".h").exists()


def main(root):
    entries = list(listed((root / "docs" / "architecture.md").read_text(encoding="utf-8")))
    names = set(entries)
    twice = [f"{folder}/{name}" for folder, name in sorted(names) if entries.count((folder, name)) > 1]
    missing = [f"{folder}/{name}" for folder, name in sorted(names)
               if not exists(root / folder / name)]
    forgotten = [
        path.relative_to(root).as_posix()
        for folder in COMPLETE
        for path in sorted((root / folder).iterdir())
        if path.suffix in (".c", ".h")
        and not {(folder, path.stem), (folder, path.name)} & names]
    print("1..3")
    for number, (what, wrong) in enumerate(
            [("every file in the list is there", missing),
             ("every source file is in the list", forgotten),
             ("none is there twice", twice)], 1):
        good = names and not wrong
        print(f"{'' if good else 'not '}ok {number} - {what}")
        for name in wrong:
            print(f"# {name}")
    return 1 if missing or forgotten or twice or not names else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
