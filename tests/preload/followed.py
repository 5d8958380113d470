"""Compare the snapshots of a process tree with what its processes say they hold.

    followed.py LEDGER DIR

LEDGER has the lines of followed.c. Every process with a snapshot at exit has there
exactly the blocks of its line; blocks of 5000 to 5999 bytes are changed by threads
while the process forks: all that were published are there, and at most one more for
each thread. Prints "WHO HOW COUNT" of the processes that have a snapshot at exit; HOW is
fork if it has the run of a parent, else exec. WHO is the program where that is another.
"""
import collections
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import snapshot

FIRST, LAST, THREADS = 3000, 3063, 16


def read_ledger(path):
    """pid → [(parent, who, {size: count}, {address: size}), …], the newest first: of several images
    of a process the last has the snapshot at exit, but a number may also be of two processes."""
    processes = collections.defaultdict(list)
    with open(path, encoding="ascii") as file:
        for line in file:
            pid, parent, who, *words = line.split()
            assert pid != "#", line
            held, published = {}, {}
            for word in words:
                key, number = word.lstrip("@").split(":")
                (published if word[0] == "@" else held)[int(key)] = int(number)
            processes[int(pid)].insert(0, (int(parent), who, held, published))
    return processes


def complaints(heap, parent, held, published):
    have = collections.Counter(block.size for block in heap.blocks if FIRST <= block.size <= LAST)
    if have != held:
        yield f"holds {dict(have)}, says {held}"
    by_address = {block.address: block.size for block in heap.blocks}
    missing = {address: size for address, size in published.items()
               if by_address.get(address) != size}
    if missing:
        yield f"{len(missing)} published blocks are not there: {missing}"
    changed = sum(1 for block in heap.blocks if 5000 <= block.size < 6000)
    if changed - len(published) > THREADS:
        yield f"{changed} blocks of threads, {len(published)} are published"
    if heap.process.parent_pid != parent:
        yield f"parent {heap.process.parent_pid}, says {parent}"
    if heap.account.lost_blocks:
        yield f"{heap.account.lost_blocks} lost"


def main():
    processes = read_ledger(sys.argv[1])
    heaps = [snapshot.Snapshot(path) for path in sorted(glob.glob(sys.argv[2] + "/*.hds"))]
    runs = {heap.process[0:2]: heap.process.pid for heap in heaps}
    found = collections.Counter()
    bad = 0
    for heap in heaps:
        if heap.string(heap.process.label) != "exit":
            continue
        pid = heap.process.pid
        program = os.path.basename(heap.string(heap.process.program))
        if pid not in processes and program != "followed":
            found[f"{program} exec"] += 1
            continue
        if pid not in processes:
            print(f"{heap.path}: no process says it is this")
            bad += 1
            continue
        parent, who, held, published = min(
            processes[pid], key=lambda said: len(list(complaints(heap, said[0], *said[2:]))))
        for complaint in complaints(heap, parent, held, published):
            print(f"{os.path.basename(heap.path)} ({who}): {complaint}")
            bad += 1
        parent_run = heap.process[2:4]
        if parent_run != (0, 0) and runs.get(parent_run, parent) != parent:
            print(f"{heap.path}: its parent run is of process {runs[parent_run]}, not {parent}")
            bad += 1
        found[f"{who} {'fork' if parent_run != (0, 0) else 'exec'}"] += 1
    if len(runs) != len({(heap.process[0:2], heap.process.pid) for heap in heaps}):
        print("a run of two processes")
        bad += 1
    for who, count in sorted(found.items()):
        print(who, count)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
