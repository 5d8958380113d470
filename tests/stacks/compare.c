#include "compare.h"

#include "format/snapshot.h"
#include "preload/memo.h"
#include "preload/stack.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unwind.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define MAX_FRAMES 30000u
#define MAX_NUMBERED 65536u
#define MAX_KEPT (4u << 20) /* frames of numbered stacks */
#define NOINLINE __attribute__((noinline))
#define SHOWN 5 /* differences */

/* libunwind, opened out of the program's sight: it exports _Unwind_*, too, and the program's
 * exceptions are libgcc's. */
static struct {
    int (*get_context)(unw_context_t *);
    int (*init_local)(unw_cursor_t *, unw_context_t *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*get_function)(unw_addr_space_t, unw_word_t, unw_proc_info_t *, void *);
    void (*flush)(unw_addr_space_t, unw_word_t, unw_word_t);
    unw_addr_space_t *space;
} unwind;

/* A stack that got a number. */
struct numbered {
    struct stack_key key;
    uint32_t count, flags;
    uint32_t first; /* of its frames */
};

/* What a thread walks and compares with. */
struct comparer {
    struct comparer *next;
    struct stack stack;
    struct memo memo;
    uint32_t numbered_count, kept_count;
    uint32_t index[2 * MAX_NUMBERED]; /* hash table of numbers + 1 */
    struct numbered numbered[MAX_NUMBERED];
    uintptr_t kept[MAX_KEPT];
    unw_context_t context; /* large, and the walk may be on a small stack */
    unw_cursor_t cursor;
    uint32_t count;
    uintptr_t frames[MAX_FRAMES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct comparer *spare;
static struct {
    _Atomic uint64_t stacks, frames, by_libgcc, limited, truncated, gave_up, lost, alone, differing,
        deepest;
    _Atomic uint64_t found, in_memo;
} counts;

static __thread struct comparer *self;
__thread unsigned compare_blind;

bool compare_init(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

    if (!library)
        return false;
    *(void **)&unwind.get_context = dlsym(library, "_Ux86_64_getcontext");
    *(void **)&unwind.init_local = dlsym(library, "_ULx86_64_init_local");
    *(void **)&unwind.step = dlsym(library, "_ULx86_64_step");
    *(void **)&unwind.get_reg = dlsym(library, "_ULx86_64_get_reg");
    *(void **)&unwind.get_function = dlsym(library, "_ULx86_64_get_proc_info_by_ip");
    *(void **)&unwind.flush = dlsym(library, "_Ux86_64_flush_cache");
    *(void **)&unwind.space = dlsym(library, "_ULx86_64_local_addr_space");
    if (!unwind.get_context || !unwind.init_local || !unwind.step || !unwind.get_reg ||
        !unwind.get_function || !unwind.flush || !unwind.space)
        return false;
    cfi_init();
    return true;
}

/* Forget all stacks and their numbers. */
static void forget(void)
{
    memo_forget(&self->memo);
    memset(self->index, 0, sizeof(self->index));
    self->numbered_count = self->kept_count = 0;
}

void compare_begin_thread(void)
{
    pthread_mutex_lock(&lock);
    self = spare;
    if (self)
        spare = self->next;
    pthread_mutex_unlock(&lock);
    if (self) {
        stack_forget_pages(&self->stack);
        forget();
        return;
    }
    self = mmap(NULL, sizeof(*self), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self == MAP_FAILED)
        abort();
}

void compare_end_thread(void)
{
    pthread_mutex_lock(&lock);
    self->next = spare;
    spare = self;
    pthread_mutex_unlock(&lock);
    self = NULL;
}

void compare_unloaded(void)
{
    stack_forget_rules();
    unwind.flush(*unwind.space, 0, 0);
}

/* ---- what they find ----------------------------------------------------------------- */

static bool is_code(uintptr_t pc, const char *code, size_t size)
{
    struct dl_find_object object;

    return _dl_find_object((void *)pc, &object) == 0 && memcmp((const void *)pc, code, size) == 0;
}

/* Whether PC was not called from: it is where a signal handler returns to, or a context that
 * makecontext() made. */
static bool entered_by_return(uintptr_t pc)
{
    return is_code(pc, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9) || /* mov $15, %rax; syscall */
           is_code(pc, "\x48\x89\xdc\x48\x8b\x3c\x24", 7); /* mov %rbx, %rsp; mov (%rsp), %rdi */
}

static bool is_restorer(uintptr_t pc)
{
    return is_code(pc, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9);
}

/* Whether no function is known at PC. */
static bool is_nowhere(uintptr_t pc)
{
    unw_proc_info_t function;

    return unwind.get_function(*unwind.space, pc, &function, NULL) < 0;
}

/* Without the newest SKIP frames; returns what unw_step() said last. Not beyond a frame without CFI:
 * from there on libunwind guesses, and by what it guessed it reads memory that may not be there. */
static NOINLINE int walk_by_libunwind(int skip)
{
    unw_word_t pc;
    bool interrupted = false;
    int result;

    self->count = 0;
    unwind.get_context(&self->context);
    unwind.init_local(&self->cursor, &self->context);
    for (int i = 0; (result = unwind.step(&self->cursor)) > 0; i++) {
        if (unwind.get_reg(&self->cursor, UNW_REG_IP, &pc) < 0 || pc == 0)
            return 0;
        if (self->count == MAX_FRAMES)
            abort();
        if (i >= skip - 1)
            self->frames[self->count++] = pc - !(interrupted || entered_by_return(pc));
        if (compare_blind > 0 && is_nowhere(pc - 1))
            return 0;
        interrupted = is_restorer(pc);
    }
    return result;
}

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *skip)
{
    int before = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &before);

    if (*(int *)skip > 0) {
        --*(int *)skip;
        return _URC_NO_REASON;
    }
    if (pc == 0 || self->count == MAX_FRAMES)
        return _URC_END_OF_STACK;
    self->frames[self->count++] = pc - !(before || entered_by_return(pc));
    return _URC_NO_REASON;
}

/* The same with libgcc. */
static NOINLINE void walk_by_libgcc(int skip)
{
    self->count = 0;
    _Unwind_Backtrace(take_frame, &skip);
    __asm__ volatile("" : : "r"(&skip) : "memory");
}

/* ---- what ours finds ------------------------------------------------------------------ */

static void differs(const char *what, const struct stack *stack);

/* The number of STACK. A key is that of one stack. */
static uint32_t number_of(const struct stack *stack)
{
    struct numbered *numbered;
    uint32_t i = (uint32_t)stack->key.hash % (2 * MAX_NUMBERED);

    for (; self->index[i]; i = (i + 1) % (2 * MAX_NUMBERED)) {
        numbered = &self->numbered[self->index[i] - 1];
        if (numbered->key.hash == stack->key.hash && numbered->key.more == stack->key.more) {
            if (numbered->count != stack->count || numbered->flags != stack->flags ||
                memcmp(&self->kept[numbered->first], stack->frames,
                       stack->count * sizeof(*stack->frames)) != 0)
                differs("another stack has its key", stack);
            return self->index[i] - 1;
        }
    }
    self->numbered[self->numbered_count] =
        (struct numbered){ stack->key, stack->count, stack->flags, self->kept_count };
    memcpy(&self->kept[self->kept_count], stack->frames, stack->count * sizeof(*stack->frames));
    self->kept_count += stack->count;
    self->index[i] = ++self->numbered_count;
    return self->numbered_count - 1;
}

/* As the shim does it: the number from the memo, or the memo's walk, or one step by step. */
static void walk_as_traced(struct stack *stack, const struct stack_start *start)
{
    const struct numbered *numbered;
    uint32_t number;

    if (self->numbered_count == MAX_NUMBERED - 1 || self->kept_count > MAX_KEPT - MAX_FRAMES)
        forget();
    number = memo_find(&self->memo, start);
    if (number != MEMO_NONE) {
        counts.found++;
        numbered = &self->numbered[number];
        if (!stack_make_room(stack, numbered->count))
            abort();
        memcpy(stack->frames, &self->kept[numbered->first],
               numbered->count * sizeof(*stack->frames));
        stack->count = numbered->count;
        stack->flags = numbered->flags;
    } else if (memo_walk(&self->memo, stack, start)) {
        counts.in_memo++;
        if (!memo_frames(&self->memo, stack))
            abort();
        number = memo_recall(&self->memo);
        if (number == MEMO_NONE)
            memo_number(&self->memo, number_of(stack));
        else if (number != number_of(stack))
            differs("another number was recalled", stack);
    } else {
        stack_walk(stack, start, 0);
        number_of(stack);
    }
}

/* ---- comparing ------------------------------------------------------------------------ */

static void show_frame(const struct stack *stack, uint32_t i)
{
    uintptr_t ours = i < stack->count ? stack->frames[i] : 0;
    uintptr_t theirs = i < self->count ? self->frames[i] : 0;
    Dl_info info;

    printf("# %3u %s %#14lx %#14lx", i, ours == theirs ? "  " : "!=", ours, theirs);
    if (dladdr((void *)(ours ? ours : theirs), &info))
        printf(" %s+%#lx %s", info.dli_fname, (ours ? ours : theirs) - (uintptr_t)info.dli_fbase,
               info.dli_sname ? info.dli_sname : "");
    printf("\n");
}

static void differs(const char *what, const struct stack *stack)
{
    if (atomic_fetch_add(&counts.differing, 1) >= SHOWN)
        return;
    pthread_mutex_lock(&lock);
    printf("# stack %lu: %s. Ours %u frames, flags %u, theirs %u\n", (unsigned long)counts.stacks,
           what, stack->count, stack->flags, self->count);
    for (uint32_t i = 0; i < stack->count || i < self->count; i++)
        if (i < 12 || i + 4 > stack->count ||
            (i < self->count && stack->frames[i] != self->frames[i]))
            show_frame(stack, i);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

/* Whether the first COUNT frames are theirs, too. */
static bool begins_alike(const struct stack *stack, uint32_t count)
{
    return count <= stack->count && count <= self->count &&
           memcmp(stack->frames, self->frames, count * sizeof(*stack->frames)) == 0;
}

/* Whether ours is theirs; or the outermost frame was not called, but will be returned to
 * at its first instruction, and only we have seen that. */
static bool is_theirs(const struct stack *stack)
{
    uint32_t last = stack->count - 1;
    unw_proc_info_t function;

    if (stack->count != self->count || !begins_alike(stack, last))
        return false;
    return stack->frames[last] == self->frames[last] ||
           (stack->frames[last] == self->frames[last] + 1 &&
            unwind.get_function(*unwind.space, stack->frames[last], &function, NULL) == 0 &&
            function.start_ip == stack->frames[last]);
}

static NOINLINE void compare_whole(const struct stack *stack, int end)
{
    bool truncated = stack->flags & SNAPSHOT_STACK_TRUNCATED;

    if (truncated && compare_blind == 0 && is_theirs(stack) &&
        is_nowhere(stack->frames[stack->count - 1])) {
        counts.lost++;
    } else if (truncated != (compare_blind > 0)) {
        differs(truncated ? "truncated" : "not truncated, but there is a frame without CFI", stack);
    } else if (truncated) {
        counts.truncated++;
        if (!begins_alike(stack, stack->count))
            differs("what comes before the truncation", stack);
    } else if (end < 0) {
        counts.gave_up++;
        if (!begins_alike(stack, self->count))
            differs("what comes before libunwind gave up", stack);
    } else if (!is_theirs(stack)) {
        walk_by_libgcc(3);
        if (is_theirs(stack)) {
            counts.alone++;
            return;
        }
        walk_by_libunwind(3);
        differs("libunwind", stack);
    }
}

/* The whole walk is the measure for one with LIMIT. */
static void compare_limited(struct stack *stack, const struct stack_start *start, uint32_t limit)
{
    uint32_t wanted = limit < stack->count ? limit : stack->count;
    uint32_t count = stack->count, flags = stack->flags;

    memcpy(self->frames, stack->frames, count * sizeof(*stack->frames));
    self->count = count;
    stack_walk(stack, start, limit);
    counts.limited++;
    if (stack->count != wanted || !begins_alike(stack, wanted) ||
        stack->flags != (limit < count ? SNAPSHOT_STACK_LIMITED : flags))
        differs("with a limit", stack);
}

void compare_stack(void)
{
    struct stack_start start = STACK_START();
    uint64_t number = counts.stacks++;
    struct stack *stack = &self->stack;
    int end;

    walk_as_traced(stack, &start);
    if (number % 4 == 1) { /* twice more, nothing has changed: now it gets an entry … */
        walk_as_traced(stack, &start);
        walk_as_traced(stack, &start); /* … and is found */
    }
    counts.frames += stack->count;
    if (stack->count > counts.deepest)
        counts.deepest = stack->count;
    end = walk_by_libunwind(2);
    compare_whole(stack, end);
    if (number % 16 == 0) {
        walk_by_libgcc(2);
        counts.by_libgcc++;
        if (stack->flags & SNAPSHOT_STACK_TRUNCATED ? !begins_alike(stack, stack->count)
                                                    : !is_theirs(stack))
            differs("libgcc", stack);
    }
    if (number % 16 == 8)
        compare_limited(stack, &start, (uint32_t)(number / 16 % (stack->count + 2)) + 1);
}

struct compare_counts compare_counts(void)
{
    return (struct compare_counts){
        .stacks = counts.stacks, .frames = counts.frames, .by_libgcc = counts.by_libgcc,
        .limited = counts.limited, .truncated = counts.truncated, .gave_up = counts.gave_up,
        .lost = counts.lost, .alone = counts.alone, .differing = counts.differing,
        .deepest = counts.deepest, .found = counts.found, .in_memo = counts.in_memo,
    };
}
