#!/usr/bin/python3
"""The picture of the page that the README shows: the leak of samples/event_handler_leak.c.

    screenshot.py BUILD OUT.png
"""

import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources may not be ours to write to
from browser import Browser

WIDTH, HEIGHT = 1320, 630


def main(build, out):
    heapdelta = pathlib.Path(build) / "analyzer/heapdelta"
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        subprocess.run([heapdelta, "run", "--quiet", "-o", place / "out", "--",
                        pathlib.Path(build) / "samples/event_handler_leak", "1000"],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([heapdelta, "report", "-o", place / "page.html",
                        *sorted((place / "out").glob("*.hds"))], check=True)
        with Browser(WIDTH, HEIGHT) as browser:
            browser.resize(WIDTH, HEIGHT)
            browser.open(place / "page.html")
            browser.screenshot(out)


main(*sys.argv[1:])
