#!/usr/bin/python3
"""Run the commands of a page of docs/ and compare what they print with the page.

    walk.py [--record] PAGE…

In a block of code a line "$ COMMAND" is a command, the lines below it what it prints,
stdout and stderr; "…" stands for any lines. All commands of a page are run by one shell,
in a directory with the project's sources and a build/ of its own. Process numbers,
addresses and paths are made equal on both sides before they are compared.

Speaks TAP, a point per command. With --record the page's output is replaced: read the
difference before you commit it.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE_ROOT = pathlib.Path(os.environ["SOURCE_ROOT"])
BUILD_ROOT = pathlib.Path(os.environ["BUILD_ROOT"])
MARK = "\x1e"  # between the outputs of two commands


class Page:
    """The lines of a page: those that are no output, and commands with theirs."""

    def __init__(self, path):
        self.path = path
        self.parts = []  # a line, or [command, output lines]
        fence = False
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.startswith("```"):
                fence = not fence
                self.parts.append(line)
            elif fence and line.startswith("$ "):
                self.parts.append([line[2:], []])
            elif fence and self.parts and isinstance(self.parts[-1], list):
                self.parts[-1][1].append(line)
            else:
                self.parts.append(line)
        self.commands = [part for part in self.parts if isinstance(part, list)]

    def write(self):
        lines = []
        for part in self.parts:
            lines += [part] if isinstance(part, str) else ["$ " + part[0], *part[1]]
        self.path.write_text("\n".join(lines), encoding="utf-8")


def prepare(directory):
    """What the commands find where they are run."""
    for name in ("samples", "preload", "docs"):
        (directory / name).symlink_to(SOURCE_ROOT / name)
    (directory / "build").mkdir()
    for path in BUILD_ROOT.iterdir():
        if path.name != "exercise":
            (directory / "build" / path.name).symlink_to(path)


def run(commands, directory):
    """What each of COMMANDS prints, as lines."""
    script = "".join(f"{command}\nprintf '{MARK}'\n" for command in commands)
    done = subprocess.run(
        ["/bin/bash", "-c", f"exec 2>&1\n{script}"], cwd=directory, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, timeout=240, check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
             "HOME": str(directory)})
    outputs = done.stdout.decode(errors="backslashreplace").replace(str(directory), "DIR").split(MARK)
    return [output.splitlines() for output in outputs[:-1]]


def normalized(line):
    """LINE without what is different in each run."""
    line = re.sub(r"==\d+==", "==PID==", line)
    line = re.sub(r"\bprocess \d+", "process PID", line)
    line = re.sub(r"\.\d+\.(?=\d{4}\.)", ".PID.", line)
    line = re.sub(r"\b0x[0-9a-f]+", "ADDRESS", line)
    line = re.sub(r"\bstack \d+", "stack N", line)
    # frames below main are libc's, at lines that its version and debug information decide
    line = re.sub(r"^( *)(libc\.so\.6\+ADDRESS|libc[-_]start\w*\.[ch]:\d+|start\.S:\d+) .*$",
                  r"\1libc", line)
    return line


def agree(expected, seen):
    """Whether the lines SEEN are those EXPECTED; "…" is any number of lines."""
    pattern = "\n".join("(?:.*\n)*?.*" if line.strip() == "…" else re.escape(normalized(line))
                        for line in expected)
    return re.fullmatch(pattern, "\n".join(normalized(line) for line in seen)) is not None


def main():
    arguments = sys.argv[1:]
    record = arguments[:1] == ["--record"]
    pages = [Page(pathlib.Path(name)) for name in arguments[record:]]
    count = 0
    failed = False
    for page in pages:
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name).resolve()
            prepare(directory)
            outputs = run([command for command, _ in page.commands], directory)
        for number, part in enumerate(page.commands):
            command, expected = part
            count += 1
            seen = outputs[number] if number < len(outputs) else ["(the shell has ended)"]
            while seen and not seen[-1].strip():
                seen = seen[:-1]
            while expected and not expected[-1].strip():
                expected = expected[:-1]
            good = agree(expected, seen)
            if record:
                if not good:
                    part[1] = seen
                continue
            failed |= not good
            print(f"{'' if good else 'not '}ok {count} - {page.path.name}: {command}")
            if not good:
                for line in [*(f"-{line}" for line in expected), *(f"+{line}" for line in seen)]:
                    print(f"# {line}")
        if record:
            page.write()
    if not record:
        print(f"1..{count}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
