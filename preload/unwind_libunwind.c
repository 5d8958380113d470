#include "preload/unwind_libunwind.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/object.h"
#include "preload/syscall.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <signal.h>
#include <string.h>

/* libunwind.so.8 can only do the process's own space, and finds descriptions in its own way. */
#define LIBRARY "libunwind-x86_64.so.8"
#define PREFIX "_Ux86_64_"

#define ROOM ((size_t)64 * 1024)
#define OWN_FRAMES 8     /* from here to the hook, at most */
#define MAX_SIGNALS 256u /* handlers on a stack: only at them can a walk go in a circle */

static struct {
    unw_addr_space_t (*create_addr_space)(unw_accessors_t *, int);
    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
    int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*is_signal_frame)(unw_cursor_t *);
    int (*search)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);
} unwind;

static unw_addr_space_t space;

/* A walk; lies at the begin of its room, at whose end the stack begins. */
struct walk {
    struct stack *stack;
    const struct stack_start *start;
    const struct cfi_registers *registers;
    uint32_t limit;
    bool lost; /* no description was found: what libunwind does then is guess */
    unw_cursor_t cursor;
};

/* ---- what libunwind asks for -------------------------------------------------- */

static int find_proc_info(unw_addr_space_t as, unw_word_t pc, unw_proc_info_t *out_info, int need,
                          void *argument)
{
    struct walk *walk = argument;
    struct object object;
    unw_dyn_info_t table = { .format = UNW_INFO_FORMAT_REMOTE_TABLE };
    uint32_t count;
    int result = -UNW_ENOINFO;

    /* version 1; a pointer of 4 bytes; a count of 4; pairs of offsets from the header */
    if (object_find(pc, &object) && object.frame_header &&
        memcmp(object.frame_header, "\001\033\003\073", 4) == 0) {
        memcpy(&count, object.frame_header + 8, sizeof count);
        table.start_ip = object.start;
        table.end_ip = object.end;
        table.u.rti.segbase = (uintptr_t)object.frame_header;
        table.u.rti.table_data = (uintptr_t)object.frame_header + 12;
        table.u.rti.table_len = count; /* pairs are as long as words */
        result = unwind.search(as, pc, &table, out_info, need, argument);
    }
    walk->lost |= result < 0;
    return result;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *info, void *argument)
{
    (void)as;
    (void)info;
    (void)argument;
}

static int no_dynamic_list(unw_addr_space_t as, unw_word_t *out_address, void *argument)
{
    (void)as;
    (void)out_address;
    (void)argument;
    return -UNW_ENOINFO;
}

static int access_memory(unw_addr_space_t as, unw_word_t address, unw_word_t *word, int write,
                         void *argument)
{
    const struct walk *walk = argument;

    (void)as;
    return !write && stack_read(walk->stack, address, word) ? 0 : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t as, unw_regnum_t number, unw_word_t *word, int write,
                           void *argument)
{
    const struct walk *walk = argument;

    (void)as;
    /* its numbers are DWARF's */
    if (write || number < 0 || number >= CFI_REGISTERS ||
        !(walk->registers->valid >> number & 1))
        return -UNW_EBADREG;
    *word = walk->registers->value[number];
    return 0;
}

static int no_float(unw_addr_space_t as, unw_regnum_t number, unw_fpreg_t *value, int write,
                    void *argument)
{
    (void)as;
    (void)number;
    (void)value;
    (void)write;
    (void)argument;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t as, unw_cursor_t *cursor, void *argument)
{
    (void)as;
    (void)cursor;
    (void)argument;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t as, unw_word_t address, char *name, size_t size,
                   unw_word_t *offset, void *argument)
{
    (void)as;
    (void)address;
    (void)name;
    (void)size;
    (void)offset;
    (void)argument;
    return -UNW_ENOINFO;
}

/* ---- the walk -------------------------------------------------------------------- */

static uint64_t get(struct walk *walk, int number)
{
    unw_word_t word;

    return unwind.get_reg(&walk->cursor, number, &word) == 0 ? word : 0;
}

/* Step to the caller. False at the end, and where libunwind would guess (*OUT_LOST). */
static bool step(struct walk *walk, bool *out_lost)
{
    int result;

    walk->lost = false;
    result = unwind.step(&walk->cursor);
    *out_lost = walk->lost || result < 0;
    return result > 0 && !walk->lost && get(walk, UNW_X86_64_RIP) != 0;
}

/* Out of our own frames, to the one in which the walk starts. */
static bool step_out(struct walk *walk)
{
    bool lost;

    for (int i = 0; get(walk, UNW_X86_64_RSP) != walk->start->sp; i++)
        if (i == OWN_FRAMES || !step(walk, &lost))
            return false;
    return true;
}

/* Add the frames; false if the stack is truncated. */
static bool walk_frames(struct walk *walk)
{
    bool interrupted = false, lost;
    unsigned signals = 0;

    for (;;) {
        uintptr_t pc = get(walk, UNW_X86_64_RIP), sp = get(walk, UNW_X86_64_RSP);
        enum cfi_kind kind = cfi_rule_kind(cfi_lookup(pc - 1));
        bool returned_to = kind == CFI_SIGNAL || kind == CFI_ENTRY;

        if (!stack_add(walk->stack, pc - !(interrupted || returned_to), walk->limit) ||
            (kind == CFI_ENTRY && !interrupted))
            return true;
        if (!step(walk, &lost)) /* address 0 is "nowhere" to it, also if a CFA leads there */
            return (!lost && get(walk, UNW_X86_64_RSP) >= sp) || stack_is_outermost(sp);
        interrupted = unwind.is_signal_frame(&walk->cursor) > 0; /* of the step just made */
        if (interrupted ? ++signals > MAX_SIGNALS : get(walk, UNW_X86_64_RSP) < sp)
            return false;
    }
}

static void walk_here(void *argument)
{
    struct walk *walk = argument;

    if (unwind.init_remote(&walk->cursor, space, walk) < 0 || !step_out(walk) ||
        !walk_frames(walk))
        walk->stack->flags |= SNAPSHOT_STACK_TRUNCATED;
}

/* Call FUNCTION with ARGUMENT on the stack that begins below TOP. */
static __attribute__((noinline)) void call_on(void *top, void (*function)(void *), void *argument)
{
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "movq %1, %%rsp\n\t"
                     "callq *%2\n\t"
                     "movq %%rbx, %%rsp"
                     : "+D"(argument)
                     : "r"(top), "r"(function)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc", "memory");
}

static void walk_by_libunwind(struct stack *stack, const struct cfi_registers *registers,
                              const struct stack_start *start, uint32_t limit)
{
    const uint64_t all = ~UINT64_C(0);
    uint64_t before = 0;
    struct walk *walk = stack->engine_room;

    if (!walk)
        walk = stack->engine_room = arena_map(ROOM, ARENA_OTHER);
    if (!walk) {
        stack->flags |= SNAPSHOT_STACK_TRUNCATED;
        return;
    }
    walk->stack = stack;
    walk->start = start;
    walk->registers = registers;
    walk->limit = limit;
    SYSCALL_4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
    call_on((char *)walk + ROOM, walk_here, walk);
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof all);
}

static void forget(void)
{
    unwind.flush_cache(space, 0, 0);
}

/* ---- loading ----------------------------------------------------------------------- */

static bool find(void *library, const char *name, void *out_function)
{
    void *function = dlsym(library, name);

    memcpy(out_function, &function, sizeof function);
    return function != NULL;
}

const struct stack_engine *unwind_libunwind_load(const char **out_why)
{
    static const struct stack_engine engine = { walk_by_libunwind, forget };
    static unw_accessors_t accessors = {
        .find_proc_info = find_proc_info,
        .put_unwind_info = put_unwind_info,
        .get_dyn_info_list_addr = no_dynamic_list,
        .access_mem = access_memory,
        .access_reg = access_register,
        .access_fpreg = no_float,
        .resume = no_resume,
        .get_proc_name = no_name,
    };
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    *out_why = LIBRARY " is not installed";
    if (!library)
        return NULL;
    *out_why = LIBRARY " is not the one that is known";
    if (!find(library, PREFIX "create_addr_space", &unwind.create_addr_space) ||
        !find(library, PREFIX "set_caching_policy", &unwind.set_caching_policy) ||
        !find(library, PREFIX "flush_cache", &unwind.flush_cache) ||
        !find(library, PREFIX "init_remote", &unwind.init_remote) ||
        !find(library, PREFIX "step", &unwind.step) ||
        !find(library, PREFIX "get_reg", &unwind.get_reg) ||
        !find(library, PREFIX "is_signal_frame", &unwind.is_signal_frame) ||
        !find(library, PREFIX "dwarf_search_unwind_table", &unwind.search))
        return NULL;
    space = unwind.create_addr_space(&accessors, 0);
    if (!space || unwind.set_caching_policy(space, UNW_CACHE_GLOBAL) < 0)
        return NULL;
    return &engine;
}
