"""The reader that docs/snapshot-format.md prints, on the recorded snapshot: what a stranger
copies from there must work."""

import os
import subprocess
import sys

EXPECTED = """\
1000 bytes
    /opt/app/lib/libplug.so+0x1007
    /opt/app/bin/app+0x402033
    /opt/app/bin/app+0x401010
17 bytes
    +0x7f1234567890
    /opt/app/bin/app+0x401010
0 bytes
"""

root = os.environ["SOURCE_ROOT"]
with open(f"{root}/docs/snapshot-format.md", encoding="utf-8") as page:
    reader = page.read().split("```python\n")[1].split("```")[0]
snapshot = f"{root}/tests/snapshots/version-1.hds"
result = subprocess.run([sys.executable, "-c", reader, snapshot], capture_output=True, text=True)
print("1..1")
if result.stdout == EXPECTED:
    print("ok 1 - the documented reader")
else:
    print("not ok 1 - the documented reader")
    print("\n".join("# " + line for line in (result.stdout + result.stderr).splitlines()))
