"""Compares the snapshots of cross_thread_free with the ledgers beside them.

A block can have been alive from the begin of its allocation to the end of its
free, and must have been from the end of the one to the begin of the other. A
snapshot is an exact cut if there is one moment, within the call that took it, at
which all that it holds can have been alive and all that it lacks need not.
"""
import collections
import glob
import struct
import sys

import snapshot

ALIVE, ALLOCATED, FREED = range(3)
NEVER = 1 << 64

Life = collections.namedtuple("Life", "size can_begin must_begin must_end can_end")


def read_ledger(path):
    with open(path, "rb") as file:
        held, begin, end, count = struct.unpack("<4Q", file.read(32))
        events = list(struct.iter_unpack("<5Q", file.read()))
    assert len(events) == count, f"{path}: {len(events)} events of {count}"
    return held, begin, end, events


def lives_by_address(events):
    """All lives of blocks, {address: [Life…]}."""
    lives = collections.defaultdict(list)
    # At one address a free begins before the next allocation ends.
    events.sort(key=lambda event: event[3] if event[0] == FREED else event[4])
    for kind, address, size, begin, end in events:
        if kind == FREED:
            life = lives[address].pop()
            assert life.size == size and life.can_end == NEVER, "the ledger is wrong"
            lives[address].append(life._replace(must_end=begin, can_end=end))
        else:
            assert not lives[address] or lives[address][-1].can_end != NEVER, "the ledger is wrong"
            lives[address].append(Life(size, begin, end, NEVER, NEVER))
    return lives


def forbidden(lives, size):
    """Open intervals at which the snapshot cannot have been taken if it holds a
    block of SIZE (None: no block) at the address that had LIVES."""
    ruled_out = [(life.must_begin, life.must_end) for life in lives if life.size != size]
    if size is not None:
        after = -1
        for life in lives:
            if life.size == size:
                ruled_out.append((after, life.can_begin))
                after = life.can_end
        ruled_out.append((after, NEVER))
    return [(begin, end) for begin, end in ruled_out if begin < end]


def moment(begin, end, ruled_out):
    """A time from BEGIN to END in none of the open intervals RULED_OUT, or None."""
    time = begin
    for one, two in sorted(ruled_out):
        if one >= time and one >= begin:
            return time if time <= end else None
        time = max(time, two)
    return time if time <= end else None


def complaints(path):
    heap = snapshot.Snapshot(path)
    found = heap.complaints()
    held, begin, end, events = read_ledger(path.replace(".hds", ".ledger"))
    own = {block.address: block.size for block in heap.own_blocks()}

    if held:
        ledger = {address: size for _kind, address, size, _begin, _end in events}
        for address in sorted(own.keys() | ledger.keys()):
            if own.get(address) != ledger.get(address):
                found.append(f"block {address:#x}: snapshot {own.get(address)}, ledger {ledger.get(address)}")
        return found, len(events)

    lives = lives_by_address(events)
    ruled_out = []
    for address in own.keys() | lives.keys():
        here = forbidden(lives.get(address, []), own.get(address))
        if moment(begin, end, here) is None:
            found.append(f"block {address:#x}: snapshot {own.get(address)}, from {begin} to {end} it had "
                         f"{lives.get(address, [])}")
        ruled_out += here
    if not found and moment(begin, end, ruled_out) is None:
        found.append("not the state of any one moment")
    return found, len(events)


def main():
    paths = sorted(glob.glob(sys.argv[1] + "/[0-9]*.hds"))
    bad = 0
    total = 0
    for path in paths:
        found, events = complaints(path)
        total += events
        for line in found[:10]:
            print(f"{path}: {line}")
        bad += len(found)
    print(f"{len(paths)} snapshots, {total} ledger entries, {bad} complaints")
    sys.exit(1 if bad or len(paths) != int(sys.argv[2]) else 0)


if __name__ == "__main__":
    main()
