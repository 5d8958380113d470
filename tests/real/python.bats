#!/usr/bin/env bats
# python3 without its own allocator.

load real

@test "python3: json, dicts, threads, subprocesses" {
    cat >script.py <<'END'
import collections, json, re, subprocess, sys, threading

data = {f"key{i}": {"number": i, "list": list(range(i % 50)), "text": "x" * (i % 100)} for i in range(20000)}
text = json.dumps(data, sort_keys=True)
assert json.loads(text) == data
counts = [collections.Counter() for _ in range(4)]

def count(n):
    for i in range(n, len(text) - 10, 997):
        counts[n].update(re.findall(r"\w+", text[i:i + 300]))

threads = [threading.Thread(target=count, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(text), [sum(counter.values()) for counter in counts])
for i in range(3):
    done = subprocess.run([sys.executable, "-c", f"import sys; print('child {i}'); sys.exit({i})"],
                          stdout=subprocess.PIPE)
    print(done.returncode, done.stdout.decode().strip())
try:
    json.loads("{")
except ValueError as error:
    print(error)
sys.exit(5)
END
    export PYTHONMALLOC=malloc PYTHONHASHSEED=0
    alike "$PYTHON" script.py
    [ "$status" -eq 5 ]
    accounted
}

@test "python3 with an error" {
    PYTHONMALLOC=malloc alike "$PYTHON" -c 'import threading; {}["missing"]'
    [ "$status" -eq 1 ]
    accounted
}
