#!/usr/bin/python3
"""What speedscope itself reads out of our export: its page, opened in a headless Chromium. Speaks TAP.

    speedscope.py WORK_DIRECTORY

speedscope comes from npm, once; where that can't be had, this is skipped.
"""

import base64
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

sys.dont_write_bytecode = True  # the sources may not be ours to write to
from browser import Browser, available

VERSION = "1.25.0"
SHA_256 = "2831f1e0d26df914b477e522d78b8485511495a6af81a0b88158f8b48f9e0d03"
UNITS = {"B": 1, "KB": 1024, "MB": 1024 ** 2}

build = pathlib.Path(os.environ["BUILD_ROOT"])
heapdelta = os.environ["HEAPDELTA"]
work = pathlib.Path(sys.argv[1])


def fetch():
    """The directory of speedscope's page, or why there is none."""
    page = work / "package/dist/release"
    if page.exists():
        return page, None
    if not shutil.which("npm"):
        return None, "no npm"
    try:
        subprocess.run(["npm", "pack", "--silent", f"speedscope@{VERSION}"], cwd=work, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except (subprocess.SubprocessError, OSError):
        return None, "speedscope can't be had from npm"
    package = work / f"speedscope-{VERSION}.tgz"
    if hashlib.sha256(package.read_bytes()).hexdigest() != SHA_256:
        return None, "what npm has is another speedscope"
    with tarfile.open(package) as archive:
        archive.extractall(work)
    return page, None


def output(*command):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=120).stdout


def shown(page, profile):
    """{function: bytes} and the number of rows of it, of what speedscope lists as a function's own."""
    script = work / "profile.js"
    data = base64.b64encode(profile).decode()
    script.write_text(f"speedscope.loadFileFromBase64('leak.json', '{data}')")
    sums, rows = collections.Counter(), collections.Counter()
    with Browser() as browser:
        browser.request("POST", "/url", {"url": f"{page.resolve().as_uri()}/index.html"
                                                f"#localProfilePath={script.resolve()}"})
        browser.wait("return document.title.startsWith('event_handler_leak')")
        browser.press("3")  # the list of functions
        browser.wait("return document.body.innerText.includes('Symbol Name') &&"
                     " document.body.innerText.includes('_start')")
        text = browser.run("return document.body.innerText")
        browser.screenshot(work / "speedscope.png")
    for own, unit, name in re.findall(r"\n\s*([\d.]+) (\w+) \([^)]*\)\s*\n\s*([A-Za-z_]\w*)(?=\n|$)", text):
        sums[name] += float(own) * UNITS[unit]
        rows[name] += 1
    return sums, rows


def main():
    work.mkdir(parents=True, exist_ok=True)
    page, reason = (None, available()) if available() else fetch()
    print("1..1")
    if reason:
        print(f"ok 1 - speedscope opens our export # SKIP {reason}")
        return 0
    shutil.rmtree(work / "out", ignore_errors=True)
    output(heapdelta, "run", "--quiet", "-o", work / "out", "--",
           build / "samples/event_handler_leak", "1000")
    snapshot = next((work / "out").glob("*.exit.hds"))
    sums, rows = shown(page, output(heapdelta, "export", "--to", "speedscope", "-o", "-", snapshot))
    expected = {row["function"]: row["size"] for row in json.loads(output(
        heapdelta, "stats", "--group-by", "function", "--limit", "0", "--format", "json",
        snapshot))["rows"] if row["size"]}
    # Shown are two places behind the point.
    wrong = [f"{name}: {sums[name]}, not {size}" for name, size in expected.items()
             if abs(sums[name] - size) > rows[name] * 0.005 * 1024 + 0.5]
    wrong += [f"{name}: {size} besides" for name, size in sums.items()
              if size and name not in expected]
    print(f"{'not ' if wrong or not expected else ''}ok 1 - speedscope opens our export")
    for line in wrong:
        print(f"# {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
