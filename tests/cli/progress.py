#!/usr/bin/python3
"""The line on a terminal that tells how far long work is. Speaks TAP.

The work is to load a snapshot from a named pipe, so it lasts until the test has seen what it waited
for, and writes the snapshot. Nothing is timed.
"""

import fcntl
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios

HEAPDELTA = os.environ["HEAPDELTA"]
MAKE_SNAPSHOT = pathlib.Path(os.environ["BUILD_ROOT"]) / "tests/support/make_snapshot"
SNAPSHOT = pathlib.Path(__file__).parent / "snapshots/before.txt"
PATIENCE = 60  # seconds, for a machine that does other things
ERASED = b"\r\x1b[K"


class Wrong(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Wrong(what)


class Terminal:
    """A terminal, and what was written to it."""

    def __init__(self, columns=80):
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self.written = b""

    def read(self):
        """Read once; False: nobody has it open any more."""
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        if not ready:
            raise Wrong(f"waited in vain; so far: {self.written!r}")
        try:
            more = os.read(self.master, 4096)
        except OSError:  # how Linux says that
            return False
        self.written += more
        return bool(more)

    def until(self, pattern):
        while not re.search(pattern, self.written):
            expect(self.read(), f"no {pattern!r} in {self.written!r}")

    def rest(self):
        """What is written until the end; only the command has it open."""
        while self.read():
            pass

    def type(self, data):
        os.write(self.master, data)

    def close(self):
        os.close(self.master)


def begin(directory, terminal, *arguments, stderr=None, term="xterm"):
    """Start heapdelta with ARGUMENTS on TERMINAL, which is its controlling one."""
    def become():
        os.setsid()
        fcntl.ioctl(terminal.slave, termios.TIOCSCTTY, 0)
    process = subprocess.Popen(
        [HEAPDELTA, *arguments], cwd=directory, stdin=terminal.slave, stdout=subprocess.PIPE,
        stderr=stderr or terminal.slave, env={**os.environ, "TERM": term}, preexec_fn=become)
    os.close(terminal.slave)
    return process


def make(directory):
    """A snapshot, and a pipe to be read instead."""
    whole = pathlib.Path(directory) / "whole.hds"
    subprocess.run([MAKE_SNAPSHOT, SNAPSHOT, whole], check=True)
    os.mkfifo(pathlib.Path(directory) / "slow.hds")
    return whole.read_bytes()


def feed(directory):
    """The pipe, once heapdelta is reading it."""
    return open(pathlib.Path(directory) / "slow.hds", "wb")


def ends_well(process, pipe, terminal, snapshot):
    """Give it the snapshot, and let it end; returns its output."""
    pipe.write(snapshot)
    pipe.close()
    output = process.stdout.read()
    terminal.rest()
    expect(process.wait() == 0, process.returncode)
    return output


def threads(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


def it_is_shown_and_erased(directory, snapshot):
    terminal = Terminal()
    process = begin(directory, terminal, "stats", "slow.hds")
    pipe = feed(directory)
    terminal.until(rb"^\rheapdelta stats: loading slow\.hds(, \d+ s)?\x1b\[K")
    output = ends_well(process, pipe, terminal, snapshot)
    expect(terminal.written.endswith(ERASED), terminal.written)
    expect(terminal.written.count(b"\n") == 0, terminal.written)
    plain = subprocess.run([HEAPDELTA, "stats", "whole.hds"], cwd=directory, check=True,
                           stdout=subprocess.PIPE).stdout
    expect(output == plain, output)


def it_fits_a_narrow_terminal(directory, snapshot):
    terminal = Terminal(columns=21)
    process = begin(directory, terminal, "stats", "slow.hds")
    pipe = feed(directory)
    terminal.until(rb"^\rheapdelta stats: loa\x1b\[K")
    ends_well(process, pipe, terminal, snapshot)


def a_name_of_wide_characters_fits(directory, snapshot):
    os.symlink("slow.hds", pathlib.Path(directory) / "\u65e5\u672c\u8a9e.hds")
    terminal = Terminal(columns=31)
    process = begin(directory, terminal, "stats", "\u65e5\u672c\u8a9e.hds")
    pipe = feed(directory)
    # Two of them take the columns 26 to 29; the last column stays free.
    terminal.until("^\rheapdelta stats: loading \u65e5\u672c\x1b\\[K".encode())
    ends_well(process, pipe, terminal, snapshot)


def an_error_stands_on_a_line_of_its_own(directory, snapshot):
    terminal = Terminal()
    process = begin(directory, terminal, "stats", "slow.hds")
    pipe = feed(directory)
    terminal.until(rb"loading")
    pipe.write(snapshot[:-8])
    pipe.close()
    terminal.rest()
    expect(process.wait() == 3, process.returncode)
    expect(terminal.written.split(ERASED)[-1].startswith(b"heapdelta stats: slow.hds: "),
           terminal.written)


def an_interrupt_leaves_a_clean_line(directory, _):
    terminal = Terminal()
    process = begin(directory, terminal, "stats", "slow.hds")
    pipe = feed(directory)
    terminal.until(rb"loading")
    terminal.type(b"\x03")
    terminal.rest()
    expect(process.wait() == -signal.SIGINT, process.returncode)
    pipe.close()
    expect(terminal.written.endswith(ERASED), terminal.written)


def nobody_draws(directory, snapshot, terminal, **more):
    """It has no thread that would, while it loads."""
    process = begin(directory, terminal, "stats", "slow.hds", **more)
    pipe = feed(directory)
    count = threads(process)
    ends_well(process, pipe, terminal, snapshot)
    expect(count == 1, f"{count} threads")
    expect(terminal.written == b"", terminal.written)


def a_pipe_gets_nothing(directory, snapshot):
    with open(pathlib.Path(directory) / "messages", "wb") as messages:
        nobody_draws(directory, snapshot, Terminal(), stderr=messages)
    expect((pathlib.Path(directory) / "messages").read_bytes() == b"", "something was said")


def a_dumb_terminal_gets_nothing(directory, snapshot):
    nobody_draws(directory, snapshot, Terminal(), term="dumb")


def writing_is_shown(directory, command, what):
    """What COMMAND writes is more than a pipe has room for, and read when the line was seen."""
    large = pathlib.Path(directory) / "large.txt"
    large.write_text(SNAPSHOT.read_text() + "blocks 5000 0x700000 64 48 add\n")
    subprocess.run([MAKE_SNAPSHOT, large, large.with_suffix(".hds")], check=True)
    terminal = Terminal()
    process = begin(directory, terminal, command, "-o", "slow.hds", "large.hds")
    with open(pathlib.Path(directory) / "slow.hds", "rb") as pipe:
        terminal.until(rb"\rheapdelta " + command.encode() + b": " + what)
        output = pipe.read()
    terminal.rest()
    expect(process.wait() == 0, process.returncode)
    expect(len(output) > 1 << 16, len(output))
    expect(terminal.written.endswith(ERASED), terminal.written)


def a_page_that_is_written_is_told_of(directory, _):
    writing_is_shown(directory, "report", rb"writing the page(, \d+ s)?\x1b\[K")


def records_that_are_written_are_told_of(directory, _):
    writing_is_shown(directory, "dump", rb"writing the records(, \d+ s)?\x1b\[K")


def main():
    tests = (it_is_shown_and_erased, it_fits_a_narrow_terminal,
             a_name_of_wide_characters_fits, an_error_stands_on_a_line_of_its_own, an_interrupt_leaves_a_clean_line,
             a_page_that_is_written_is_told_of, records_that_are_written_are_told_of,
             a_pipe_gets_nothing, a_dumb_terminal_gets_nothing)
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as directory:
            snapshot = make(directory)
            try:
                test(directory, snapshot)
                print(f"ok {number} - {test.__name__.replace('_', ' ')}", flush=True)
            except Wrong as wrong:
                failed = True
                print(f"not ok {number} - {test.__name__.replace('_', ' ')}\n# {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
