#!/usr/bin/env python3
"""Put the page together and write it as three arrays of C: up to the title, from there up to the
data, and the rest.

    embed.py OUT.h PAGE.html STYLE.css SCRIPT.js…

The scripts become one, in the order given. The page allows itself that script and that style, by
their hashes, and nothing else: no other script runs, nothing is loaded.
"""

import base64
import hashlib
import pathlib
import sys


def hash_of(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def c_array(name, text):
    data = text.encode()
    lines = [", ".join(str(byte) for byte in data[i:i + 24]) for i in range(0, len(data), 24)]
    return f"static const unsigned char {name}[] = {{\n    " + ",\n    ".join(lines) + "\n};\n"


def main(out, page, style, *scripts):
    style = pathlib.Path(style).read_text(encoding="utf-8")
    script = "'use strict';\n" + "".join(
        pathlib.Path(name).read_text(encoding="utf-8") for name in scripts)
    policy = f"default-src 'none'; script-src {hash_of(script)}; style-src {hash_of(style)}"
    text = pathlib.Path(page).read_text(encoding="utf-8")
    for mark, content in (("@POLICY@", policy), ("@STYLE@", style), ("@SCRIPT@", script)):
        assert text.count(mark) == 1, mark
        text = text.replace(mark, content)
    begin, rest = text.split("@TITLE@")
    middle, end = rest.split("@DATA@")
    pathlib.Path(out).write_text(
        "/* Made by views/html/embed.py. */\n"
        + c_array("page_begin", begin) + c_array("page_middle", middle) + c_array("page_end", end),
        encoding="utf-8")


main(*sys.argv[1:])
