#!/usr/bin/python3
"""Put a screen of `heapdelta top` into the README, in place of the one that is there.

    top_picture.py README.md
"""

import pathlib
import re
import sys
import tempfile
import time

from top_screen import HEAPDELTA, Screen, Target

SECONDS = 16


def main():
    readme = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        target = Target(directory)
        screen = Screen(directory, f"'{HEAPDELTA}' top --sort growth {target.pid}")
        try:
            screen.shows(" all$")
            for moment in range(SECONDS * 4):
                target.does(f"pass {2000 + moment % 12 * 300}")
                target.does("list 40")
                if moment % 16 == 0:
                    target.does("keep 60")
                time.sleep(0.25)
            lines = [line.rstrip() for line in screen.lines()]
        finally:
            screen.close()
            target.kill()
    while not lines[-1]:
        lines.pop()
    shown = [line for line in lines[:-1] if line] + [lines[-1]]
    text = readme.read_text(encoding="utf-8")
    text, count = re.subn(r"(<!-- by ./dev picture -->\n```\n).*?(\n```\n)",
                          lambda match: match[1] + "\n".join(shown) + match[2], text, flags=re.S)
    if count != 1:
        sys.exit(f"{readme}: has no place for the screen")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
