/* snapshot.h - every record of a snapshot file (.hds), as it lies on disk.
 *
 * The contract between the shim, which writes, and the analyzer, which reads;
 * docs/snapshot-format.md tells a stranger how to write a reader of his own.
 *
 *   ┌──────────────────┐
 *   │ snapshot_header  │ magic, version
 *   ├──────────────────┤
 *   │ snapshot_section │ kind, encoding, number of records, length, checksum
 *   │   payload        │ LENGTH bytes
 *   ├──────────────────┤
 *   │ …                │ sections in any order, each kind at most once;
 *   ├──────────────────┤ a kind the reader does not know is skipped
 *   │ SNAPSHOT_END     │ always the last one: without it the file was cut
 *   └──────────────────┘
 *
 * All integers are little-endian. Nothing is aligned in the file. Payloads are
 * either an array of the struct named at the kind (SNAPSHOT_FIXED), or records
 * of varints, each record's fields in the order written at the kind
 * (SNAPSHOT_VARINT; see varint.h: "delta" means the zigzag of the difference to
 * the same field of the record before, the first counting from 0), or bytes
 * (SNAPSHOT_BYTES). If SNAPSHOT_ZSTD is set in the encoding, the payload is one
 * zstd frame of that, RAW_LENGTH bytes when decompressed.
 *
 * Text lies once in SNAPSHOT_STRINGS, each string ended by NUL; other records
 * name it by its byte offset there. Offset 0 is the empty string.
 */
#ifndef FORMAT_SNAPSHOT_H
#define FORMAT_SNAPSHOT_H

#include <stdint.h>

#define SNAPSHOT_MAGIC "HEAPDLTA" /* eight bytes, no NUL in the file */
#define SNAPSHOT_VERSION 1u       /* a reader refuses a higher one */

struct snapshot_header {
    char magic[8];
    uint32_t version;
    uint32_t header_size; /* of this struct: where the first section begins */
};
_Static_assert(sizeof(struct snapshot_header) == 16, "on disk");

enum snapshot_encoding {
    SNAPSHOT_FIXED = 1,
    SNAPSHOT_VARINT = 2,
    SNAPSHOT_BYTES = 3,
    SNAPSHOT_ZSTD = 0x100, /* or'ed to one of the above */
};

struct snapshot_section {
    uint32_t kind;       /* enum snapshot_kind */
    uint32_t encoding;   /* enum snapshot_encoding */
    uint64_t count;      /* records; bytes for SNAPSHOT_BYTES */
    uint64_t length;     /* bytes of payload in the file */
    uint64_t raw_length; /* bytes of payload before compression */
    uint64_t checksum;   /* checksum.h over the LENGTH bytes of payload, then over the
                          * 32 bytes of this struct before this field */
};
_Static_assert(sizeof(struct snapshot_section) == 40, "on disk");

enum snapshot_kind {
    SNAPSHOT_END = 0,      /* no payload; count = file size in bytes with this section */
    SNAPSHOT_STRINGS = 1,  /* bytes */
    SNAPSHOT_PROCESS = 2,  /* one struct snapshot_process */
    SNAPSHOT_MODULES = 3,  /* struct snapshot_module */
    SNAPSHOT_SEGMENTS = 4, /* struct snapshot_segment, grouped by module */
    SNAPSHOT_FRAMES = 5,   /* varints: parent, address (delta), module */
    SNAPSHOT_STACKS = 6,   /* varints: frame, flags */
    SNAPSHOT_COUNTERS = 7, /* varints: enum snapshot_counter per stack, in its order */
    SNAPSHOT_BLOCKS = 8,   /* varints: address (delta), size, stack, epoch */
    SNAPSHOT_EPOCHS = 9,   /* struct snapshot_epoch */
    SNAPSHOT_THREADS = 10, /* struct snapshot_thread */
    SNAPSHOT_TIMELINE = 11, /* varints: time (delta), bytes, blocks, rss */
    SNAPSHOT_ACCOUNT = 12, /* one struct snapshot_account */
    SNAPSHOT_SERIES = 13,  /* varints, a record a point: see below */
    SNAPSHOT_PARTS = 14,   /* struct snapshot_process: whose heaps were merged into this one */
    SNAPSHOT_ORIGINS = 15, /* varints: part per stack; with SNAPSHOT_PARTS only */
    SNAPSHOT_GRAPH = 16,   /* one struct snapshot_graph: who points at whom is known, see below */
    SNAPSHOT_ROOTS = 17,   /* struct snapshot_root */
    SNAPSHOT_ROOT_FRAMES = 18, /* varints: root, end (delta), address (delta), module */
    SNAPSHOT_ROOT_EDGES = 19,  /* varints: root (delta), offset, target (delta), inside */
    SNAPSHOT_EDGES = 20,       /* varints: block (delta), offset, target (delta), inside */
    SNAPSHOT_MODULE_WORDS = 21, /* varints: block (delta), offset, address (delta) */
    SNAPSHOT_OWNERS = 22,  /* varints: domain, thread per stack; absent: all 0 */
    SNAPSHOT_TRACKED = 23, /* as SNAPSHOT_BLOCKS: of other domains than 0 */
    SNAPSHOT_NAMES = 24,   /* struct snapshot_name: of the process, then of each part */
    SNAPSHOT_MEMORY = 25,  /* struct snapshot_memory, one a kind of memory, in any order */
    SNAPSHOT_MORE_COUNTERS = 26, /* varints: the rest of enum snapshot_counter per stack; absent:
                                  * not known */
    SNAPSHOT_PROGRESS = 27, /* varints, a record a point of SNAPSHOT_SERIES: allocations (delta) */
    SNAPSHOT_SAMPLING = 28, /* one struct snapshot_sampling; absent: all blocks were recorded */
    SNAPSHOT_WEIGHTS = 29, /* varints: weight per block of SNAPSHOT_BLOCKS, in its order, then of
                            * SNAPSHOT_TRACKED; there if SNAPSHOT_SAMPLING has a mean, and blocks
                            * are listed */
};

/* The process and the moment. */
struct snapshot_process {
    uint64_t run[2];        /* random id of this process image's tracing; never 0,0 */
    uint64_t parent_run[2]; /* of the process it was forked from; 0,0 if none */
    uint64_t start_time;    /* ns since 1970, when tracing began */
    uint64_t time;          /* ns since 1970, the moment of the cut */
    uint64_t elapsed;       /* ns between the two, by the monotonic clock */
    uint32_t pid;           /* as the process sees itself */
    uint32_t parent_pid;
    uint32_t sequence;      /* number of this snapshot in its process image, from 1 */
    uint32_t epoch;         /* the epoch that this snapshot ended */
    uint32_t exec_count;    /* how often this process called exec while traced */
    uint32_t frame_limit;   /* frames kept per stack; 0 = all */
    uint32_t program;       /* string: path of the executable */
    uint32_t command;       /* string: the command line, arguments separated by spaces */
    uint32_t label;         /* string */
    uint32_t trigger;       /* enum snapshot_trigger */
    uint32_t flags;         /* enum snapshot_process_flags */
    uint32_t page_size;
};
_Static_assert(sizeof(struct snapshot_process) == 104, "on disk");

enum snapshot_trigger {
    SNAPSHOT_BY_API = 1,
    SNAPSHOT_AT_EXIT = 2,
    SNAPSHOT_BY_REQUEST = 3,  /* heapdelta snapshot PID */
    SNAPSHOT_BY_INTERVAL = 4,
    SNAPSHOT_BY_GROWTH = 5,
    SNAPSHOT_AT_PEAK = 6,
    SNAPSHOT_BY_SIGNAL = 7,   /* the process is about to die of INT, TERM or HUP */
    SNAPSHOT_BY_MERGE = 8,    /* heapdelta merge: see SNAPSHOT_PARTS */
    SNAPSHOT_BEFORE_SECCOMP = 9, /* the process is about to forbid itself system calls */
    SNAPSHOT_AT_MARK = 10,   /* heapdelta_mark(), where a round ends: heapdelta check */
};

enum snapshot_process_flags {
    SNAPSHOT_HAS_USABLE = 1, /* snapshot_account.usable_bytes is known */
    SNAPSHOT_COUNTERS_ONLY = 2, /* there is no SNAPSHOT_BLOCKS: what a stack holds is what
                                 * its counters say; live_bytes and live_blocks are their sum */
};

/* Something mapped that frames lie in. A module that was unloaded stays in the
 * list as long as a stack may name it. */
struct snapshot_module {
    uint64_t start;         /* lowest address of its mapping */
    uint64_t end;           /* first address behind it */
    uint64_t bias;          /* run-time address - address in the ELF file */
    uint32_t path;          /* string; "[vdso]" and the like for what has no file */
    uint32_t generation;    /* of the table of modules when it was first seen */
    uint32_t flags;         /* enum snapshot_module_flags */
    uint32_t segment_count; /* records of SNAPSHOT_SEGMENTS that are its own */
    uint32_t build_id_size; /* bytes used of the next field; 0: it has none */
    uint8_t build_id[32];
    uint32_t reserved;
};
_Static_assert(sizeof(struct snapshot_module) == 80, "on disk");

enum snapshot_module_flags {
    SNAPSHOT_MODULE_MAIN = 1,     /* the executable */
    SNAPSHOT_MODULE_UNLOADED = 2, /* no longer mapped at the cut */
    SNAPSHOT_MODULE_DELETED = 4,  /* the file had been deleted or replaced on disk */
    SNAPSHOT_MODULE_OWN = 8,      /* heapdelta's own library */
};

struct snapshot_segment {
    uint64_t address;     /* at run time */
    uint64_t size;        /* in memory */
    uint64_t file_offset;
    uint32_t flags;       /* PF_R, PF_W, PF_X of elf.h */
    uint32_t reserved;
};
_Static_assert(sizeof(struct snapshot_segment) == 32, "on disk");

/* SNAPSHOT_FRAMES: the call trie. Record I is frame number I+1; frame 0 is the
 * root, which no record describes: the outer end of every stack.
 *
 *   parent   number of the caller's frame, less than its own number
 *   address  an address inside the call instruction (the return address minus
 *            one); of the interrupted instruction below a signal frame; of the
 *            first instruction of what is entered by a return, not a call: the
 *            signal frame itself, the end of a context of makecontext()
 *   module   number in SNAPSHOT_MODULES plus 1; 0 = in none
 *
 * SNAPSHOT_STACKS: record I is stack number I.
 *
 *   frame    the newest frame (0 = no frame is known)
 *   flags    enum snapshot_stack_flags
 */
enum snapshot_stack_flags {
    SNAPSHOT_STACK_TRUNCATED = 1, /* could not be walked to its end */
    SNAPSHOT_STACK_LIMITED = 2,   /* cut at snapshot_process.frame_limit, as asked */
};

/* SNAPSHOT_COUNTERS and SNAPSHOT_MORE_COUNTERS: record I belongs to stack I. Counts since
 * tracing began (or was cleared). live = allocations - frees. */
enum snapshot_counter {
    SNAPSHOT_ALLOCATIONS, /* blocks allocated by this stack, realloc included */
    SNAPSHOT_ALLOCATED_BYTES,
    SNAPSHOT_FREES, /* of blocks that this stack allocated, wherever freed */
    SNAPSHOT_FREED_BYTES,
    SNAPSHOT_REALLOCATIONS, /* allocations that came from realloc of a block */
    SNAPSHOT_COUNTERS_PER_STACK,

    /* Allocations whose block was freed, or reallocated, by a thread that had allocated nothing
     * since it. */
    SNAPSHOT_TEMPORARY = SNAPSHOT_COUNTERS_PER_STACK,
    /* What it held when the live bytes of the process had reached their peak and were about to
     * fall. The sum over all stacks is the account's peak if one thread allocates; with more it
     * is off by what a thread may have allocated or freed unnoticed (docs/snapshot-format.md). */
    SNAPSHOT_PEAK_BYTES,
    SNAPSHOT_PEAK_BLOCKS,
    SNAPSHOT_ALL_COUNTERS
};

/* SNAPSHOT_BLOCKS: the live blocks, in no order.
 *
 *   address  what malloc returned
 *   size     bytes as requested
 *   stack    number in SNAPSHOT_STACKS
 *   epoch    in which it was allocated; with the address it is its identity
 */

/* Which blocks were recorded, where not all were. If there is a mean, every block stands for
 * others of its size and stack, itself included: for as many as its weight. Counters, account,
 * series and timeline are sums of weights, and of weights times sizes: unbiased estimates. The
 * variance of such a sum of sizes is estimated, without bias too, by the sum of S^2 W (W - 1) over
 * the blocks of S bytes and weight W that are in it. */
struct snapshot_sampling {
    uint64_t mean; /* bytes: a block of S was recorded with probability 1 - exp(-S / mean), an
                    * empty one as if of one byte; 0: each was. Merged: the largest of all parts */
    uint64_t min;  /* of smaller blocks none was recorded, */
    uint64_t max;  /* … nor of larger ones; UINT64_MAX: no limit. Merged: the widest bounds */
};
_Static_assert(sizeof(struct snapshot_sampling) == 24, "on disk");

/* SNAPSHOT_OWNERS: record I belongs to stack I. The same calls on behalf of another
 * domain, or by another thread if these are told apart, are another stack.
 *
 *   domain  0 = the allocator; others are what the program itself says that it has
 *           allocated, as heapdelta_track() has them
 *   thread  number in SNAPSHOT_THREADS plus 1; 0 = not known
 *
 * SNAPSHOT_TRACKED: the live blocks of other domains than 0. Of a domain no two have
 * the same address; a block of another, as the one they were cut from, may. Counters,
 * account and series count them along. */

/* What the program of a process was called as: redis-server, where the executable is
 * /usr/bin/redis-check-rdb. */
struct snapshot_name {
    uint32_t called; /* string, without directories */
};
_Static_assert(sizeof(struct snapshot_name) == 4, "on disk");

/* An epoch is the time between two snapshots or marks. */
struct snapshot_epoch {
    uint32_t number; /* from 1 */
    uint32_t label;  /* string: of the mark or snapshot that began it; empty for 1 */
    uint64_t time;   /* ns since tracing began, when it began */
};
_Static_assert(sizeof(struct snapshot_epoch) == 16, "on disk");

struct snapshot_thread {
    uint32_t tid;
    uint32_t name; /* string */
};
_Static_assert(sizeof(struct snapshot_thread) == 8, "on disk");

/* SNAPSHOT_TIMELINE: samples, oldest first.
 *
 *   time    ns since tracing began
 *   bytes   live, requested
 *   blocks  live
 *   rss     resident bytes of the process; 0 = not looked at
 */

/* SNAPSHOT_SERIES: what each stack held at up to 64 moments since tracing began,
 * oldest first, so that one snapshot can tell growth. Before the first point all
 * stacks held nothing. A record is
 *
 *   time     ns since tracing began (delta to the point before)
 *   changes  number of stacks that hold more or less than at the point before
 *
 * and then for each of these, by ascending number,
 *
 *   stack    difference to the stack before in this point (the first: to 0)
 *   bytes    folded difference to what it held at the point before
 *   blocks   the same
 */

#define SNAPSHOT_SERIES_POINTS 64u /* at most */

/* SNAPSHOT_PROGRESS: how far the program was at each point of the series, by a clock that does
 * not depend on the speed of the machine. Of an older snapshot it is not known.
 *
 *   allocations  calls that allocated, by all threads, since tracing began
 */

/* SNAPSHOT_PARTS, in a snapshot that `heapdelta merge` made of several: the process
 * records of these, in their order. SNAPSHOT_ORIGINS: record I is the number of the
 * part, from 0, that stack I is of. The addresses of modules, frames and blocks are
 * moved so that those of different parts do not collide; all blocks are of epoch 1. */

/* What the numbers must add up to. */
struct snapshot_account {
    uint64_t live_bytes;  /* requested: sum over SNAPSHOT_BLOCKS and SNAPSHOT_TRACKED, with
                           * SNAPSHOT_WEIGHTS of weight times size */
    uint64_t live_blocks;
    uint64_t peak_bytes;  /* highest live_bytes since tracing began or reset_peak */
    uint64_t usable_bytes; /* malloc_usable_size over the live blocks, see flags */
    uint64_t allocations;
    uint64_t frees;
    uint64_t missed_frees;  /* frees nobody told us of, seen when the address came back */
    uint64_t lost_blocks;   /* allocations not recorded for lack of our own memory */
    uint64_t truncated_stacks; /* flagged so in SNAPSHOT_STACKS, and have allocated */
    uint64_t rss;           /* of the process, at the cut */
    uint64_t tracer_bytes;  /* our own memory, all of it */
    uint64_t tracer_blocks_bytes; /* … of which the live table */
    uint64_t tracer_stacks_bytes; /* … stacks and frames */
    uint64_t tracer_counters_bytes;
    uint64_t tracer_other_bytes;
    uint64_t pause;         /* ns that recording threads were held for this cut */
    uint64_t threads_seen;  /* threads that ever allocated */
};
_Static_assert(sizeof(struct snapshot_account) == 136, "on disk");

/* Where the memory of the process is, soon after the cut. Absent where nobody asked for the
 * snapshot (by interval, growth or peak), and where /proc does not tell. */
struct snapshot_memory {
    uint32_t kind;         /* enum snapshot_memory_kind, each at most once */
    uint32_t areas;        /* mappings, or parts of mappings */
    uint64_t mapped;       /* bytes of address space */
    uint64_t resident;     /* … of these in memory */
    uint64_t swapped;      /* … of these swapped out */
    uint64_t proportional; /* of SNAPSHOT_MEMORY_ALL: resident bytes, what is shared with other
                            * processes divided by their number; 0 = not known */
};
_Static_assert(sizeof(struct snapshot_memory) == 40, "on disk");

enum snapshot_memory_kind {
    SNAPSHOT_MEMORY_ALL = 1,    /* of the process */
    SNAPSHOT_MEMORY_HEAP = 2,   /* the allocator's: brk, its arenas, what live blocks lie in */
    SNAPSHOT_MEMORY_TRACER = 3, /* heapdelta's own */
    SNAPSHOT_MEMORY_MODULE = 4, /* code and data of executable and shared objects */
    SNAPSHOT_MEMORY_STACK = 5,  /* of threads: what lies above an inaccessible page */
    SNAPSHOT_MEMORY_FILE = 6,   /* other files that are mapped */
    SNAPSHOT_MEMORY_SHARED = 7, /* shared memory without a file */
    SNAPSHOT_MEMORY_OTHER = 8,
    SNAPSHOT_MEMORY_KINDS
};

/* The heap graph: which words of the process point into live blocks. In a snapshot that
 * has SNAPSHOT_GRAPH, the five sections after it may follow, a missing one being empty; in one
 * that has not, none of them may be there. All of it is of the moment of the snapshot.
 *
 * Blocks have no numbers in the file. Here a block is named by its rank: how many blocks
 * of SNAPSHOT_BLOCKS have a lower address. */
struct snapshot_graph {
    uint64_t pause;           /* ns that the program's threads stood still for it */
    uint64_t time;            /* ns from the end of the pause until all edges were found */
    uint64_t memory;          /* bytes of heapdelta's own that finding them took, at most */
    uint64_t root_bytes;      /* looked at outside the heap */
    uint64_t block_bytes;     /* … and in blocks */
    uint64_t skipped_bytes;   /* that should have been looked at but could not be read */
    uint64_t scanned_blocks;  /* blocks of a lower rank were looked at, all if complete */
    uint32_t flags;           /* enum snapshot_graph_flags */
    uint32_t threads;         /* that the process had */
    uint32_t threads_stopped; /* of these: stood still, their registers are among the roots */
    uint32_t stop_error;      /* errno of why some did not, EPERM for example; 0: none */
};
_Static_assert(sizeof(struct snapshot_graph) == 72, "on disk");

enum snapshot_graph_flags {
    SNAPSHOT_GRAPH_REGISTERS = 1, /* the registers of all threads are among the roots */
    SNAPSHOT_GRAPH_NO_MEMORY = 2, /* incomplete: memory ran out */
    SNAPSHOT_GRAPH_NO_TIME = 4,   /* incomplete: it took too long */
};

/* Memory outside the heap that can hold pointers, as far as it was looked at: not the
 * allocator's, not heapdelta's. Roots do not overlap, but those without memory. A root is
 * numbered by its place in SNAPSHOT_ROOTS, from 0. */
struct snapshot_root {
    uint64_t start;  /* address; 0 if it is no memory (registers, pthread keys) */
    uint64_t size;   /* bytes */
    uint32_t kind;   /* enum snapshot_root_kind */
    uint32_t thread; /* tid that it belongs to, see SNAPSHOT_THREADS; 0: none */
    uint32_t module; /* number in SNAPSHOT_MODULES plus 1; 0: none */
    uint32_t name;   /* string: of a mapping as in /proc/PID/maps; empty if it has none */
};
_Static_assert(sizeof(struct snapshot_root) == 32, "on disk");

enum snapshot_root_kind {
    SNAPSHOT_ROOT_MODULE = 1,    /* data of MODULE: its variables */
    SNAPSHOT_ROOT_STACK = 2,     /* of THREAD, from its stack pointer up (from 128 bytes below) */
    SNAPSHOT_ROOT_TLS = 3,       /* variables of MODULE that THREAD has for itself: START is where
                                  * the module's PT_TLS lies; module 0: else in that area */
    SNAPSHOT_ROOT_REGISTERS = 4, /* of THREAD; the offset tells which, see below */
    SNAPSHOT_ROOT_KEYS = 5,      /* of THREAD, pthread_setspecific(): offset = 8 * key */
    SNAPSHOT_ROOT_MAPPING = 6,   /* any other */
    SNAPSHOT_ROOT_LIBC = 7,      /* of the C library or the loader, not a variable of theirs */
};

/* Offsets in a root of registers: of a general register 8 times its number in the
 * System V ABI's DWARF numbering (x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8 … r15), of
 * byte B of vector register V this and 64 V + B. The root's size is that of all. */
#define SNAPSHOT_VECTOR_REGISTERS 1024u

/* SNAPSHOT_ROOT_FRAMES: the frames on the stacks, by ascending root, of each root from
 * the newest outwards.
 *
 *   root     a root that is a stack
 *   end      address behind the frame, its canonical frame address; it begins where the one
 *            before ends, the first one where the root does
 *   address  as of SNAPSHOT_FRAMES, of the newest frame of a stopped thread the very
 *            instruction that is next
 *   module   number in SNAPSHOT_MODULES plus 1; 0 = in none
 *
 * SNAPSHOT_ROOT_EDGES and SNAPSHOT_EDGES: an edge is a word, in a root or a block, whose
 * value is an address in a block: from its first byte to its last (the first only, if it
 * has none). By ascending root or block, of each by ascending offset, no offset twice.
 *
 *   root, block  where the word lies
 *   offset       of the word in there, bytes
 *   target       the block it points into
 *   inside       how far into it, bytes, times 8; 0 = at its start. Plus, if not at the
 *                start, enum snapshot_inside: what was seen there
 *
 * SNAPSHOT_MODULE_WORDS: words in blocks that point into the read-only data of a module,
 * tables of virtual functions among them; at least a block's first word, if it does, and
 * the second one behind a number that divides the bytes which follow (an array of objects). By
 * ascending block, of each by ascending offset.
 *
 *   block    where the word lies
 *   offset   of the word in there, bytes
 *   address  its value
 *
 * Modules that are named here are in SNAPSHOT_MODULES, whether a frame lies in them or not.
 */

/* What C++ libraries and others keep in front of the place they point at. The names are
 * those of memcheck's option --leak-check-heuristics, and so is what must be seen. */
enum snapshot_inside { /* if several fit, the first */
    SNAPSHOT_INSIDE_STDSTRING = 1, /* 24 inside: length, capacity and reference count of an old
                                    * std::string, which fit each other and the block */
    SNAPSHOT_INSIDE_LENGTH64 = 2,  /* 8 inside: the number of bytes that follow in the block */
    SNAPSHOT_INSIDE_NEWARRAY = 3,  /* 8 inside: a number that divides the bytes that follow */
    SNAPSHOT_INSIDE_MULTIPLE_INHERITANCE = 4, /* a multiple of 8 inside: there and at the start
                                               * lie pointers to tables of functions */
};
#define SNAPSHOT_INSIDE_SHIFT 3u

#endif
