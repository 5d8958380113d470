#!/usr/bin/python3
"""What libheapdelta.so lets out, needs and asks for. Speaks TAP.

    exports.py SOURCE_ROOT LIBRARY
"""

import pathlib
import re
import subprocess
import sys

API = "heapdelta_api_"

# What must never be called from inside the allocator: it may come back to us, take locks
# of libc, or change what the program prints. (dlopen is called once, before main, and only
# where another engine was chosen.)
FORBIDDEN = re.compile(
    r"malloc|calloc|realloc|free|memalign|aligned_alloc|strn?dup|getline|"
    r".*printf.*|.*scanf.*|f?puts|fopen|fdopen|fread|fwrite|fflush|setlocale|"
    r"dlclose|dlinfo|dl_iterate_phdr|getenv|setenv|exit|abort|"
    r"open|read|write|close|mmap|munmap|fork|clone|pthread_mutex_.*|sigaction|raise|sleep|usleep")


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def in_hooks_h(root):
    """The functions of both lists in hooks.h."""
    text = (root / "preload/hooks.h").read_text(encoding="utf-8")
    return sorted(re.findall(r"\bHOOK\((\w+)\)", text))


def in_exports_map(root):
    text = (root / "preload/exports.map").read_text(encoding="utf-8")
    names = re.findall(r"([\w*]+);", text[text.index("global:"):text.index("local:")])
    assert f"{API}*" in names
    return sorted(name for name in names if name != f"{API}*")


def in_heapdelta_h(root):
    """The functions that the API looks up."""
    text = (root / "preload/heapdelta.h").read_text(encoding="utf-8")
    return sorted(API + name for name in
                  re.findall(r"^HEAPDELTA_FUNCTION_\([^,]+, (\w+)", text, re.MULTILINE))


def dynamic_symbols(library, defined):
    lines = tool("nm", "-D", "--defined-only" if defined else "--undefined-only", library)
    return sorted(line.split()[-1].split("@")[0] for line in lines.splitlines())


def main(root, library):
    root = pathlib.Path(root)
    hooks, exported = in_hooks_h(root), dynamic_symbols(library, True)
    dynamic = tool("readelf", "-dW", library)
    segments = tool("readelf", "-lW", library)
    tests = [
        ("a function is hooked once", hooks, sorted(set(hooks))),
        ("exports.map lets out what hooks.h lists", in_exports_map(root), hooks),
        ("the library lets out the hooks, and no other function",
         [name for name in exported if not name.startswith(API)], hooks),
        ("the library has each function that heapdelta.h looks up, and no other",
         [name for name in exported if name.startswith(API)], in_heapdelta_h(root)),
        ("libc is all it needs", re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic), ["libc.so.6"]),
        ("it has no name to be linked by",
         re.findall(r"\((?:SONAME|RPATH|RUNPATH)\)", dynamic), []),
        ("it is bound when it is loaded", "BIND_NOW" in dynamic, True),
        ("its code is not written to", "TEXTREL" in dynamic, False),
        ("its stack is not executable", re.findall(r"GNU_STACK.* (R\w+) ", segments), ["RW"]),
        ("it calls nothing that could come back",
         [name for name in dynamic_symbols(library, False) if FORBIDDEN.fullmatch(name)], []),
    ]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (what, found, wanted) in enumerate(tests, 1):
        good = found == wanted
        failed += not good
        print(f"{'' if good else 'not '}ok {number} - {what}")
        if not good:
            print(f"# found {found}\n# wanted {wanted}")
    return 1 if failed or not hooks else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
