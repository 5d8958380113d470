#!/usr/bin/python3
"""top.py - what `heapdelta top` costs the server that it watches.

    top.py BUILD [ROUNDS [SECONDS [KEYS]]]

A redis-server is traced, and redis-benchmark keeps it busy. In turn, SECONDS each: `heapdelta top`
looks at it every second; instead `heapdelta status` does, which asks it for nothing (requests.py
says why there is to be somebody). Only neighbours are compared. Prints the medians of the commands
done per second, and the losses with their intervals, also by the CPU time that the server took for a
command. Many short rounds tell more than few long ones.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from requests import Server  # pylint: disable=wrong-import-position


def watched(server, seconds):
    """Commands per second, and CPU ns per command, while top looks on."""
    top = subprocess.Popen([server.heapdelta, "top", "--batch", "0", str(server.pid)],
                           stdout=subprocess.PIPE)
    top.stdout.readline()  # names are found by the first look
    commands, cpu, begin = server.done()
    lines = 0
    while time.monotonic() < begin + seconds:
        lines += len(os.read(top.stdout.fileno(), 65536).splitlines())
    commands_then, cpu_then, end = server.done()
    top.terminate()
    top.stdout.close()
    top.wait()
    if lines < seconds:
        sys.exit("top did not look")
    return ((commands_then - commands) / (end - begin),
            (cpu_then - cpu) * 1e9 / (commands_then - commands))


def describe(losses):
    """The median, the interval that it is in with 95 % (of order statistics), and the quartiles."""
    ordered, count = sorted(losses), len(losses)
    out = max(0, int((count - 1.96 * count ** 0.5) / 2))
    low, middle, high = statistics.quantiles(losses, n=4)
    return (f"{middle:.1%}, 95 % interval {ordered[out]:.1%} to {ordered[count - 1 - out]:.1%}, "
            f"quartiles {low:.1%} to {high:.1%}")


def main():
    build, rounds, seconds, keys = (sys.argv[1:] + ["build", "10", "8", "10000"][len(sys.argv) - 1:])
    rounds, seconds = int(rounds), int(seconds)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(os.path.join(os.path.abspath(build), "analyzer/heapdelta"), directory,
                        int(keys))
        try:
            pairs = []
            watched(server, 1)
            for number in range(rounds):
                first = watched(server, seconds) if number % 2 else None
                plain = server.speed(seconds, "status", seconds)
                pairs.append((plain, first or watched(server, seconds)))
        finally:
            server.end()
    print(f"commands/s {statistics.median(a[0] for a, b in pairs):.0f}, with top "
          f"{statistics.median(b[0] for a, b in pairs):.0f}")
    print("loss of commands/s:      " + describe([1 - b[0] / a[0] for a, b in pairs]))
    print("more CPU time a command: " + describe([b[1] / a[1] - 1 for a, b in pairs]))


if __name__ == "__main__":
    main()
