#!/usr/bin/python3
"""requests.py - what snapshots asked for from outside cost a server under load.

    requests.py BUILD [ROUNDS [REQUESTS [SECONDS [KEYS]]]]

A redis-server is traced, and redis-benchmark keeps it busy: first with one key, which is
its default, then with 100,000. In turn, SECONDS each, evenly over that time: REQUESTS times
`heapdelta snapshot`, and as often `heapdelta status`, which reads the same page and asks for
nothing. (With no client at all in their place, server and load may settle on one CPU until
somebody disturbs them: with one key the run with requests came out 2.7 times as fast.) The
server and the load stay the same, and only neighbours are compared. Prints the medians of the commands done per second, the loss with its quartiles,
the same by the CPU time that the server itself took for a command, and the pause as
`heapdelta status` shows it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


class Server:
    """A traced redis-server with KEYS keys, and redis-benchmark that keeps it busy."""

    def __init__(self, heapdelta, directory, keys):
        self.heapdelta = heapdelta
        self.socket = directory + "/socket"
        self.directory = directory
        binary = directory + "/redis-server"
        # Debian keeps the server in redis-tools, under this name too.
        os.symlink("/usr/bin/redis-check-rdb", binary)
        self.run = subprocess.Popen(
            [heapdelta, "run", "--quiet", "-o", directory + "/out", "--", binary, "--port", "0",
             "--unixsocket", self.socket, "--save", "", "--appendonly", "no", "--dir", directory],
            stdout=subprocess.DEVNULL)
        while subprocess.run(["redis-cli", "-s", self.socket, "ping"], check=False,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            time.sleep(0.05)
        self.pid = int(self.info("server")["process_id"])
        load = ["redis-benchmark", "-s", self.socket, "-q", "-d", "100", "-r", str(keys)]
        subprocess.run(load + ["-t", "set", "-n", str(3 * keys)], check=True,
                       stdout=subprocess.DEVNULL)
        self.load = subprocess.Popen(load + ["-l", "-t", "set,get", "-c", "20", "-n", "1000000"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def info(self, section):
        """What redis says of itself, by name."""
        text = subprocess.run(["redis-cli", "-s", self.socket, "info", section], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def done(self):
        """Commands so far, CPU seconds of the server so far, and now."""
        ticks = open(f"/proc/{self.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        return (int(self.info("stats")["total_commands_processed"]),
                (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"), time.monotonic())

    def speed(self, seconds, verb, times):
        """Commands per second, and CPU ns per command, while heapdelta VERB is run so many TIMES."""
        commands, cpu, begin = self.done()
        for number in range(times):
            time.sleep(max(0, begin + seconds * number / times - time.monotonic()))
            answer = subprocess.run([self.heapdelta, verb, str(self.pid)], check=True,
                                    stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
            if verb == "snapshot":
                os.unlink(answer)
        time.sleep(max(0, begin + seconds - time.monotonic()))
        commands_then, cpu_then, end = self.done()
        return ((commands_then - commands) / (end - begin),
                (cpu_then - cpu) * 1e9 / (commands_then - commands))

    def status(self):
        """The line about the server of `heapdelta status`, as JSON."""
        text = subprocess.run([self.heapdelta, "status", "--format", "json", str(self.pid)],
                              check=True, stdout=subprocess.PIPE).stdout
        return json.loads(text)["processes"][0]

    def end(self):
        """Shut down; errors of the benchmark are an error."""
        self.load.terminate()
        complaints = self.load.communicate()[1]
        subprocess.run(["redis-cli", "-s", self.socket, "shutdown", "nosave"], check=True)
        if self.run.wait() != 0 or complaints:
            sys.exit(f"requests: the server or its load failed: {complaints}")


def quartiles(values):
    """VALUES as median and quartiles, in %."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle * 100:+.1f} % [{low * 100:+.1f}, {high * 100:+.1f}]"


def measure(heapdelta, keys, rounds, requests, seconds):
    """Compare with KEYS keys, and print what came out."""
    pairs = []
    with tempfile.TemporaryDirectory() as directory:
        server = Server(heapdelta, directory, keys)
        server.speed(2, "snapshot", 1)
        for number in range(rounds):
            order = ("status", "snapshot") if number % 2 == 0 else ("snapshot", "status")
            figures = {verb: server.speed(seconds, verb, requests) for verb in order}
            pairs.append((figures["status"], figures["snapshot"]))
        status = server.status()
        server.end()
    print(f"{keys} keys, {status['blocks']} blocks of {status['bytes']} bytes:")
    print(f"  commands per second  {statistics.median(pair[0][0] for pair in pairs):.0f}, with "
          f"{requests} requests in {seconds} s "
          f"{statistics.median(pair[1][0] for pair in pairs):.0f}")
    print(f"  loss                 {quartiles([1 - asked[0] / plain[0] for plain, asked in pairs])}"
          ", less than 5 % wanted")
    print("  CPU per command      "
          f"{quartiles([asked[1] / plain[1] - 1 for plain, asked in pairs])}")
    print(f"  pause                {status['last_pause'] / 1e6:.2f} ms, the longest "
          f"{status['longest_pause'] / 1e6:.2f} ms", flush=True)


def main():
    build = os.path.abspath(sys.argv[1])
    rounds, requests, seconds, only = (int(word) if word else default for word, default in zip(
        (sys.argv[2:] + [""] * 4)[:4], (9, 100, 10, 0)))
    for keys in (only,) if only else (1, 100000):
        measure(build + "/analyzer/heapdelta", keys, rounds, requests, seconds)


if __name__ == "__main__":
    main()
