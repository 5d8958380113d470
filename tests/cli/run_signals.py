#!/usr/bin/python3
"""Signals between a caller, `heapdelta run` and the program, each case a function.

    run_signals.py CASE HEAPDELTA SIGNAL_LISTENER DIRECTORY

Fails by an exception. A line that is awaited is the synchronisation.
"""

import ctypes
import os
import pty
import signal
import subprocess
import sys


class Run:
    """A listener under `heapdelta run`."""

    def __init__(self, *arguments, **popen):
        self.process = subprocess.Popen(
            [HEAPDELTA, "run", "--quiet", "-o", DIRECTORY, "--", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **popen)
        word, program, parent = self.line().split()
        assert word == "ready" and int(parent) == self.process.pid, (word, parent)
        self.program = int(program)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def expect(self, line):
        seen = self.line()
        assert seen == line, f"'{seen}' instead of '{line}'"

    def end(self, status=0):
        assert self.process.stdout.read() == ""
        seen = self.process.wait()
        assert seen == status, f"status {seen} instead of {status}"


def forwarded():
    run = Run(LISTENER)
    for name in ("HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "PIPE", "WINCH", "TSTP", "CHLD"):
        if name == "CHLD":
            continue  # means us
        os.kill(run.process.pid, signal.Signals["SIG" + name])
        run.expect(name)
    os.kill(run.process.pid, signal.SIGRTMIN + 5)
    run.expect("RTMIN+5")
    os.kill(run.process.pid, signal.SIGTERM)
    run.expect("TERM")
    run.end()


def with_value():
    run = Run(LISTENER)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.sigqueue(run.process.pid, signal.SIGRTMIN + 1, ctypes.c_void_p(4711)) == 0
    run.expect("RTMIN+1 4711")
    os.kill(run.process.pid, signal.SIGTERM)
    run.expect("TERM")
    run.end()


def ends_by_the_same():
    run = Run(LISTENER, "default")
    os.kill(run.process.pid, signal.SIGTERM)
    run.expect("TERM")
    run.end(-signal.SIGTERM)
    run = Run(LISTENER)
    os.kill(run.program, signal.SIGKILL)
    run.end(-signal.SIGKILL)


def no_core():
    run = Run(LISTENER)
    os.kill(run.program, signal.SIGSEGV)
    run.expect("SEGV")  # it waits for that too
    os.kill(run.program, signal.SIGKILL)
    pid, status = os.waitpid(run.process.pid, 0)
    assert pid == run.process.pid and not os.WCOREDUMP(status)


def stops_and_goes_on():
    run = Run(LISTENER)
    for _ in range(3):
        os.kill(run.program, signal.SIGSTOP)
        pid, status = os.waitpid(run.process.pid, os.WUNTRACED)
        assert pid == run.process.pid and os.WIFSTOPPED(status)
        os.kill(run.process.pid, signal.SIGCONT)
        run.expect("CONT")
    # Also when somebody lets the program go on, and not us.
    os.kill(run.program, signal.SIGSTOP)
    pid, status = os.waitpid(run.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(run.program, signal.SIGCONT)
    run.expect("CONT")
    pid, status = os.waitpid(run.process.pid, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
    os.kill(run.process.pid, signal.SIGTERM)
    run.expect("TERM")
    run.end()


def terminal_once():
    """^C goes to the whole foreground group: the program must see one SIGINT."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(HEAPDELTA, [HEAPDELTA, "run", "--quiet", "-o", DIRECTORY, "--", LISTENER])
    lines = os.fdopen(terminal, "rb", buffering=0)
    text = b""

    def until(word):
        nonlocal text
        while word not in text:
            text += lines.read(1024)

    until(b"ready")
    os.write(terminal, b"\x03")
    until(b"INT\r\n")
    # Had `run` passed its own on, it would be before this one.
    os.kill(pid, signal.SIGUSR1)
    until(b"USR1\r\n")
    os.kill(pid, signal.SIGTERM)
    until(b"TERM\r\n")
    assert os.waitpid(pid, 0)[1] == 0
    assert text.count(b"INT\r\n") == 1, text


def inherited():
    """The mask and the ignored signals of our caller are the program's."""
    def prepare():
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2, signal.SIGRTMIN + 3})
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    def seen(*command):
        return subprocess.run([*command, "grep", "^Sig[BIC]", "/proc/self/status"],
                              preexec_fn=prepare, stdout=subprocess.PIPE, check=True).stdout

    native = seen()
    ours = seen(HEAPDELTA, "run", "--quiet", "-o", DIRECTORY, "--")
    # Of what it catches (SigCgt) the tracer's own signal may be part.
    fixed = [line for line in native.splitlines() if not line.startswith(b"SigCgt")]
    assert fixed == [line for line in ours.splitlines() if not line.startswith(b"SigCgt")], ours


def ignored_child():
    """With SIGCHLD ignored the kernel reaps at once; the status must still come."""
    status = subprocess.run(
        [HEAPDELTA, "run", "--quiet", "-o", DIRECTORY, "--", "sh", "-c", "exit 42"],
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).returncode
    assert status == 42, status


def same_group():
    code = "import os; print(os.getpgrp(), os.getsid(0))"
    seen = subprocess.run(
        [HEAPDELTA, "run", "--quiet", "-o", DIRECTORY, "--", "/usr/bin/python3", "-c", code],
        stdout=subprocess.PIPE, check=True, text=True).stdout
    assert seen == f"{os.getpgrp()} {os.getsid(0)}\n", seen


if __name__ == "__main__":
    case, HEAPDELTA, LISTENER, DIRECTORY = sys.argv[1:]
    globals()[case]()
