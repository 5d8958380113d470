#include "preload/maps.h"

#include "preload/arena.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#define PAGE        ((uintptr_t)4096)
#define PAGES       512u /* looked at together */
#define FEW_PAGES   4u   /* not worth a system call to know which were written to */
#define LARGE       ((uintptr_t)1 << 30)
#define READ_SIZE   ((size_t)16 * 1024)

/* ---- /proc/self/maps --------------------------------------------------------------- */

/* Open the file NAME of the process PID (0: this one). */
static long open_proc(uint32_t pid, const char *name)
{
    char path[64] = "/proc/self";

    if (pid) {
        path[sizeof "/proc/" - 1] = '\0';
        path_append_number(path, sizeof path, pid, 1);
    }
    path_append(path, sizeof path, name);
    return SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* Read all of FILE into TEXT, and close it. */
static int read_text(struct buffer *text, long file)
{
    long got = 0;
    uint8_t *room;

    if (file < 0)
        return (int)file;
    while ((room = buffer_reserve(text, READ_SIZE)) &&
           (got = SYSCALL_3(SYS_read, file, room, READ_SIZE)) > 0)
        text->size += (size_t)got;
    SYSCALL_1(SYS_close, file);
    buffer_put(text, "", 1);
    return got < 0 ? (int)got : text->failed ? -ENOMEM : 0;
}

static uintptr_t read_hexadecimal(const char **at)
{
    uintptr_t number = 0;

    for (;; ++*at) {
        char digit = **at;

        if (digit >= '0' && digit <= '9')
            number = number << 4 | (uintptr_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = number << 4 | (uintptr_t)(digit - 'a' + 10);
        else
            return number;
    }
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static uint32_t flags_of_name(const char *name, bool is_shared)
{
    if (name[0] == '\0' || begins(name, "[anon"))
        return 0;
    if (begins(name, "[stack"))
        return AREA_STACK;
    if (begins(name, "[heap"))
        return AREA_HEAP;
    if (name[0] == '[' || begins(name, "anon_inode:"))
        return AREA_HIDDEN;
    if (is_shared && (begins(name, "/dev/zero") || begins(name, "/SYSV") ||
                      begins(name, "/memfd:") || begins(name, "/dev/shm/")))
        return 0;
    return begins(name, "/dev/") && !begins(name, "/dev/zero") && !begins(name, "/dev/shm/")
               ? AREA_HIDDEN
               : AREA_FILE;
}

/* A line: 7f0000000000-7f0000001000 rw-p 00000000 08:01 1234      /some/file */
static bool read_line(const char *line, struct area *out_area)
{
    const char *at = line;
    struct area area = { .start = read_hexadecimal(&at) };

    at += *at == '-';
    area.end = read_hexadecimal(&at);
    at += *at == ' ';
    if (area.end <= area.start || strlen(at) < 5)
        return false;
    area.flags = (at[0] == 'r' ? AREA_READ : 0) | (at[1] == 'w' ? AREA_WRITE : 0) |
                 (at[2] == 'x' ? AREA_EXECUTE : 0) | (at[3] == 's' ? AREA_SHARED : 0);
    for (int field = 0; field < 4; field++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    area.name = at;
    area.flags |= flags_of_name(area.name, area.flags & AREA_SHARED);
    *out_area = area;
    return true;
}

/* Whether the system has nothing swapped out. */
static bool nothing_swapped(void)
{
    struct sysinfo info;

    return SYSCALL_1(SYS_sysinfo, &info) == 0 && info.totalswap == info.freeswap;
}

int maps_read_of(struct maps *maps, uint32_t pid)
{
    struct area area;
    int result;

    maps->page_file = -1;
    result = read_text(&maps->text, open_proc(pid, "/maps"));
    char *line = (char *)maps->text.data, *end;

    if (result < 0)
        return result;
    for (; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (read_line(line, &area))
            buffer_put(&maps->areas, &area, sizeof area);
    }
    maps->count = (uint32_t)(maps->areas.size / sizeof(struct area));
    maps->page_file = open_proc(pid, "/pagemap");
    maps->unswapped = nothing_swapped();
    maps->pages = arena_map(PAGES * sizeof *maps->pages, ARENA_OTHER);
    return maps->areas.failed || !maps->pages ? -ENOMEM : 0;
}

/* The number in a line like "Rss:       64 kB", in bytes. */
static uint64_t read_kilobytes(const char *line)
{
    uint64_t number = 0;

    for (line += strcspn(line, "0123456789"); *line >= '0' && *line <= '9'; line++)
        number = 10 * number + (uint64_t)(*line - '0');
    return number * 1024;
}

/* Whether FLAGS, as of the line "VmFlags: rd wr … dc", say so. What the kernel may drop is never a
 * pointer's only place. */
static bool is_withheld(const char *flags)
{
    return (strstr(flags, " dc") || strstr(flags, " wf")) && !strstr(flags, " dp");
}

void maps_find_withheld(long file, maps_withheld *visit, void *context)
{
    struct buffer text = { 0 };
    struct area area = { 0 };
    uint64_t resident = 0;

    if (read_text(&text, file) == 0) {
        char *line = (char *)text.data, *end;

        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            if (begins(line, "Rss:"))
                resident = read_kilobytes(line);
            else if (begins(line, "Swap:"))
                resident += read_kilobytes(line);
            else if (!begins(line, "VmFlags:"))
                read_line(line, &area);
            else if (is_withheld(line) && area.flags & AREA_READ &&
                     !(area.flags & AREA_HIDDEN) &&
                     !(area.flags & AREA_SHARED && area.flags & AREA_FILE))
                visit(context, area.start, area.end, resident, !strstr(line, " dc"));
        }
    }
    buffer_finish(&text);
}

void maps_finish(struct maps *maps)
{
    if (maps->page_file >= 0)
        SYSCALL_1(SYS_close, maps->page_file);
    buffer_finish(&maps->text);
    buffer_finish(&maps->areas);
    arena_unmap(maps->pages, PAGES * sizeof *maps->pages, ARENA_OTHER);
    arena_unmap(maps->copy, PAGES * PAGE, ARENA_OTHER);
}

/* The number of the first area that ends behind ADDRESS, which often is the LIKELY one. */
static uint32_t first_behind(const struct maps *maps, uintptr_t address, uint32_t likely)
{
    uint32_t low = 0, high = maps->count;

    if (likely < high && maps_area(maps, likely)->start <= address &&
        address < maps_area(maps, likely)->end)
        return likely;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (maps_area(maps, middle)->end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Let what lies from START to END, of one area or of several, be areas of their own, that are ours.
 * In the copy of a program, memory that we take may come to lie where the program has what is not
 * copied, such as blocks. */
static void mark_own(void *context, uintptr_t start, uintptr_t end)
{
    struct maps *maps = context;

    for (uint32_t i = first_behind(maps, start, maps->count); i < maps->count; i++) {
        const struct area old = *maps_area(maps, i);
        struct area pieces[3], *list;
        uint32_t count = 0;

        if (old.start >= end)
            return;
        if (old.start < start) {
            pieces[count] = old;
            pieces[count++].end = start;
        }
        pieces[count] = old;
        pieces[count].flags |= AREA_OWN;
        pieces[count].start = old.start > start ? old.start : start;
        pieces[count++].end = old.end < end ? old.end : end;
        if (old.end > end) {
            pieces[count] = old;
            pieces[count++].start = end;
        }
        if (!buffer_reserve(&maps->areas, (count - 1) * sizeof *pieces))
            return;
        list = (struct area *)maps->areas.data;
        memmove(&list[i + count], &list[i + 1], (maps->count - i - 1) * sizeof *list);
        memcpy(&list[i], pieces, count * sizeof *list);
        maps->count += count - 1;
        maps->areas.size = maps->count * sizeof *list;
        i += count - 1;
    }
}

int maps_read(struct maps *maps)
{
    int result = maps_read_of(maps, 0);

    if (result < 0)
        return result;
    maps->copy = arena_map(PAGES * PAGE, ARENA_OTHER);
    if (!maps->copy)
        return -ENOMEM;
    arena_each(mark_own, maps);
    return maps->areas.failed ? -ENOMEM : 0;
}

const struct area *maps_find(const struct maps *maps, uintptr_t address)
{
    uint32_t number = first_behind(maps, address, maps->last);

    return number < maps->count && maps_area(maps, number)->start <= address
               ? maps_area(maps, number)
               : NULL;
}

bool maps_readable(const struct maps *maps, uintptr_t address, size_t size)
{
    const struct area *area = maps_find(maps, address);

    return area && area->flags & AREA_READ &&
           !(area->flags & (AREA_SHARED | AREA_HIDDEN | AREA_OWN)) &&
           (!(area->flags & AREA_FILE) || area->flags & AREA_WRITE) && size <= area->end - address;
}

/* ---- looking ----------------------------------------------------------------------- */

enum { PAGE_PRESENT = 63, PAGE_SWAPPED = 62, PAGE_OF_FILE = 61 };

/* Whether mincore() must do: it knows what is in memory, not what is swapped out. So for shared
 * memory, and where /proc/self/pagemap is not to be had for areas that are too large to be looked
 * at whole. */
static bool only_resident(const struct maps *maps, const struct area *area)
{
    return area->flags & AREA_SHARED ||
           (maps->page_file < 0 && !(area->flags & AREA_FILE) && area->end - area->start > LARGE);
}

/* Set maps->pages to whether each of the COUNT pages from START on may hold something. */
static void ask_pages(struct maps *maps, const struct area *area, uintptr_t start, uint32_t count)
{
    long size = -1;

    if (only_resident(maps, area)) {
        uint8_t *resident = (uint8_t *)maps->copy;

        size = SYSCALL_3(SYS_mincore, start, count * PAGE, resident);
        for (uint32_t i = 0; i < count; i++)
            maps->pages[i] = size < 0 || resident[i] & 1;
        return;
    }
    if (maps->page_file >= 0)
        size = SYSCALL_4(SYS_pread64, maps->page_file, maps->pages, count * sizeof *maps->pages,
                         start / PAGE * sizeof *maps->pages);
    for (uint32_t i = 0; i < count; i++)
        maps->pages[i] = size != (long)(count * sizeof *maps->pages) ||
                         ((maps->pages[i] >> PAGE_PRESENT & 1 || maps->pages[i] >> PAGE_SWAPPED & 1) &&
                          !(maps->pages[i] >> PAGE_OF_FILE & 1));
}

/* Let the kernel copy SIZE bytes at START to maps->copy. Returns how many it could. */
static size_t copy_words(struct maps *maps, uintptr_t start, size_t size)
{
    struct iovec to = { maps->copy, size }, from = { (void *)start, size };
    long copied = SYSCALL_6(SYS_process_vm_readv, syscall_getpid(), &to, 1, &from, 1, 0);

    if (copied == -EPERM || copied == -ENOSYS) { /* as sandboxes have it */
        if (maps->memory_file == 0)
            maps->memory_file =
                SYSCALL_4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDONLY | O_CLOEXEC, 0);
        copied = SYSCALL_4(SYS_pread64, maps->memory_file, maps->copy, size, start);
    }
    return copied < 0 ? 0 : (size_t)copied;
}

/* Visit the words from START to END, not more than PAGES pages of AREA. */
static void visit_words(struct maps *maps, const struct area *area, uintptr_t start, uintptr_t end,
                        maps_visit *visit, void *context)
{
    size_t size;

    if (!(area->flags & AREA_SHARED) && (maps->page_file >= 0 || !(area->flags & AREA_FILE))) {
        visit(context, start, (const uint64_t *)start, (end - start) / sizeof(uint64_t));
        return;
    }
    size = copy_words(maps, start, end - start);
    maps->skipped += (uint64_t)(end - start) - (uint64_t)size;
    visit(context, start, maps->copy, size / sizeof(uint64_t));
}

/* The same of what was asked about pages from FIRST on, in runs of pages that count. */
static void visit_pages(struct maps *maps, const struct area *area, uintptr_t start, uintptr_t end,
                        maps_visit *visit, void *context)
{
    uintptr_t first = start & ~(PAGE - 1);
    uint32_t count = (uint32_t)((end - first + PAGE - 1) / PAGE);

    ask_pages(maps, area, first, count);
    for (uint32_t i = 0, run; i < count; i = run) {
        uintptr_t from, to;

        for (run = i + 1; run < count && maps->pages[run] == maps->pages[i];)
            run++;
        from = first + i * PAGE;
        to = first + run * PAGE;
        if (maps->pages[i])
            visit_words(maps, area, from > start ? from : start, to < end ? to : end, visit, context);
    }
}

uint64_t maps_look(struct maps *maps, uintptr_t start, uintptr_t end, maps_visit *visit,
                   void *context)
{
    uint64_t skipped = maps->skipped, size;

    start = (start + 7) & ~(uintptr_t)7;
    end &= ~(uintptr_t)7;
    size = end > start ? end - start : 0;
    for (uint32_t i = first_behind(maps, start, maps->last); start < end; i++) {
        const struct area *area = i < maps->count ? maps_area(maps, i) : NULL;
        uintptr_t until;

        if (!area || area->start >= end) {
            maps->skipped += end - start;
            break;
        }
        if (area->start > start) {
            maps->skipped += area->start - start;
            start = area->start;
        }
        maps->last = i;
        until = area->end < end ? area->end : end;
        if (!(area->flags & AREA_READ) || area->flags & (AREA_HIDDEN | AREA_OWN)) {
            maps->skipped += until - start;
        } else if (!(area->flags & (AREA_FILE | AREA_SHARED)) && until - start < FEW_PAGES * PAGE) {
            visit_words(maps, area, start, until, visit, context);
        } else {
            for (uintptr_t next; start < until; start = next) {
                next = (start & ~(PAGE - 1)) + PAGES * PAGE;
                next = next < until ? next : until;
                visit_pages(maps, area, start, next, visit, context);
            }
        }
        start = until;
    }
    return size - (maps->skipped - skipped);
}

/* What /proc/PID/pagemap says of COUNT pages from FIRST on, PAGES at most; NULL if that can't be had. It
 * is read with what follows: small areas lie side by side, and each call of the kernel takes as long as
 * to look at dozens of pages. */
static const uint64_t *look_up(struct maps *maps, uintptr_t first, uint32_t count)
{
    if (first < maps->first_page || first + count > maps->first_page + maps->page_count) {
        long size = SYSCALL_4(SYS_pread64, maps->page_file, maps->pages, PAGES * sizeof *maps->pages,
                              first * sizeof *maps->pages);

        maps->first_page = first;
        maps->page_count = size > 0 ? (size_t)size / sizeof *maps->pages : 0;
    }
    return count <= maps->page_count ? maps->pages + (first - maps->first_page) : NULL;
}

/* Add what of private memory from START to END, all of it ours and none swapped, is there. */
static bool count_own(struct maps *maps, uintptr_t start, uintptr_t end, struct maps_counts *counts)
{
    const size_t room = PAGES * sizeof *maps->pages;
    const uint8_t *is_there = (const uint8_t *)maps->pages;
    uint64_t found = 0;

    maps->page_count = 0;
    for (uintptr_t at = start; at < end; at += room * PAGE) {
        size_t pages = (end - at) / PAGE < room ? (end - at) / PAGE : room;

        if (SYSCALL_3(SYS_mincore, at, pages * PAGE, maps->pages) != 0)
            return false;
        for (size_t i = 0; i < pages; i++)
            found += is_there[i] & 1;
    }
    counts->resident += found * PAGE;
    return true;
}

bool maps_count(struct maps *maps, uintptr_t start, uintptr_t end, bool own,
                struct maps_counts *counts)
{
    struct maps_counts found = { 0, 0, 0 };

    counts->mapped += end - start;
    if (own && maps->unswapped && count_own(maps, start, end, counts))
        return true;
    for (uintptr_t at = start & ~(PAGE - 1); at < end;) {
        uint64_t left = (end - at + PAGE - 1) / PAGE;
        uint32_t pages = (uint32_t)(left < PAGES ? left : PAGES);
        const uint64_t *page = look_up(maps, at / PAGE, pages);

        if (!page)
            return false;
        for (uint32_t i = 0; i < pages; i++) {
            found.resident += (page[i] >> PAGE_PRESENT & 1) * PAGE;
            found.swapped += (page[i] >> PAGE_SWAPPED & 1) * PAGE;
        }
        at += pages * PAGE;
    }
    counts->resident += found.resident;
    counts->swapped += found.swapped;
    return true;
}
