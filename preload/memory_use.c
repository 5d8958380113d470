#include "preload/memory_use.h"

#include "preload/arena.h"
#include "preload/glibc.h"
#include "preload/maps.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* No more address space than this is counted page by page: a program may reserve terabytes. */
#define MOST_COUNTED ((uint64_t)64 << 30)
#define PAGE         ((uintptr_t)4096)
#define CLOSE        ((uint64_t)1 << 20) /* what may have changed meanwhile */

struct range {
    uintptr_t start, end;
};

struct finder {
    struct maps maps;
    struct buffer own; /* struct range, by address */
    size_t own_count;
    const uint64_t *places;
    size_t count;
    uint64_t counted;
    bool is_own; /* the process is this one */
    uint32_t first, end; /* areas of one file, looked at last … */
    bool has_code;       /* … and whether any of these can be executed */
    struct snapshot_memory *uses;
};

/* ---- what is ours -------------------------------------------------------------------- */

static void add_own(void *context, uintptr_t start, uintptr_t end)
{
    struct finder *finder = context;
    struct range range = { start & ~(PAGE - 1), (end + PAGE - 1) & ~(PAGE - 1) };

    buffer_put(&finder->own, &range, sizeof range);
}

/* By address; some hundreds, of which most are in order. */
static void sort_own(struct finder *finder)
{
    struct range *own = (struct range *)finder->own.data;

    finder->own_count = finder->own.size / sizeof *own;
    for (size_t gap = finder->own_count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < finder->own_count; i++) {
            struct range moving = own[i];
            size_t at = i;

            for (; at >= gap && own[at - gap].start > moving.start; at -= gap)
                own[at] = own[at - gap];
            own[at] = moving;
        }
}

/* ---- what an area is for --------------------------------------------------------------- */

static bool has_block(const struct finder *finder, const struct area *area)
{
    size_t low = 0, high = finder->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (finder->places[middle] < area->start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < finder->count && finder->places[low] < area->end;
}

#define ACCESS ((uint32_t)(AREA_READ | AREA_WRITE | AREA_EXECUTE))

/* Whether area NUMBER is a reserve that nobody can look into. */
static bool is_guard(const struct finder *finder, uint32_t number)
{
    const struct area *area = maps_area(&finder->maps, number);

    return !(area->flags & ACCESS) && !(area->flags & AREA_FILE);
}

/* Whether area NUMBER is a heap of an arena of glibc, with its reserve behind it. */
static bool is_arena(const struct finder *finder, uint32_t number)
{
    const struct area *area = maps_area(&finder->maps, number), *next = area + 1;

    if (area->start % GLIBC_HEAP_ALIGNMENT || (area->flags & ACCESS) != (AREA_READ | AREA_WRITE))
        return false;
    return area->end - area->start >= GLIBC_HEAP_ALIGNMENT ||
           (number + 1 < finder->maps.count && next->start == area->end &&
            is_guard(finder, number + 1) &&
            next->end >= area->start + GLIBC_HEAP_ALIGNMENT);
}

/* Whether area NUMBER lies directly above a guard that is not the reserve of an arena. */
static bool is_stack(const struct finder *finder, uint32_t number)
{
    const struct area *guard = maps_area(&finder->maps, number) - 1;

    return number > 0 && guard->end == guard[1].start && is_guard(finder, number - 1) &&
           !(number > 1 && guard[-1].end == guard->start && is_arena(finder, number - 2));
}

/* Whether the file that area NUMBER is of has code mapped beside it. Kept for its neighbours: a
 * database maps one file in ten thousands of pieces. */
static bool is_module(struct finder *finder, uint32_t number)
{
    const char *name = maps_area(&finder->maps, number)->name;
    uint32_t at = number;

    if (number >= finder->first && number < finder->end)
        return finder->has_code;
    while (at > 0 && strcmp(maps_area(&finder->maps, at - 1)->name, name) == 0)
        at--;
    finder->first = at;
    finder->has_code = false;
    for (; at < finder->maps.count && strcmp(maps_area(&finder->maps, at)->name, name) == 0; at++)
        finder->has_code |= (maps_area(&finder->maps, at)->flags & AREA_EXECUTE) != 0;
    finder->end = at;
    return finder->has_code;
}

/* Whether area NUMBER is what a module has of variables without a value in its file. */
static bool is_bss(struct finder *finder, uint32_t number)
{
    const struct area *before = maps_area(&finder->maps, number) - 1;

    return number > 0 && before->flags & AREA_FILE && before->flags & AREA_WRITE &&
           before->end == before[1].start && is_module(finder, number - 1);
}

static enum snapshot_memory_kind kind_of(struct finder *finder, uint32_t number)
{
    const struct area *area = maps_area(&finder->maps, number);

    if (area->flags & AREA_HEAP || (!(area->flags & AREA_FILE) && has_block(finder, area)))
        return SNAPSHOT_MEMORY_HEAP;
    if (area->flags & AREA_FILE)
        return is_module(finder, number) ? SNAPSHOT_MEMORY_MODULE : SNAPSHOT_MEMORY_FILE;
    if (area->flags & AREA_SHARED)
        return SNAPSHOT_MEMORY_SHARED;
    if (area->flags & AREA_STACK)
        return SNAPSHOT_MEMORY_STACK;
    if (!(area->flags & ACCESS) || area->flags & AREA_HIDDEN)
        return SNAPSHOT_MEMORY_OTHER;
    if (is_arena(finder, number))
        return SNAPSHOT_MEMORY_HEAP;
    if (is_bss(finder, number))
        return SNAPSHOT_MEMORY_MODULE;
    return is_stack(finder, number) ? SNAPSHOT_MEMORY_STACK : SNAPSHOT_MEMORY_OTHER;
}

/* ---- adding up ---------------------------------------------------------------------------- */

static void count_pages(struct finder *finder, const struct area *area, uintptr_t start, uintptr_t end,
                        enum snapshot_memory_kind kind)
{
    struct maps_counts counts = { 0, 0, 0 };
    struct snapshot_memory *use = &finder->uses[kind];

    if (start >= end)
        return;
    finder->counted += end - start;
    if (finder->counted > MOST_COUNTED)
        counts.mapped = end - start;
    else
        maps_count(&finder->maps, start, end,
                   finder->is_own && !(area->flags & (AREA_FILE | AREA_SHARED | AREA_HIDDEN)), &counts);
    use->areas++;
    use->mapped += counts.mapped;
    use->resident += counts.resident;
    use->swapped += counts.swapped;
}

/* Count what of area NUMBER is not ours; *NEXT is the range of ours that ends behind it. */
static void count_area(struct finder *finder, uint32_t number, size_t *next)
{
    const struct area *area = maps_area(&finder->maps, number);
    const struct range *own = (const struct range *)finder->own.data;
    enum snapshot_memory_kind kind = kind_of(finder, number);
    uintptr_t at = area->start;

    while (*next < finder->own_count && own[*next].end <= at)
        ++*next;
    for (size_t i = *next; i < finder->own_count && own[i].start < area->end; i++) {
        uintptr_t end = own[i].end < area->end ? own[i].end : area->end;

        count_pages(finder, area, at, own[i].start, kind);
        if (at < own[i].start)
            at = own[i].start;
        count_pages(finder, area, at, end, SNAPSHOT_MEMORY_TRACER);
        if (at < end)
            at = end;
    }
    count_pages(finder, area, at, area->end, kind);
}

/* The number, in kB, behind NAME in the text of a file of /proc. */
static uint64_t kilobytes(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    uint64_t number = 0;

    for (at += at ? strlen(name) : 0; at && *at == ' '; at++)
        ;
    for (; at && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return number * 1024;
}

/* What the kernel says of the whole process. */
static void ask_all(uint32_t pid, struct snapshot_memory *all)
{
    char path[64] = "/proc/", text[2048];
    long file, size;

    path_append_number(path, sizeof path, pid, 1);
    path_append(path, sizeof path, "/smaps_rollup");
    file = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return;
    size = SYSCALL_3(SYS_read, file, text, sizeof text - 1);
    SYSCALL_1(SYS_close, file);
    if (size <= 0)
        return;
    text[size] = '\0';
    all->resident = kilobytes(text, "\nRss:");
    all->proportional = kilobytes(text, "\nPss:");
    all->swapped = kilobytes(text, "\nSwap:");
}

/* The whole process is what was counted, if that is RSS bytes. It is not where pages were only read: they
 * are there, but one page of zeros serves them all. */
static bool adds_up(struct snapshot_memory *uses, uint64_t rss)
{
    struct snapshot_memory *all = &uses[SNAPSHOT_MEMORY_ALL];
    uint64_t resident = 0, swapped = 0;

    for (uint32_t kind = 0; kind < SNAPSHOT_MEMORY_KINDS; kind++)
        if (kind != SNAPSHOT_MEMORY_ALL) {
            resident += uses[kind].resident;
            swapped += uses[kind].swapped;
        }
    if (resident > rss + CLOSE || rss > resident + CLOSE)
        return false;
    all->resident = resident;
    all->swapped = swapped;
    return true;
}

static int find(struct finder *finder, uint32_t pid, uint64_t rss)
{
    struct snapshot_memory *uses = finder->uses;
    size_t next = 0;
    int result = maps_read_of(&finder->maps, pid);

    if (result < 0)
        return result;
    if (finder->maps.page_file < 0)
        return (int)finder->maps.page_file;
    arena_each(add_own, finder);
    if (finder->own.failed)
        return -ENOMEM;
    sort_own(finder);
    for (uint32_t i = 0; i < finder->maps.count; i++) {
        const struct area *area = maps_area(&finder->maps, i);

        count_area(finder, i, &next);
        uses[SNAPSHOT_MEMORY_ALL].areas++;
        uses[SNAPSHOT_MEMORY_ALL].mapped += area->end - area->start;
    }
    if (!rss || !adds_up(uses, rss))
        ask_all(pid, &uses[SNAPSHOT_MEMORY_ALL]);
    return 0;
}

int memory_use_find(uint32_t pid, const uint64_t *places, size_t place_count, bool own, uint64_t rss,
                    struct snapshot_memory uses[SNAPSHOT_MEMORY_KINDS])
{
    struct finder *finder = arena_map(sizeof *finder, ARENA_OTHER);
    int result;

    if (!finder)
        return -ENOMEM;
    memset(uses, 0, SNAPSHOT_MEMORY_KINDS * sizeof *uses);
    for (uint32_t kind = 1; kind < SNAPSHOT_MEMORY_KINDS; kind++)
        uses[kind].kind = kind;
    finder->places = places;
    finder->count = place_count;
    finder->uses = uses;
    finder->is_own = own;
    result = find(finder, pid, rss);
    maps_finish(&finder->maps);
    buffer_finish(&finder->own);
    arena_unmap(finder, sizeof *finder, ARENA_OTHER);
    return result;
}
