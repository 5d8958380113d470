#include "topics.h"

#include "format/control.h"
#include "options.h"

#include <stddef.h>

/* clang-format off */
const struct topic topics[] = {
    {"patterns",
     OPTIONS_HELP_PATTERNS
     "\n"
     "--filter keeps the blocks that match one of its patterns, --exclude drops those that match,\n"
     "--skip names functions that allocate for others, as a pattern that is a function.\n"
     "\n"
     "  --filter cache.c                 allocated in /src/lib/cache.c, say\n"
     "  --filter 'cache.c:31'            in this line\n"
     "  --filter 'function=parse_*'      in functions of these names\n"
     "  --filter 'module=libxml2.so*'    in a library\n"
     "  --exclude 'all-frames,main.c'    unless anything in main.c called it\n"
     "  --filter 'type=struct event'     of this type, where the heap graph is known\n"
     "  --filter 'thread=worker*'        by threads of these names, or that began there\n"
     "  --filter domain=1                what the program tracks itself as its domain 1\n"},
    {"verdicts",
     "What 'heapdelta run' and 'heapdelta leaks' call a leak; with --explain they say what it rests on.\n"
     "\n"
     "  lost              nobody points at the blocks any more: they can't be freed\n"
     "  held and growing  somebody holds them, and they become more and more to the end\n"
     "  not returned      the program has freed them, but the allocator keeps the memory\n"
     "  held and steady   they rose and stopped, or go up and down: a cache, a pool\n"
     "  grew once         they came at once, and stay: initialisation\n"
     "  churn             traffic: much is allocated, and freed again\n"
     "\n"
     "The first two are leaks. What grows is told by the program's own work (its allocations), not by\n"
     "time, so a slow machine changes nothing. The rules, and where they err: docs/verdicts.md.\n"},
    {"words",
     "  block     what one call of malloc or its relatives returned, and nobody has freed\n"
     "  size      bytes as requested; what the allocator adds is not counted\n"
     "  stack     the calls that allocated a block\n"
     "  frame     one call of them; inlined functions are frames, too\n"
     "  module    the executable or a shared object, known by its build-id\n"
     "  snapshot  a file, .hds: one process at one moment\n"
     "  epoch     the time between two snapshots or marks of a process\n"
     "  group     the blocks that have something in common: a line, a function, a type\n"
     "  root      memory outside the heap that can hold pointers: variables, stacks, registers\n"
     "  held by   the chain of pointers from a root to a block\n"
     "  retains   what would go with a block, if that were let go\n"
     "  lost      no chain of pointers leads there\n"
     "  peak      the most that was ever alive at once\n"},
    {"environment",
     "'heapdelta run' tells the library that it preloads what to do by variables, which the program\n"
     "does not see. To preload it by hand, set LD_PRELOAD to the library and any of:\n"
     "\n"
     "  " CONTROL_ENV_OUT "=DIR             where snapshots go; with it there is one at exit\n"
     "  " CONTROL_ENV_NFRAME "=N            frames that are kept of each stack; 0: all\n"
     "  " CONTROL_ENV_OFF "=1               trace only once asked to, by 'heapdelta start PID'\n"
     "  " CONTROL_ENV_INTERVAL "=MS         a snapshot each so many milliseconds\n"
     "  " CONTROL_ENV_GROWTH "=BYTES        one each time the heap has grown by so much\n"
     "  " CONTROL_ENV_PEAK "=1              one at each new peak\n"
     "  " CONTROL_ENV_KEEP "=N              keep so many of these\n"
     "  " CONTROL_ENV_COUNTERS "=1          snapshots without the list of blocks\n"
     "  " CONTROL_ENV_SAMPLE "=BYTES        record one block in each so many bytes\n"
     "  " CONTROL_ENV_MIN_SIZE "=BYTES      do not record smaller blocks\n"
     "  " CONTROL_ENV_MAX_SIZE "=BYTES      nor larger ones\n"
     "  " CONTROL_ENV_THREADS "=1           tell threads apart\n"
     "  " CONTROL_ENV_GRAPH "=1             who holds what, in the last snapshot; 2: in each\n"
     "  " CONTROL_ENV_SIGNALS "=1           a last snapshot also at INT, TERM and HUP\n"
     "  " CONTROL_ENV_MARKS "=1             a snapshot at each heapdelta_mark()\n"
     "  " CONTROL_ENV_FOLLOW "=1            trace forked children; 2: what they execute; 3: both\n"
     "  " CONTROL_ENV_UNWINDER "=libunwind  have libunwind walk the stacks, to compare\n"
     "\n"
     "The commands look at:\n"
     "\n"
     "  " CONTROL_ENV_LIBRARY "=PATH  the library that 'heapdelta run' preloads\n"
     "  NO_COLOR                if set and not empty, no colours on a terminal\n"},
    {NULL, NULL},
};
