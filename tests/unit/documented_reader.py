"""The reader that docs/snapshot-format.md prints, on the recorded snapshot and on one without
blocks: what a stranger copies from there must work."""

import os
import pathlib
import subprocess
import sys
import tempfile

RECORDED = """\
1000 bytes
    /opt/app/lib/libplug.so+0x1007
    /opt/app/bin/app+0x402033
    /opt/app/bin/app+0x401010
17 bytes
    +0x7f1234567890
    /opt/app/bin/app+0x401010
0 bytes
"""

COUNTED = """\
2016 bytes
    @DIR@/places+0x401020
    @DIR@/places+0x401000
700 bytes
    @DIR@/places+0x401030
    @DIR@/places+0x401000
0 bytes
    @DIR@/places+0x401000
"""

root = pathlib.Path(os.environ["SOURCE_ROOT"])
make_snapshot = pathlib.Path(os.environ["BUILD_ROOT"]) / "tests/support/make_snapshot"
page = (root / "docs/snapshot-format.md").read_text(encoding="utf-8")
reader = page.split("```python\n")[1].split("```")[0]


def check(number, name, snapshot, expected):
    result = subprocess.run([sys.executable, "-c", reader, snapshot], capture_output=True, text=True)
    good = result.stdout == expected
    print(f"{'' if good else 'not '}ok {number} - the documented reader on {name}")
    if not good:
        print("\n".join("# " + line for line in (result.stdout + result.stderr).splitlines()))


print("1..2")
check(1, "the recorded snapshot", root / "tests/snapshots/version-1.hds", RECORDED)
with tempfile.TemporaryDirectory() as directory:
    counted = pathlib.Path(directory) / "counted.hds"
    subprocess.run([make_snapshot, root / "tests/cli/snapshots/child.txt", counted], check=True)
    check(2, "counters without blocks", counted, COUNTED)
