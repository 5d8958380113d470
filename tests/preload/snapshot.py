"""A second reader of snapshots, written from format/snapshot.h alone.

The tests that compare blocks one by one use it, so that a mistake which writer
and analyzer share does not hide. Run with files as arguments, it checks that
each is whole and that its numbers add up.
"""
import collections
import os
import re
import struct
import sys

MASK = (1 << 64) - 1
(END, STRINGS, PROCESS, MODULES, SEGMENTS, FRAMES, STACKS, COUNTERS, BLOCKS, EPOCHS, THREADS,
 TIMELINE, ACCOUNT, SERIES) = range(14)
OWNERS, TRACKED, MORE_COUNTERS = 22, 23, 26
FIXED, VARINT, BYTES, ZSTD = 1, 2, 3, 0x100
TRUNCATED, LIMITED = 1, 2
MAIN, UNLOADED, DELETED, OWN = 1, 2, 4, 8
COUNTERS_ONLY = 2
COUNTERS_PER_STACK = 5
MORE_COUNTERS_PER_STACK = 3

Process = collections.namedtuple("Process", """run_0 run_1 parent_run_0 parent_run_1 start_time time
    elapsed pid parent_pid sequence epoch exec_count frame_limit program command label trigger flags
    page_size""")
Module = collections.namedtuple("Module", """start end bias path generation flags segment_count
    build_id""")
Account = collections.namedtuple("Account", """live_bytes live_blocks peak_bytes usable_bytes
    allocations frees missed_frees lost_blocks truncated_stacks rss tracer_bytes
    tracer_blocks_bytes tracer_stacks_bytes tracer_counters_bytes tracer_other_bytes pause
    threads_seen""")
Frame = collections.namedtuple("Frame", "parent address module")
Block = collections.namedtuple("Block", "address size stack epoch")


class Damaged(Exception):
    pass


def varints(data):
    """All the numbers in DATA."""
    numbers = []
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7f) << shift
        if byte & 0x80:
            shift += 7
        else:
            numbers.append(value)
            value = shift = 0
    if shift:
        raise Damaged("a number is cut")
    return numbers


def unfold(delta):
    return -(delta >> 1) - 1 if delta & 1 else delta >> 1


def records(data, fields, delta=None):
    """DATA as rows of FIELDS numbers; field DELTA is a folded difference."""
    numbers = varints(data)
    if len(numbers) % fields:
        raise Damaged("a record is cut")
    columns = [numbers[i::fields] for i in range(fields)]
    if delta is not None:
        value = 0
        for i, folded in enumerate(columns[delta]):
            value = (value + unfold(folded)) & MASK
            columns[delta][i] = value
    return list(zip(*columns))


class Snapshot:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            data = file.read()
        magic, version, offset = struct.unpack_from("<8sII", data)
        if magic != b"HEAPDLTA" or version != 1:
            raise Damaged(f"not a snapshot of version 1: {magic} {version}")
        sections = {}
        while True:
            kind, encoding, count, length, raw, _checksum = struct.unpack_from("<IIQQQQ", data, offset)
            offset += 40
            if encoding & ZSTD:
                raise Damaged("the shim does not compress")
            if kind == END:
                if count != len(data) or offset != len(data):
                    raise Damaged(f"{len(data)} bytes, the end says {count}")
                break
            if kind in sections:
                raise Damaged(f"section {kind} twice")
            payload = data[offset:offset + length]
            if len(payload) != length or raw != length:
                raise Damaged(f"section {kind} is cut")
            offset += length
            sections[kind] = encoding, count, payload
        self.sections = sections
        self.process = Process._make(struct.unpack("<4Q3Q12I", self.payload(PROCESS, FIXED)))
        self.account = Account._make(struct.unpack("<17Q", self.payload(ACCOUNT, FIXED)))
        self.modules = []
        for fields in struct.iter_unpack("<QQQIIIII32sI", self.payload(MODULES, FIXED)):
            path, size, build_id = fields[3], fields[7], fields[8]
            self.modules.append(Module(*fields[:3], self.string(path), *fields[4:7], build_id[:size]))
        self.segments = list(struct.iter_unpack("<QQQII", self.payload(SEGMENTS, FIXED)))
        self.frames = [Frame(0, 0, 0)] + [Frame(*r) for r in records(self.payload(FRAMES, VARINT), 3, 1)]
        self.stacks = records(self.payload(STACKS, VARINT), 2)
        self.counters = records(self.payload(COUNTERS, VARINT), COUNTERS_PER_STACK)
        self.more_counters = []
        if MORE_COUNTERS in sections:
            self.more_counters = records(self.payload(MORE_COUNTERS, VARINT), MORE_COUNTERS_PER_STACK)
        self.blocks = []
        if not self.process.flags & COUNTERS_ONLY:
            self.blocks = [Block(*r) for r in records(self.payload(BLOCKS, VARINT), 4, 0)]
        self.domains = [0] * len(self.stacks)
        if OWNERS in sections:
            self.domains = [domain for domain, _ in records(self.payload(OWNERS, VARINT), 2)]
        self.tracked = []
        if TRACKED in sections:
            self.tracked = [Block(*r) for r in records(self.payload(TRACKED, VARINT), 4, 0)]
        self.epochs = list(struct.iter_unpack("<IIQ", self.payload(EPOCHS, FIXED)))
        self.timeline = records(self.payload(TIMELINE, VARINT), 4, 0) if TIMELINE in sections else []
        self.series = self.read_series() if SERIES in sections else []

    def payload(self, kind, encoding):
        if kind not in self.sections:
            raise Damaged(f"section {kind} is missing")
        if self.sections[kind][0] != encoding:
            raise Damaged(f"section {kind} has encoding {self.sections[kind][0]}")
        return self.sections[kind][2]

    def string(self, offset):
        strings = self.payload(STRINGS, BYTES)
        return strings[offset:strings.index(b"\0", offset)].decode(errors="surrogateescape")

    def read_series(self):
        """The moments as (time, {stack: (bytes, blocks)}): what was held then."""
        numbers = iter(varints(self.payload(SERIES, VARINT)))
        moments = []
        time, held = 0, {}
        for _ in range(self.sections[SERIES][1]):
            time += unfold(next(numbers))
            stack, held = 0, dict(held)
            for _ in range(next(numbers)):
                stack += next(numbers)
                bytes_, blocks = held.get(stack, (0, 0))
                held[stack] = bytes_ + unfold(next(numbers)), blocks + unfold(next(numbers))
            moments.append((time, held))
        if list(numbers):
            raise Damaged("more numbers than moments")
        return moments

    def stack(self, number):
        """The frames of a stack, newest first."""
        frames = []
        frame = self.stacks[number][0]
        while frame:
            frames.append(self.frames[frame])
            frame = self.frames[frame].parent
        return frames

    def own_blocks(self):
        """The blocks that the executable's own code allocated."""
        main = [i for i, module in enumerate(self.modules, 1) if module.flags & MAIN]
        own = {i for i, (frame, _flags) in enumerate(self.stacks)
               if frame and self.frames[frame].module in main}
        return [block for block in self.blocks if block.stack in own]

    def complaints(self):
        """What does not add up, as a list of lines."""
        found = []

        def expect(what, have, want):
            if have != want:
                found.append(f"{what}: {have}, expected {want}")

        account = self.account
        by_counters = self.process.flags & COUNTERS_ONLY
        if by_counters:
            expect("live_bytes", account.live_bytes, sum(c[1] - c[3] for c in self.counters))
            expect("live_blocks", account.live_blocks, sum(c[0] - c[2] for c in self.counters))
        else:
            expect("live_bytes", account.live_bytes, sum(b.size for b in self.blocks + self.tracked))
            expect("live_blocks", account.live_blocks, len(self.blocks + self.tracked))
        expect("allocations", account.allocations, sum(c[0] for c in self.counters))
        expect("frees", account.frees, sum(c[2] for c in self.counters))
        expect("truncated_stacks", account.truncated_stacks,
               sum(1 for (_frame, flags), counts in zip(self.stacks, self.counters)
                   if flags & TRUNCATED and counts[0]))
        expect("parts of tracer_bytes", account.tracer_blocks_bytes + account.tracer_stacks_bytes +
               account.tracer_counters_bytes + account.tracer_other_bytes, account.tracer_bytes)
        if account.peak_bytes < account.live_bytes:
            found.append(f"peak {account.peak_bytes} < live {account.live_bytes}")

        for kind, have in ((MODULES, self.modules), (SEGMENTS, self.segments), (FRAMES, self.frames[1:]),
                           (STACKS, self.stacks), (BLOCKS, self.blocks), (EPOCHS, self.epochs),
                           (COUNTERS, self.counters), (OWNERS, self.domains),
                           (TRACKED, self.tracked), (MORE_COUNTERS, self.more_counters)):
            if kind in self.sections:
                expect(f"records of section {kind}", len(have), self.sections[kind][1])

        live = collections.defaultdict(lambda: [0, 0])
        for block in self.blocks + self.tracked:
            live[block.stack][0] += 1
            live[block.stack][1] += block.size
        for kind, blocks in (BLOCKS, self.blocks), (TRACKED, self.tracked):
            for block in blocks:
                if (self.domains[block.stack] == 0) != (kind == BLOCKS):
                    found.append(f"{block} is of domain {self.domains[block.stack]}")
        addresses = [(self.domains[block.stack], block.address) for block in self.tracked]
        if len(set(addresses)) < len(addresses):
            found.append("two blocks at one address of one domain")
        expect("counters", len(self.counters), len(self.stacks))
        for number, counts in enumerate(self.counters):
            allocations, bytes_, frees, freed, reallocations = counts
            if not by_counters:
                expect(f"live by the counters of stack {number}",
                       [allocations - frees, bytes_ - freed], live[number])
            elif allocations < frees or bytes_ < freed:
                found.append(f"stack {number} holds less than nothing")
            if reallocations > allocations:
                found.append(f"stack {number}: {reallocations} reallocations of {allocations}")

        for number, (temporary, peak_bytes, peak_blocks) in enumerate(self.more_counters):
            allocations, bytes_, frees = self.counters[number][:3]
            if temporary > frees or peak_bytes > bytes_ or peak_blocks > allocations:
                found.append(f"stack {number}: {temporary} temporary of {frees} freed, "
                             f"{peak_bytes} of {bytes_} bytes, {peak_blocks} of {allocations} blocks")

        blocks = sorted(self.blocks)
        for one, two in zip(blocks, blocks[1:]):
            if one.address + max(one.size, 1) > two.address:
                found.append(f"{one} overlaps {two}")
        epochs = {number for number, _label, _time in self.epochs}
        for block in blocks + self.tracked:
            if block.epoch not in epochs:
                found.append(f"{block} is of an unknown epoch")
            if block.stack >= len(self.stacks):
                found.append(f"{block} has no stack")

        expect("segments of all modules", sum(m.segment_count for m in self.modules), len(self.segments))
        for number, frame in enumerate(self.frames[1:], 1):
            if frame.parent >= number:
                found.append(f"frame {number} comes before its parent {frame.parent}")
            if frame.module > len(self.modules):
                found.append(f"frame {number} is in no module")
            elif frame.module:
                module = self.modules[frame.module - 1]
                if not module.start <= frame.address < module.end:
                    found.append(f"frame {number} at {frame.address:#x} is outside {module}")
        if sum(1 for m in self.modules if m.flags & MAIN) > 1:
            found.append("two executables")

        for earlier, later in zip(self.timeline, self.timeline[1:]):
            if later[0] < earlier[0]:
                found.append("the timeline goes backwards")

        if len(self.series) > 64:
            found.append(f"{len(self.series)} moments in the series")
        for earlier, later in zip(self.series, self.series[1:]):
            if later[0] <= earlier[0]:
                found.append("the series goes backwards")
        for time, held in self.series:
            for number, (bytes_, blocks) in held.items():
                if bytes_ < 0 or blocks < 0 or number >= len(self.stacks) or \
                        blocks > self.counters[number][0]:
                    found.append(f"at {time} stack {number} held {bytes_} bytes, {blocks} blocks")

        name = re.fullmatch(r"([A-Za-z0-9._+-]+?)\.(\d+)\.(\d{4,})(?:\.([A-Za-z0-9._+-]+))?\.hds",
                            os.path.basename(self.path))
        if name and int(name[2]) == self.process.pid:
            # Later after an exec, where the earlier numbers are taken.
            if int(name[3]) < self.process.sequence:
                found.append(f"sequence {self.process.sequence} in file {name[3]}")
            expect("label", name[4] or "",
                   re.sub("[^A-Za-z0-9._+-]", "_", self.string(self.process.label)[:64]))
        return found


def main():
    bad = 0
    for path in sys.argv[1:]:
        try:
            found = Snapshot(path).complaints()
        except (Damaged, ValueError, IndexError, struct.error) as error:
            found = [f"cannot be read: {error}"]
        for line in found[:20]:
            print(f"{os.path.basename(path)}: {line}")
        bad += len(found)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
