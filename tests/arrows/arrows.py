#!/usr/bin/python3
"""Read the #include lines and fail on an arrow that docs/architecture.md does not
have. Speaks TAP. First the sources as they are, then, to know that a forbidden
arrow would be seen, one include that breaks each rule.

    arrows.py SOURCE_ROOT
"""

import fnmatch
import pathlib
import re
import sys

STDIO = ["stdio.h", "locale.h", "wchar.h"]
LIBDW = ["elfutils/*", "dwarf.h", "libelf.h", "gelf.h"]

FORMAT = ["format/*.h"]

# preload/: what everything there may use, and the leaves, which do not know each other.
GROUND = [f"preload/{name}.h" for name in (
    "arena", "attention", "buffer", "message", "config", "guard", "lock", "object", "ours", "path",
    "syscall")]
LEAVES = [f"preload/{name}.h" for name in (
    "stack", "memo", "trie", "live", "live_copy", "live_domains", "modules", "counters", "epochs",
    "timeline", "sampling", "series", "roster", "identity", "snapshot_file", "maps", "block_index", "glibc")]

# Files (first match counts): what they may include of ours, what of others they may
# not. A file may always include its own header.
RULES = [
    ("format/*", [], STDIO + LIBDW + ["stdlib.h", "malloc.h"]),
    ("preload/heapdelta.h", [], STDIO),
    ("preload/stack*.[ch]", FORMAT + GROUND + ["preload/cfi.h", "preload/stack*.h", "preload/unwind_*.h"], STDIO + LIBDW),
    ("preload/memo.[ch]", FORMAT + GROUND + ["preload/stack.h", "preload/stack_step.h"], STDIO + LIBDW),
    ("preload/live.[ch]", FORMAT + GROUND + ["preload/live_*.h"], STDIO + LIBDW),
    ("preload/live_copy.[ch]", FORMAT + GROUND + ["preload/live*.h"], STDIO + LIBDW),
    ("preload/live_domains.[ch]",
     FORMAT + GROUND + ["preload/live_block.h", "preload/live_hash.h"], STDIO + LIBDW),
    ("preload/live_*.[ch]", FORMAT + GROUND + ["preload/live_block.h"], STDIO + LIBDW),
    ("preload/identity.[ch]", GROUND + ["preload/timeline.h"], STDIO + LIBDW),
    ("preload/snapshot_file.[ch]", GROUND + ["preload/identity.h"], STDIO + LIBDW),
    *[(leaf.replace(".h", ".[ch]"), FORMAT + GROUND, STDIO + LIBDW) for leaf in LEAVES],
    *[(base.replace(".h", ".[ch]"), FORMAT + GROUND, STDIO + LIBDW) for base in GROUND],
    ("preload/cfi*.[ch]", FORMAT + GROUND + ["preload/cfi*.h"], STDIO + LIBDW),
    ("preload/unwind_*.[ch]", FORMAT + GROUND + ["preload/cfi.h", "preload/stack.h"], STDIO + LIBDW),
    *[(f"preload/{name}.[ch]",
       FORMAT + GROUND + LEAVES + ["preload/cfi.h", "preload/deferred.h", "preload/real.h",
                                   "preload/tracker*.h"],
       STDIO + LIBDW) for name in ("tracker", "tracker_*")],
    ("preload/deferred.[ch]", GROUND + ["preload/live.h", "preload/stack.h"], STDIO + LIBDW),
    *[(f"preload/{name}.[ch]", FORMAT + GROUND + LEAVES + ["preload/tracker.h", "preload/real.h"]
       + more, STDIO + LIBDW) for name, more in (
          ("memory_use", []),
          ("cut", ["preload/memory_use.h"]),
          ("roots", ["preload/threads.h", "preload/cfi.h"]),
          ("graph", ["preload/threads.h", "preload/roots.h", "preload/cfi.h"]),
          ("snapshot_write", ["preload/cut.h", "preload/graph.h", "preload/memory_use.h",
                              "preload/roots.h"]),
          ("snapshot", ["preload/cut.h", "preload/snapshot_write.h", "preload/image.h",
                        "preload/graph.h", "preload/threads.h"]))],
    ("preload/threads.[ch]", GROUND + ["preload/cfi.h", "preload/waiting.h"], STDIO + LIBDW),
    ("preload/*", FORMAT + ["preload/*.h"], STDIO + LIBDW),
    ("samples/lib/*", ["samples/lib/*.h"], []),
    ("samples/*", ["preload/heapdelta.h", "samples/*.h"], []),
    ("analyzer/model/*", FORMAT + ["model/*.h"], []),
    ("analyzer/views/*",
     ["views/*.h", "model/report.h", "model/profile.h", "pprof.pb-c.h", "page_html.h"],
     LIBDW),
    ("analyzer/cmd_run.c",
     FORMAT + ["model/*.h", "views/*.h", "command.h", "options.h", "launch.h", "leftovers.h",
               "quantity.h", "run_summary.h", "run_snapshots.h", "traced.h"],
     LIBDW),
    ("analyzer/topics.[ch]", ["format/control.h", "options.h", "topics.h"], LIBDW),
    ("analyzer/traced.[ch]", ["format/control.h", "command.h"], LIBDW),
    ("analyzer/check_run.[ch]",
     ["format/control.h", "model/*.h", "command.h", "launch.h", "leftovers.h", "run_snapshots.h",
      "traced.h"], LIBDW),
    ("analyzer/check_baseline.[ch]",
     ["model/*.h", "check_run.h", "command.h", "run_snapshots.h"], LIBDW),
    ("analyzer/check_files.[ch]",
     ["views/*.h", "check_run.h", "check_verdict.h", "command.h", "output.h"], LIBDW),
    ("analyzer/check_verdict.[ch]",
     ["format/snapshot.h", "model/*.h", "views/units.h", "check_run.h", "command.h",
      "graph_input.h"], LIBDW),
    ("analyzer/cmd_check.c",
     ["model/*.h", "views/*.h", "check_baseline.h", "check_files.h", "check_run.h",
      "check_verdict.h", "command.h", "options.h",
      "output.h", "quantity.h", "traced.h"], LIBDW),
    ("analyzer/run_summary.[ch]",
     ["format/snapshot.h", "model/*.h", "views/*.h", "graph_input.h", "run_snapshots.h"], LIBDW),
    ("analyzer/option_values.[ch]", ["options.h", "quantity.h"], LIBDW),
    ("analyzer/options.[ch]",
     ["format/snapshot.h", "model/*.h", "command.h", "option_values.h", "quantity.h",
      "suggest.h"], LIBDW),
    ("analyzer/cmd_info.c", ["model/*.h", "command.h", "info_report.h", "options.h"], LIBDW),
    ("analyzer/leftovers.[ch]", ["format/control.h"], LIBDW),
    ("analyzer/*export*.[ch]",
     ["format/snapshot.h", "model/*.h", "views/*.h", "command.h", "export.h",
      "graph_input.h", "options.h", "output.h"], LIBDW),
    ("analyzer/ending.[ch]", [], LIBDW),
    ("analyzer/leaving.[ch]", [], LIBDW),
    ("analyzer/output.[ch]", ["model/error.h", "leaving.h"], LIBDW),
    ("analyzer/progress_line.[ch]", ["model/clock.h", "model/progress.h", "views/utf8.h", "leaving.h"], LIBDW),
    *[(f"analyzer/{name}.[ch]",
       FORMAT + ["model/*.h", "views/*.h", "ask.h", "command.h", "ending.h", "moment.h", "options.h",
                 "top.h", "top_start.h"],
       LIBDW)
      for name in ("cmd_top", "top", "top_screen", "top_start")],
    *[(f"analyzer/{name}.[ch]",
       ["format/control.h", "model/*.h", "views/*.h", "ask.h", "command.h", "ending.h", "moment.h",
        "options.h"],
       LIBDW)
      for name in ("ask", "cmd_mark", "cmd_snapshot", "cmd_start", "cmd_status", "cmd_stop")],
    ("analyzer/*",
     ["format/snapshot.h", "model/*.h", "views/*.h", "command.h", "graph_input.h", "moment.h",
      "options.h", "output.h", "page.h", "progress_line.h", "quantity.h", "site_suggest.h", "suggest.h",
      "topics.h"],
     LIBDW),
    ("tests/*", ["*"], []),
    ("bench/*", ["*"], []),
]

# An include that breaks each rule, to test the test.
FORBIDDEN = [
    ("format/checksum.c", '"preload/arena.h"'),
    ("format/varint.h", "<stdlib.h>"),
    ("preload/live.c", '"preload/trie.h"'),
    ("preload/live.c", '"preload/tracker.h"'),
    ("preload/trie.c", '"preload/cfi.h"'),
    ("preload/arena.c", '"preload/live.h"'),
    ("preload/tracker.c", '"preload/snapshot_write.h"'),
    ("preload/snapshot_write.c", '"preload/life.h"'),
    ("preload/threads.c", '"preload/tracker.h"'),
    ("preload/maps.c", '"preload/live.h"'),
    ("preload/interpose.c", "<stdio.h>"),
    ("preload/life.c", '"model/heap.h"'),
    ("samples/event_handler_leak.c", '"preload/tracker.h"'),
    ("samples/lib/object.c", '"preload/heapdelta.h"'),
    ("samples/lib/object.c", '"samples/measure.h"'),
    ("analyzer/model/heap.c", '"views/text.h"'),
    ("analyzer/model/heap.c", '"command.h"'),
    ("analyzer/views/text.c", '"model/heap.h"'),
    ("analyzer/views/text.c", '"format/snapshot.h"'),
    ("analyzer/views/text.c", "<elfutils/libdw.h>"),
    ("analyzer/cmd_stats.c", '"format/control.h"'),
    ("analyzer/cmd_stats.c", '"ask.h"'),
    ("analyzer/cmd_stats.c", '"leaving.h"'),
    ("analyzer/cmd_status.c", '"launch.h"'),
    ("analyzer/ask.c", '"preload/control.h"'),
    ("analyzer/cmd_stats.c", '"preload/heapdelta.h"'),
    ("analyzer/cmd_stats.c", '"launch.h"'),
    ("analyzer/cmd_check.c", '"launch.h"'),
    ("analyzer/check_verdict.c", '"views/text.h"'),
    ("analyzer/cmd_stats.c", '"export.h"'),
    ("analyzer/export_tracemalloc.c", '"format/control.h"'),
    ("analyzer/leftovers.c", '"model/heap.h"'),
    ("analyzer/model/merge.c", '"preload/trie.h"'),
    ("analyzer/cmd_stats.c", '"heap.h"'),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def broken_arrows(name, text):
    """Yield what is wrong with the includes in TEXT, the file NAME."""
    for pattern, ours, not_others in RULES:
        if fnmatch.fnmatchcase(name, pattern):
            break
    else:
        yield f"{name}: no rule says what it may include"
        return
    own_header = re.sub(r"^analyzer/", "", re.sub(r"\.c(pp)?$", ".h", name))
    for quote, included in INCLUDE.findall(text):
        if quote == '"' and included != own_header and not matches(included, ours):
            yield f'{name} must not include "{included}"'
        if quote == "<" and matches(included, not_others):
            yield f"{name} must not include <{included}>"


def sources(root):
    for top in ("format", "preload", "analyzer", "samples", "tests", "bench"):
        for path in sorted((root / top).rglob("*.[ch]*")):
            if path.suffix in (".c", ".h", ".cpp"):
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def main(root):
    broken, count = [], 0
    for name, text in sources(root):
        broken += broken_arrows(name, text)
        count += 1
    print(f"1..{1 + len(FORBIDDEN)}")
    good = not broken and count > 0
    print(f"{'' if good else 'not '}ok 1 - the includes of {count} files")
    for line in broken:
        print(f"# {line}")
    failed = not good
    for number, (name, include) in enumerate(FORBIDDEN, 2):
        seen = list(broken_arrows(name, f"#include {include}\n"))
        print(f"{'' if seen else 'not '}ok {number} - sees {include} in {name}")
        failed |= not seen
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
