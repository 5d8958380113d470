#!/usr/bin/python3
"""Run the test suites of other packages natively and traced, and compare each case.

    suites.py HEAPDELTA [--suite NAME]... [--test PATTERN]... [--work DIR]

A test is one command; its cases are what it says of itself: JUnit's XML, TAP, or with neither the
exit status. Each is run natively, then by `heapdelta run --follow=all`. Where a case differs, both
are run again: one that came out in either way natively is unsteady, and no difference. Prints a
line for each test that differs and a table of counts; the exit status is 1 if any case differs,
77 if there is no such test.
"""

import argparse
import collections
import fnmatch
import glob
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PYTHON = "/usr/bin/python3"
TIMEOUT = 900  # s, natively and traced

# Of CPython's 430: those that fork, exec, thread, load, map, take signals, embed or allocate much.
# Not those of idlelib, tkinter and distutils, which are no tests of the process, nor test_gdb.
CPYTHON = """
    array ast asyncio atexit audit bigmem binascii buffer builtin bytes bz2 c_locale_coercion call
    capi class cmd_line cmd_line_script codecs collections concurrent_futures contextlib coroutines
    crypt csv ctypes datetime dbm decimal deque dict dictviews docxmlrpc dtrace dynamic email embed
    enum epoll exceptions faulthandler fcntl file fileio float fork1 format fstring functools gc
    generators getpass glob grp gzip hashlib heapq httplib imaplib import importlib inspect int io
    ioctl iter itertools json kqueue list listcomps locale logging long lzma mailbox marshal math
    memoryio memoryview mmap multiprocessing_fork multiprocessing_forkserver multiprocessing_spawn
    multiprocessing_main_handling netrc openpty operator ordered_dict os pathlib pickle platform
    poll popen posix posixpath pprint profile property pty pwd pyexpat queue random re
    readline repl resource runpy sched select selectors set shelve shlex shutil signal site slice
    smtplib socket socketserver sort sqlite3 ssl stat statistics str strptime struct
    structseq subprocess super support symtable sys sys_setprofile sys_settrace sysconfig syslog
    tarfile tempfile termios thread thread_local_bytes threaded_import threadedtempfile threading
    threading_local threadsignals time timeit timeout tokenize trace traceback tracemalloc tuple
    types typing unicodedata unittest unpack urllib userdict uuid venv wait3 wait4 warnings
    wave weakref weakset with xml_etree xml_etree_c xmlrpc zipapp zipfile zipimport zlib
""".split()


class Test:
    """COMMAND, whose cases READ tells from its exit status, its output, and the text of the file
    that {xml} in it stands for."""

    def __init__(self, name, command, read):
        self.name, self.command, self.read = name, command, read


def read_junit(_status, _output, text):
    cases = {}
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        cases[case.get("name")] = ",".join(sorted(kinds)) or "ok"
    return cases


def read_tap(status, output, _text):
    cases = {"exit status": str(status)}
    for result, name in re.findall(r"^\s*((?:not )?ok) \d+ (?:- )?(.*)$", output, re.MULTILINE):
        name, _, directive = name.partition(" # ")
        cases[name] = result + (" skip" if directive.upper().startswith("SKIP") else "")
    return cases


def read_status(status, _output, _text):
    return {"exit status": str(status)}


def cpython():
    for name in CPYTHON:
        if glob.glob(f"/usr/lib/python3.*/test/test_{name}*"):
            yield Test(f"test_{name}", [PYTHON, "-m", "test", "--junit-xml", "{xml}", f"test_{name}"],
                       read_junit)


def installed(package):
    """What Debian's packages of installed tests have."""
    for path in sorted(glob.glob(f"/usr/share/installed-tests/{package}/*.test")):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        command = shlex.split(re.search(r"^Exec=(.*)$", text, re.MULTILINE).group(1))
        yield Test(pathlib.Path(path).stem, ["dbus-run-session", "--", *command], read_tap)


def systemd():
    for path in sorted(glob.glob("/usr/lib/systemd/tests/test-*")):
        if os.access(path, os.X_OK):
            yield Test(pathlib.Path(path).name, [path], read_status)


SUITES = {
    "cpython": ("libpython3.11-testsuite", cpython),
    "glib": ("libglib2.0-tests", lambda: installed("glib")),
    "dbus": ("dbus-tests", lambda: installed("dbus")),
    "systemd": ("systemd-tests", systemd),
}


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(test, work, heapdelta=None):
    """The cases of TEST, traced if there is a HEAPDELTA."""
    with tempfile.TemporaryDirectory(dir=work) as directory:
        report = f"{directory}/report.xml"
        command = [report if word == "{xml}" else word for word in test.command]
        if heapdelta:
            command = [heapdelta, "run", "--follow=all", "--quiet", "-o", f"{directory}/out", "--",
                       *command]
        os.mkdir(f"{directory}/here")
        os.mkdir(f"{directory}/out", 0o1777)
        os.chmod(f"{directory}/out", 0o1777)  # for those that change their user
        os.chmod(directory, 0o755)
        with open(f"{directory}/log", "w+b") as log:
            process = subprocess.Popen(command, cwd=f"{directory}/here", stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                end_group(process)
                process.wait()
                return {"the whole": "timed out"}
            end_group(process)
            log.seek(0)
            output = log.read().decode(errors="replace")
        try:
            text = pathlib.Path(report).read_text(encoding="utf-8")
        except OSError:
            text = "<none/>"
        try:
            cases = test.read(status, output, text)
        except xml.etree.ElementTree.ParseError:
            cases = {}
        return cases or {"exit status": str(status)}


def differences(test, work, heapdelta):
    """What TEST has natively: the number of cases, how many are unsteady, and
    (case, native, traced) of those that differ."""
    native, traced = run(test, work), run(test, work, heapdelta)
    unsteady = set()
    differ = {case for case in native.keys() | traced.keys() if native.get(case) != traced.get(case)}
    for _ in range(2):
        if not differ:
            break
        again, traced_again = run(test, work), run(test, work, heapdelta)
        for case in sorted(differ):
            if again.get(case) != native.get(case):
                unsteady.add(case)
            if traced_again.get(case) == native.get(case):
                unsteady.add(case)
        differ -= unsteady
    return len(native), unsteady, sorted((case, native.get(case), traced.get(case)) for case in differ)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("heapdelta")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--test", action="append", default=[])
    parser.add_argument("--work", default="/var/tmp")
    arguments = parser.parse_args()
    heapdelta = os.path.abspath(arguments.heapdelta)
    os.environ.pop("DISPLAY", None)
    table, bad = [], False
    for name in arguments.suite or SUITES:
        package, tests = SUITES[name]
        counts = collections.Counter()
        for test in tests():
            if arguments.test and not any(fnmatch.fnmatch(test.name, p) for p in arguments.test):
                continue
            cases, unsteady, differ = differences(test, arguments.work, heapdelta)
            counts.update(tests=1, cases=cases, unsteady=len(unsteady), differ=len(differ))
            print(f"{name} {test.name}: {cases} cases, {len(differ)} differ, {len(unsteady)} unsteady",
                  flush=True)
            for case in differ:
                print("    {}: natively {}, traced {}".format(*case), flush=True)
            for case in sorted(unsteady):
                print(f"    {case}: unsteady", flush=True)
            bad |= bool(differ)
        if counts["tests"]:
            table.append((package, counts))
    if not table:
        print("no such test is installed")
        return 77
    print("\npackage                  tests   cases  differ  unsteady")
    for package, counts in table:
        print(f"{package:24} {counts['tests']:5} {counts['cases']:7} {counts['differ']:7} "
              f"{counts['unsteady']:9}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
