#!/usr/bin/python3
"""Run the commands in *.golden files and compare what they print.

    golden.py [--record] FILE.golden…

A line "$ COMMAND" is run by bash, in a directory with the snapshots described in
snapshots/*.txt, `places`, heapdelta in the PATH, and other programs of the build in
$BUILD_ROOT; the lines below it, indented, are its output: stdout, then stderr, then "[STATUS]" unless it is 0. A carriage
return is shown as \\r, the directory as DIR. Other lines are kept as they are.

Speaks TAP, a point per command. With --record the files are rewritten instead: read
the difference before you commit it. tests/cli/record does that.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(os.environ["BUILD_ROOT"])
heapdelta = pathlib.Path(os.environ["HEAPDELTA"])


def prepare(directory):
    """Put everything that commands name into DIRECTORY."""
    (directory / "places").write_bytes((build / "tests/cli/places").read_bytes())
    (directory / "bin").mkdir()
    (directory / "bin/heapdelta").symlink_to(heapdelta)
    (directory / "bin/make_snapshot").symlink_to(build / "tests/support/make_snapshot")
    for source in (here / "snapshots").glob("*.txt"):
        text = directory / source.name
        text.write_text(source.read_text().replace("@DIR@", str(directory)))
        subprocess.run([directory / "bin/make_snapshot", text, text.with_suffix(".hds")],
                       check=True)


def run(command, directory):
    """The lines that COMMAND leaves on a terminal."""
    environment = {
        "PATH": f"{directory}/bin:/usr/bin:/bin",
        "BUILD_ROOT": str(build),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
    }
    done = subprocess.run(["/bin/bash", "-c", command], cwd=directory, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    text = (done.stdout + done.stderr).decode(errors="backslashreplace")
    lines = text.replace("\r", "\\r").replace(str(directory), "DIR").splitlines()
    if done.returncode:
        lines.append(f"[{done.returncode}]")
    return [f"  {line}".rstrip() if not line else f"  {line}" for line in lines]


def cases(path):
    """Pairs of a line that is no output and the output below it."""
    found = []
    for line in path.read_text().split("\n")[:-1]:
        if found and (line.startswith("  ") or (line == "" and found[-1][0].startswith("$ "))):
            found[-1][1].append(line)
        else:
            found.append((line, []))
    return found


def trim(lines):
    """Empty lines after the output only separate it from the next command."""
    while lines and lines[-1] == "":
        lines = lines[:-1]
    return lines


def main():
    arguments = sys.argv[1:]
    record = arguments[:1] == ["--record"]
    count = 0
    failed = False

    for name in arguments[record:]:
        path = pathlib.Path(name)
        text = []
        with tempfile.TemporaryDirectory() as directory:
            prepare(pathlib.Path(directory).resolve())
            for line, expected in cases(path):
                text.append(line)
                if not line.startswith("$ "):
                    continue
                actual = trim(run(line[2:], pathlib.Path(directory).resolve()))
                text += actual + [""]
                count += 1
                if record:
                    continue
                if actual == trim(expected):
                    print(f"ok {count} - {line[2:]}")
                else:
                    failed = True
                    print(f"not ok {count} - {line[2:]}")
                    for sign, lines in (("-", trim(expected)), ("+", actual)):
                        for shown in lines:
                            print(f"# {sign} {shown}")
        if record:
            path.write_text("\n".join(trim(text)) + "\n")
    if not record:
        print(f"1..{count}")
    sys.exit(failed)


main()
