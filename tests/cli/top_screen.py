#!/usr/bin/python3
"""`heapdelta top` on a terminal: driven in tmux, and its screens looked at. Speaks TAP.

Nothing is timed: what is to appear is waited for, a test that waits too long fails.

    top_screen.py [--picture]        (then only print a screen, for the README)
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HEAPDELTA = os.environ["HEAPDELTA"]
TARGET = pathlib.Path(os.environ["BUILD_ROOT"]) / "tests/cli/top_target"
PATIENCE = 60  # seconds, for a machine that does other things
HINTS = r"q leave  \? help"


class Wrong(Exception):
    pass


def wait_for(what, condition):
    """Wait until CONDITION() is true; return what it is."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Wrong(f"waited in vain for {what}")
        time.sleep(0.02)


class Target:
    """The program that is watched, which does a thing at a time."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [HEAPDELTA, "run", "--quiet", "-o", f"{directory}/out", "--", TARGET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.says("ready")
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        self.pid = int(pathlib.Path(children).read_text(encoding="ascii").split()[0])

    def says(self, line):
        said = self.process.stdout.readline().rstrip("\n")
        if said != line:
            raise Wrong(f"the target says '{said}' instead of '{line}'")

    def does(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.says("done " + line)

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        # What a watcher that crashed has left.
        for place in "/dev/shm", "/tmp":
            for left in pathlib.Path(place).glob(f"heapdelta-top.{self.pid}.*"):
                shutil.rmtree(left, ignore_errors=True)


class Screen:
    """A terminal with a shell command in it."""

    count = 0

    def __init__(self, directory, command, columns=80, rows=24, locale="C.UTF-8"):
        self.directory = directory
        Screen.count += 1 # a server of its own, in the directory
        self.tmux = ["tmux", "-S", f"{directory}/tmux.{Screen.count}", "-f", "/dev/null"]
        environment = {**os.environ, "LC_ALL": locale, "PS1": "$ "}
        for name in "TMUX", "ENV", "NO_COLOR":
            environment.pop(name, None)
        # What is there before and after is told by marks of our own; `stty -g` by itself.
        # The shell stays: the terminal is to be looked at afterwards.
        script = f"echo before; stty -g >before; {command}; echo status=$? >status; " \
            "stty -g >after; echo after; exec cat"
        self.run("-u", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                 "sh", "-c", script, environment=environment)

    def run(self, *arguments, environment=None):
        return subprocess.run([*self.tmux, *arguments], check=True, cwd=self.directory, text=True,
                              env=environment, stdout=subprocess.PIPE, timeout=PATIENCE).stdout

    def press(self, *keys):
        for key in keys:
            self.run("send-keys", key)

    def lines(self):
        return self.run("capture-pane", "-p").split("\n")

    def shows(self, pattern):
        """Wait until a line matches PATTERN; return the match."""
        def look():
            for line in self.lines():
                match = re.search(pattern, line)
                if match:
                    return match
            return None
        try:
            return wait_for(pattern, look)
        except Wrong as wrong:
            raise Wrong("\n".join([str(wrong), *self.lines()])) from None

    def lacks(self, pattern):
        """Wait until no line matches PATTERN."""
        wait_for(f"no {pattern}", lambda: not any(re.search(pattern, line) for line in self.lines()))

    def resize(self, columns, rows):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def is_alternate(self):
        return self.run("display-message", "-p", "#{alternate_on}").strip() == "1"

    def has_cursor(self):
        return self.run("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def left(self, status):
        """The command has ended with STATUS, and left the terminal as it was."""
        read = (pathlib.Path(self.directory) / name for name in ("status", "before", "after"))
        ended = pathlib.Path(self.directory) / "after"
        wait_for("the end", lambda: ended.exists() and ended.stat().st_size)
        self.shows("^after$")
        got, before, after = (path.read_text(encoding="ascii").strip() for path in read)
        if got != f"status={status}":
            raise Wrong(f"{got} instead of {status}\n" + "\n".join(self.lines()))
        if before != after:
            raise Wrong(f"the terminal was {before}, and is {after}")
        if self.is_alternate() or not self.has_cursor():
            raise Wrong("the screen was not left, or has no cursor")
        self.shows("^before$")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)


def row(name, live, growth=r"\S+ \S+"):
    """A row of the table at 80 columns, with the sign of the selected one, or not."""
    return rf"^[> ] +{live} +{growth} +\S+ \S+ .*{name}"


def rows_appear_and_change(screen, target):
    screen.shows(row("top_target.c:[0-9]+ keep$", "97.7 KiB", r"\+0 B"))
    screen.shows(row("top_target.c:[0-9]+ pass$", "0 B", r"\+0 B"))
    screen.shows(HINTS)
    target.does("keep 900")
    screen.shows(row("keep$", "977 KiB", r"\+879 KiB"))
    # What was before is soon out of sight where the course has ten columns.
    screen.shows("█ .*keep$")


def order_changes(screen, target):
    target.does("list 1500")
    screen.shows(row("item_new$", "152 KiB"))
    screen.shows("^> .* keep$")
    screen.press("B")
    screen.shows("by line, blocks first")
    screen.shows("^> .* item_new$")
    # What the rows are ordered by is seen, however small the screen is.
    screen.shows("  live +growth +blocks course +line")
    screen.shows(r"^> +152 KiB +\+152 KiB +1500 .* item_new$")
    screen.press("A")
    screen.shows("  live +growth +calls/s course +line")
    screen.press("L")
    screen.shows("  live +growth +bytes/s course +line")
    screen.shows("live first")
    screen.shows("^> .* keep$")
    screen.press("N", "o")
    screen.shows("live first")


def rows_are_of_other_kinds(screen, target):
    for kind, name in (("function", r"keep \[top_target\]"), ("module", "top_target$"),
                       ("thread", "main$"), ("type", "struct item$"), ("file", "top_target.c$"),
                       ("line", "keep$")):
        screen.press("g")
        screen.shows(f"by {kind}, live first")
        screen.shows(f"^[> ] .*{name}")
    screen.press("G")
    screen.shows("by file, live first")
    # What has grown before is known of rows of another kind, too.
    target.does("keep 100")
    screen.shows(r"\+1129 KiB .*top_target.c$")
    screen.press("g")
    screen.shows(r"\+977 KiB .* keep$")


def enter_shows_the_stack(screen, target):
    screen.press("L", "Home", "Enter")
    screen.shows("keep: stack 1 of 1 holds 1074 KiB in 1100 blocks")
    screen.shows(r"^  keep  top_target.c:\d+$")
    screen.shows(r"^  main  top_target.c:\d+$")
    target.does("keep 1")
    screen.shows("holds 1075 KiB in 1101 blocks")
    screen.press("Escape")
    screen.shows(HINTS)


def help_is_there(screen, target):
    screen.press("?")
    screen.shows("this help")
    screen.shows("^Esc back")
    # It is all there: its last line, and no line that is as long as the screen, so perhaps cut.
    screen.shows(r"20,000 stacks\.$")
    for line in screen.lines():
        if len(line.rstrip()) >= 80:
            raise Wrong(f"a line of the help is too long: {line}")
    screen.press("Escape")
    screen.shows(HINTS)


def rows_are_filtered(screen, target):
    screen.press("/")
    screen.shows("^only names with: _")
    screen.press("I", "t", "e", "x", "BSpace")
    screen.shows("^only names with: Ite_")
    screen.lacks(" keep$")
    screen.shows(" item_new$")
    screen.press("Enter")
    screen.shows("only names with 'Ite'")
    screen.press("Escape")
    screen.shows(" keep$")
    screen.lacks("only names with")


def a_frozen_screen_stays(screen, target):
    screen.press("Space")
    screen.shows("^frozen")
    screen.press("L", "Home", "Enter")
    screen.shows("1101 blocks")
    target.does("keep 400")
    # Two keys later it is as it was; then it goes on.
    screen.press("Down", "Up", "Escape")
    screen.shows("^frozen")
    screen.press("Enter")
    screen.shows("1101 blocks")
    screen.press("Space")
    screen.shows("1501 blocks")
    screen.press("Escape")
    screen.shows(HINTS)


def growth_is_counted_from_a_mark(screen, target):
    screen.press("m")
    screen.shows("^marked")
    screen.shows("growth since ")
    screen.shows(row("keep$", "1466 KiB", r"\+0 B"))
    target.does("keep 10")
    screen.shows(row("keep$", "1476 KiB", r"\+9\.8 KiB|\+10000 B|\+\S+ \S+"))
    match = screen.shows(row("keep$", "1476 KiB", r"(?P<growth>\S+ \S+)"))
    if match["growth"] != "+10000 B":
        raise Wrong(f"growth since the mark: {match['growth']}")
    screen.press("M")
    screen.lacks("growth since ")
    screen.shows(row("keep$", "1476 KiB", r"\+1378 KiB"))


def a_snapshot_is_taken(screen, target):
    screen.press("s")
    match = screen.shows(r"^snapshot: (\S+/top_target\.\d+\.0001\.top\.hds)")
    if not pathlib.Path(match[1]).is_file():
        raise Wrong(f"{match[1]} is no file")
    screen.press("Down")
    screen.shows(HINTS)


def the_screen_may_become_larger_and_smaller(screen, target):
    screen.press("L", "Home")
    screen.resize(120, 40)
    screen.shows(r"calls/s course +line")
    screen.shows(r"^> .* 1511 +\+1411 .* keep$")
    wait_for("the last line", lambda: re.search(HINTS, screen.lines()[39]))
    screen.resize(60, 20)
    screen.shows("^60x20 is too small: 80x24 are needed")
    screen.resize(80, 24)
    screen.shows(row("keep$", "1476 KiB"))
    wait_for("the last line", lambda: re.search(HINTS, screen.lines()[23]))


def the_end_of_the_program_is_said(screen, target):
    target.kill()
    screen.shows(rf"^process {target.pid} \(top_target\) has ended; this is the last")
    screen.shows(row("keep$", "1476 KiB"))
    screen.press("L", "Home", "Enter")
    screen.shows(r"^  keep  top_target.c:\d+$")
    screen.press("Escape")
    screen.shows(" keep$")


def the_terminal_is_left_at_q(screen, target):
    if not screen.is_alternate():
        raise Wrong("it did not take the terminal")
    screen.press("q")
    screen.left(0)


def drive():
    """One session from the first look to the end: a step begins where the one before ended."""
    with tempfile.TemporaryDirectory() as directory:
        target = Target(directory)
        target.does("keep 100")
        target.does("pass 3")
        screen = Screen(directory, f"'{HEAPDELTA}' top --delay 200ms {target.pid}")
        try:
            for step in (rows_appear_and_change, order_changes, rows_are_of_other_kinds,
                         enter_shows_the_stack, help_is_there, rows_are_filtered,
                         a_frozen_screen_stays, growth_is_counted_from_a_mark, a_snapshot_is_taken,
                         the_screen_may_become_larger_and_smaller, the_end_of_the_program_is_said,
                         the_terminal_is_left_at_q):
                yield step.__name__, lambda step=step: step(screen, target)
        finally:
            screen.close()
            target.kill()


def with_screen(check, locale="C.UTF-8", before=""):
    """Let CHECK(screen, target) look at a screen of its own."""
    with tempfile.TemporaryDirectory() as directory:
        target = Target(directory)
        target.does("keep 100")
        screen = Screen(directory, f"{before} '{HEAPDELTA}' top --delay 200ms {target.pid}",
                        locale=locale)
        try:
            check(screen, target)
        finally:
            screen.close()
            target.kill()


def pid_of_top(target):
    """The process that watches TARGET."""
    def find():
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [HEAPDELTA.encode(), b"top"] and str(target.pid).encode() in words:
                return int(entry.name)
        return None
    return wait_for("the process", find)


def ended_by(number, status):
    """The terminal is left as it was when the signal NUMBER ends it."""
    def check(screen, target):
        screen.shows(" keep$")
        os.kill(pid_of_top(target), number)
        screen.left(status)
    return lambda: with_screen(check)


def the_course_is_ascii_elsewhere():
    def check(screen, target):
        screen.shows(" keep$")
        target.does("keep 900")
        screen.shows("# .* keep$")
        text = "\n".join(screen.lines())
        if not text.isascii():
            raise Wrong(text)
        screen.press("q")
        screen.left(0)
    with_screen(check, locale="C")


def keys_may_come_before_the_first_look():
    with tempfile.TemporaryDirectory() as directory:
        target = Target(directory)
        target.does("keep 100")
        os.kill(target.pid, signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{target.pid}/stat")
        wait_for("the stop", lambda: ") T " in stat.read_text(encoding="utf-8"))
        screen = Screen(directory, f"'{HEAPDELTA}' top --delay 200ms {target.pid}")
        try:
            screen.shows("^heapdelta top: waiting for the program")
            # Every key of the table but 'q', and those that wait for the program.
            screen.press("Down", "End", "Enter", "g", "G", "o", *"LWRBANM", "Escape", "?")
            screen.shows("^Esc back")
            screen.press("Escape")
            screen.shows("^heapdelta top: waiting for the program")
            os.kill(target.pid, signal.SIGCONT)
            screen.press("L")
            screen.shows(" keep$")
            screen.press("q")
            screen.left(0)
        finally:
            screen.close()
            target.kill()


def the_end_may_come_before_the_first_look():
    with tempfile.TemporaryDirectory() as directory:
        target = Target(directory)
        os.kill(target.pid, signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{target.pid}/stat")
        wait_for("the stop", lambda: ") T " in stat.read_text(encoding="utf-8"))
        screen = Screen(directory, f"'{HEAPDELTA}' top --delay 200ms {target.pid}")
        try:
            screen.shows("^heapdelta top: waiting for the program")
            target.kill()
            screen.shows("^heapdelta top: the program has ended")
            screen.shows(rf"^process {target.pid} \(top_target\) has ended; nothing was seen of it")
            screen.press("q")
            screen.left(0)
        finally:
            screen.close()
            target.kill()


def a_program_is_started_and_ended():
    with tempfile.TemporaryDirectory() as directory:
        screen = Screen(directory, f"'{HEAPDELTA}' top --delay 200ms -- '{TARGET}' stay")
        try:
            screen.shows("^top_target, process [0-9]+: by line")
            screen.shows(" all$")
            screen.press("q")
            screen.shows("^the program still runs: q again ends it")
            screen.press("x")
            screen.shows(HINTS)
            screen.press("q", "q")
            screen.left(0)
            match = screen.shows(r"^heapdelta top: the program's output is in (\S+)$")
            screen.shows(r"^heapdelta top: its snapshots are in heapdelta\.top_target\.\d+$")
            output = pathlib.Path(directory) / match[1]
            if output.read_text(encoding="utf-8").split("\n")[0] != "ready":
                raise Wrong("its output is not there")
            if not list(pathlib.Path(directory).glob("heapdelta.top_target.*/*.exit.hds")):
                raise Wrong("it left no snapshot")
        finally:
            screen.close()


def a_terminal_that_cannot_be_drawn_on_is_refused():
    def check(screen, _):
        screen.left(3)
        screen.shows("^heapdelta top: a terminal with TERM=dumb can't be drawn on; --batch 0 prints")
    with_screen(check, before="TERM=dumb")


class Server:
    """A traced redis-server under load."""

    def __init__(self, directory):
        # Debian keeps the server in redis-tools, under another name.
        binary = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        os.symlink(binary, f"{directory}/redis-server")
        self.socket = f"{directory}/redis"
        self.process = subprocess.Popen(
            [HEAPDELTA, "run", "--quiet", "-o", f"{directory}/out", "--", f"{directory}/redis-server",
             "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
             "--dir", directory], stdout=subprocess.DEVNULL)
        wait_for("the server", lambda: self.ask("ping") == "PONG")
        self.pid = int(re.search(r"process_id:(\d+)", self.ask("info", "server"))[1])
        self.load = subprocess.Popen(
            ["redis-benchmark", "-s", self.socket, "-q", "-l", "-d", "100", "-r", "1000", "-c", "5",
             "-t", "set,get"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=PATIENCE).stdout.strip()

    def die(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()
        self.load.kill()
        self.load.wait()


def a_redis_server_under_load_is_resized_and_dies():
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        screen = Screen(directory, f"'{HEAPDELTA}' top --delay 200ms --group-by module {server.pid}")
        try:
            screen.shows(f"^redis-server, process {server.pid}: by module, live first")
            screen.press("A")
            screen.shows(r"^> .* [1-9]\d* .*redis-[a-z-]+$")
            for columns, rows in (120, 40), (60, 20), (200, 50), (80, 24):
                screen.resize(columns, rows)
                if columns < 80:
                    screen.shows("^60x20 is too small")
                else:
                    wait_for("the last line", lambda rows=rows: re.search(HINTS, screen.lines()[rows - 1]))
                    screen.shows("redis-[a-z-]+$")
            done = int(re.search(r"commands_processed:(\d+)", server.ask("info", "stats"))[1])
            if not done:
                raise Wrong("the server has done nothing")
            server.die()
            screen.shows(rf"^process {server.pid} \(redis-server\) has ended; this is the last")
            screen.shows("redis-[a-z-]+$")
            screen.resize(100, 30)
            wait_for("the last line", lambda: re.search("has ended", screen.lines()[29]))
            screen.press("q")
            screen.left(0)
        finally:
            screen.close()
            server.die()


def independent():
    if shutil.which("redis-benchmark"):
        yield "a_redis_server_under_load_is_resized_and_dies", \
            a_redis_server_under_load_is_resized_and_dies
    yield "a_terminal_that_cannot_be_drawn_on_is_refused", \
        a_terminal_that_cannot_be_drawn_on_is_refused
    yield "the_terminal_is_left_at_TERM", ended_by(signal.SIGTERM, 143)
    yield "the_terminal_is_left_at_INT", ended_by(signal.SIGINT, 130)
    yield "the_terminal_is_left_at_HUP", ended_by(signal.SIGHUP, 129)
    yield "the_terminal_is_left_at_QUIT", ended_by(signal.SIGQUIT, 131)
    yield "the_terminal_is_left_at_a_crash", ended_by(signal.SIGSEGV, 139)
    yield "the_course_is_ascii_elsewhere", the_course_is_ascii_elsewhere
    yield "keys_may_come_before_the_first_look", keys_may_come_before_the_first_look
    yield "the_end_may_come_before_the_first_look", the_end_may_come_before_the_first_look
    yield "a_program_is_started_and_ended", a_program_is_started_and_ended


def main():
    number = failed = 0
    for tests in drive, independent:
        for name, test in tests():
            number += 1
            name = name.replace("_", " ")
            try:
                test()
                print(f"ok {number} - {name}", flush=True)
            except (Wrong, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"not ok {number} - {name}")
                print("".join(f"# {line}\n" for line in str(wrong).split("\n")), end="", flush=True)
                if tests is drive:
                    break  # the next step begins where this one was to end
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
