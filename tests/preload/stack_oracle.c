/* stack_oracle.c - a second opinion on every stack: libunwind's, step by step.
 *
 * Preloaded before the shim, so that the shim sees the same frames and one more,
 * ours. Keeps two files in the directory ORACLE_OUT, mapped shared, so that they
 * are right at any end of the program; stack_oracle.py reads them:
 *
 *   blocks  struct oracle_block, a hash table by address; address 0 = free
 *   stacks  struct oracle_stack, each followed by its frames, newest first, without
 *           ours. Bit 63 of a frame: the exact pc, not a return address
 *
 * With ORACLE_KEEP set, free() does nothing while there is room in the tables, so
 * that nearly every stack of a program can be compared. Only the program's own
 * process is watched, not what it forks.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libunwind.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS (1u << 20)
#define STACKS_SIZE (1u << 30) /* bytes of address space; the file is sparse */
#define MAX_FRAMES 30000
#define EXACT (UINT64_C(1) << 63)

struct oracle_block {
    uint64_t address;
    uint64_t size;
    uint64_t stack; /* offset in the stacks */
};

struct oracle_stack {
    uint64_t hash;
    int64_t end; /* what unw_step said last: 0 = the outermost frame was found */
    uint64_t count;
};

static struct {
    int (*get_context)(unw_context_t *);
    int (*init_local)(unw_cursor_t *, unw_context_t *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
} unwind;

static struct oracle_block *blocks;
static char *stacks;
static uint64_t stacks_used = 8; /* offset 0 means none */
static uint64_t *stack_index;    /* hash table of offsets, BLOCKS entries */
static atomic_uint block_count; /* entries in use, about */
static atomic_flag lock = ATOMIC_FLAG_INIT;
static bool keep;
static pid_t process;

static __thread bool inside __attribute__((tls_model("initial-exec")));
static __thread uint64_t *frames __attribute__((tls_model("initial-exec")));

static _Noreturn void die(const char *what)
{
    ssize_t ignored = write(2, what, __builtin_strlen(what));

    (void)ignored;
    abort();
}

static void *map_file(const char *name, size_t size)
{
    char path[4096];
    void *memory;
    int file;

    snprintf(path, sizeof(path), "%s/%s", getenv("ORACLE_OUT"), name);
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, (off_t)size) != 0)
        return NULL;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    close(file);
    return memory == MAP_FAILED ? NULL : memory;
}

static void *map_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        die("oracle: no memory\n");
    return memory;
}

static __attribute__((constructor)) void oracle_start(void)
{
    void *library;
    struct oracle_block *table;

    inside = true;
    library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!getenv("ORACLE_OUT") || !library)
        die("oracle: no libunwind or no ORACLE_OUT\n");
    *(void **)&unwind.get_context = dlsym(library, "_Ux86_64_getcontext");
    *(void **)&unwind.init_local = dlsym(library, "_ULx86_64_init_local");
    *(void **)&unwind.step = dlsym(library, "_ULx86_64_step");
    *(void **)&unwind.get_reg = dlsym(library, "_ULx86_64_get_reg");
    stacks = map_file("stacks", STACKS_SIZE);
    stack_index = map_memory(BLOCKS * sizeof(*stack_index));
    table = map_file("blocks", BLOCKS * sizeof(*table));
    if (!stacks || !table)
        die("oracle: cannot write into ORACLE_OUT\n");
    process = getpid();
    keep = getenv("ORACLE_KEEP") != NULL;
    blocks = table;
    inside = false;
}

static bool is_code(uint64_t pc, const char *code, size_t size)
{
    return __builtin_memcmp((const void *)pc, code, size) == 0;
}

/* PC is the return address of a signal handler: the code there calls rt_sigreturn. */
static bool is_trampoline(uint64_t pc)
{
    /* mov $15, %rax; syscall */
    return is_code(pc, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9);
}

/* PC is where a context that makecontext() made goes when its function returns. */
static bool is_context_end(uint64_t pc)
{
    /* mov %rbx, %rsp; mov (%rsp), %rdi */
    return is_code(pc, "\x48\x89\xdc\x48\x8b\x3c\x24", 7);
}

/* The stack of the caller's caller, of which NEWEST is the return address, into
 * this thread's frames. Returns the number of frames, and how it ended in OUT_END. */
static size_t walk(uint64_t newest, int64_t *out_end)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc;
    bool exact = false, entered_by_return;
    size_t count = 0;
    int result;

    if (!frames)
        frames = map_memory(MAX_FRAMES * sizeof(*frames));
    unwind.get_context(&context);
    unwind.init_local(&cursor, &context);
    do {
        unwind.get_reg(&cursor, UNW_REG_IP, &pc);
        entered_by_return = is_trampoline(pc) || is_context_end(pc);
        if (pc == newest || count > 0)
            frames[count++] = pc | (exact || entered_by_return ? EXACT : 0);
        exact = is_trampoline(pc);
        result = unwind.step(&cursor);
    } while (result > 0 && count < MAX_FRAMES);
    *out_end = result;
    return count;
}

/* The offset of the stack of COUNT frames that this thread has just walked. */
static uint64_t store_stack(size_t count, int64_t end)
{
    uint64_t hash = 14695981039346656037u;
    struct oracle_stack *stack;
    uint64_t *slot;

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ frames[i]) * 1099511628211u;
    hash ^= hash >> 29;
    for (slot = &stack_index[hash % BLOCKS]; *slot;
         slot = slot == &stack_index[BLOCKS - 1] ? stack_index : slot + 1) {
        stack = (struct oracle_stack *)(stacks + *slot);
        if (stack->hash == hash && stack->count == count &&
            __builtin_memcmp(stack + 1, frames, count * sizeof(*frames)) == 0)
            return *slot;
    }
    if (stacks_used + sizeof(*stack) + count * sizeof(*frames) > STACKS_SIZE)
        die("oracle: too many stacks\n");
    stack = (struct oracle_stack *)(stacks + stacks_used);
    *stack = (struct oracle_stack){hash, end, count};
    __builtin_memcpy(stack + 1, frames, count * sizeof(*frames));
    *slot = stacks_used;
    stacks_used += sizeof(*stack) + count * sizeof(*frames);
    return *slot;
}

static struct oracle_block *find(uint64_t address)
{
    size_t i = address / 16 * 0x9e3779b97f4a7c15u >> 44;

    for (size_t n = 0; n < BLOCKS; n++, i = (i + 1) % BLOCKS)
        if (blocks[i].address == address || !blocks[i].address)
            return &blocks[i];
    die("oracle: too many blocks\n");
}

/* Enter the tables; nothing else of this thread can come between. */
static bool enter(sigset_t *out_signals)
{
    sigset_t all;

    if (inside || !blocks || process != getpid())
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, out_signals);
    inside = true;
    return true;
}

static void leave(const sigset_t *signals)
{
    inside = false;
    pthread_sigmask(SIG_SETMASK, signals, NULL);
}

static void take_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
        __builtin_ia32_pause();
}

static void drop_lock(void)
{
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

static void record(void *address, size_t size, const void *caller)
{
    int saved = errno;
    sigset_t signals;

    if (address && enter(&signals)) {
        int64_t end;
        /* Not under the lock: it takes the loader's. */
        size_t count = walk((uint64_t)caller, &end);

        struct oracle_block *block;

        take_lock();
        block = find((uint64_t)address);
        if (!block->address)
            block_count++;
        *block = (struct oracle_block){(uint64_t)address, size, store_stack(count, end)};
        drop_lock();
        leave(&signals);
    }
    errno = saved;
}

/* Forget ADDRESS; the entry stays as a tombstone, with no stack. */
static void forget(void *address)
{
    int saved = errno;
    sigset_t signals;

    if (address && enter(&signals)) {
        struct oracle_block *block;

        take_lock();
        block = find((uint64_t)address);
        if (block->address)
            block->stack = 0;
        drop_lock();
        leave(&signals);
    }
    errno = saved;
}

/* The function of this name that comes next: the shim's. */
#define NEXT(name)                                  \
    static __typeof__(name) *next;                  \
    if (!next)                                      \
        *(void **)&next = dlsym(RTLD_NEXT, #name)

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

void *malloc(size_t size)
{
    NEXT(malloc);
    void *block = next(size);

    record(block, size, CALLER);
    return block;
}

void *calloc(size_t count, size_t size)
{
    NEXT(calloc);
    void *block = next(count, size);

    record(block, count * size, CALLER);
    return block;
}

void *realloc(void *old, size_t size)
{
    NEXT(realloc);
    void *block;

    forget(old);
    block = next(old, size);
    record(block, size, CALLER);
    return block;
}

void *reallocarray(void *old, size_t count, size_t size)
{
    NEXT(reallocarray);
    void *block;

    forget(old);
    block = next(old, count, size);
    record(block, count * size, CALLER);
    return block;
}

void *memalign(size_t alignment, size_t size);

void *memalign(size_t alignment, size_t size)
{
    NEXT(memalign);
    void *block = next(alignment, size);

    record(block, size, CALLER);
    return block;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    NEXT(aligned_alloc);
    void *block = next(alignment, size);

    record(block, size, CALLER);
    return block;
}

int posix_memalign(void **out_block, size_t alignment, size_t size)
{
    NEXT(posix_memalign);
    int error = next(out_block, alignment, size);

    if (!error)
        record(*out_block, size, CALLER);
    return error;
}

void free(void *block)
{
    NEXT(free);

    if (keep && block_count < BLOCKS / 2)
        return;
    forget(block);
    next(block);
}
