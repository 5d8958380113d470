#!/usr/bin/python3
"""How much of its caller's stack a hook may use, by the compiler's own account of each
frame (-fcallgraph-info=su), along the deepest chain of calls. Speaks TAP.

    stack_use.py SOURCE_ROOT COMPILER… -- SOURCE…

Not counted: the real allocator, which would run without us, too; the first call in a
process; signal handlers.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
from multiprocessing.pool import ThreadPool

LIMIT = 1536 # there are signal stacks of 8 KiB
# Of libc's functions; those for bytes and strings are assembly without a frame.
LIBC_FRAME, LIBC_BYTES_FRAME = 128, 16
LIBC_BYTES = re.compile(r"mem.*|str.*|stp.*")

HOOKS = ["malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "free_sized",
         "free_aligned_sized", "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc",
         "malloc_usable_size"]
ONCE = {"life_begin"}

# Who is called by pointers, by the file that calls.
POINTERS = {
    "interpose.c": [],  # the real functions
    "trie.c": ["modules_find", "modules_loaded"],
    "cfi.c": ["read_word", "probe_read"],
    "cfi_expression.c": ["read_word", "probe_read"],
    "live.c": [],       # live_each(), for snapshots
    "tracker_sum.c": [], # tracker_each_in_flight(), the same
}

NODE = re.compile(r'^node: { title: "([^"]+)" label: "([^"]*)"')
EDGE = re.compile(r'^edge: { sourcename: "([^"]+)" targetname: "([^"]+)"')


def plain(title):
    """The function of a node: static ones are called FILE:FUNCTION."""
    return title.rsplit(":", 1)[-1]


def read_graph(path, frames, calls):
    """Add the functions of the call graph in the file at PATH to FRAMES (bytes) and CALLS."""
    source = path.name.removesuffix(".ci") + ".c"
    for line in path.read_text(encoding="utf-8").splitlines():
        if node := NODE.match(line):
            size = re.search(r"(\d+) bytes \(([^)]*)\)", node[2])
            if size:
                # An unbounded frame has no place below a hook.
                bounded = "dynamic" not in size[2] or "bounded" in size[2]
                frames[plain(node[1])] = int(size[1]) if bounded else LIMIT * 10
        elif edge := EDGE.match(line):
            targets = [plain(edge[2])]
            if edge[2] == "__indirect_call":
                targets = POINTERS.get(source, ["?"])
            calls.setdefault(plain(edge[1]), set()).update(targets)


def libc_frame(function):
    return LIBC_BYTES_FRAME if LIBC_BYTES.fullmatch(function) else LIBC_FRAME


def deepest(function, frames, calls, above=()):
    """The bytes and the functions of the deepest chain that begins with FUNCTION."""
    if function in ONCE or function in above:
        return 0, []
    if function not in frames:
        return libc_frame(function), [function]
    below = max((deepest(callee, frames, calls, (*above, function))
                 for callee in sorted(calls.get(function, ()))), default=(0, []))
    return frames[function] + below[0], [function, *below[1]]


def main(root, *arguments):
    compiler, sources = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]
    frames, calls = {}, {}
    with tempfile.TemporaryDirectory() as directory:
        def graph_of(source):
            output = pathlib.Path(directory) / (pathlib.Path(source).stem + ".o")
            # A compiler that is ccache gives the object file, but not the call graph.
            subprocess.run([*compiler, "-I", root, "-fcallgraph-info=su", "-c", source,
                            "-o", output], check=True, env=os.environ | {"CCACHE_DISABLE": "1"})
            return output.with_suffix(".ci")

        with ThreadPool() as pool:
            for graph in pool.map(graph_of, sources):
                read_graph(graph, frames, calls)
    print(f"1..{len(HOOKS)}")
    failed = 0
    for number, hook in enumerate(HOOKS, 1):
        size, chain = deepest(hook, frames, calls)
        good = hook in frames and size < LIMIT and "?" not in chain
        failed += not good
        print(f"{'' if good else 'not '}ok {number} - {hook}: {size} bytes")
        print("# " + " ".join(f"{name} {frames.get(name) or libc_frame(name)}" for name in chain))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
