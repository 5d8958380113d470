/* mapped.c - blocks that are held by memory that the program mapped itself, or are not any more. */
#include "truth.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define PAGE   4096
#define READ   PROT_READ
#define WRITE  (PROT_READ | PROT_WRITE)
#define MINE   (MAP_PRIVATE | MAP_ANONYMOUS)

static int file_of(size_t size)
{
    char name[] = "mapped.XXXXXX";
    int file = mkstemp(name);

    if (file < 0 || ftruncate(file, (off_t)size) < 0)
        abort();
    unlink(name);
    return file;
}

static void **map(size_t size, int flags, int file)
{
    void *memory = mmap(NULL, size, WRITE, flags, file, 0);

    if (memory == MAP_FAILED)
        abort();
    return memory;
}

static APART void in_memory(void)
{
    map(PAGE, MINE, -1)[100] = MAKE(HELD, 300);
}

static APART void in_the_last_word(void)
{
    map(8 * PAGE, MINE, -1)[8 * PAGE / 8 - 1] = MAKE(HELD, 301);
}

static APART void in_shared_memory(void)
{
    map(PAGE, MAP_SHARED | MAP_ANONYMOUS, -1)[100] = MAKE(HELD, 302);
}

static APART void in_shared_memory_with_a_name(void)
{
    int file = memfd_create("mapped", 0);

    if (file < 0 || ftruncate(file, 64 * PAGE) < 0)
        abort();
    map(64 * PAGE, MAP_SHARED, file)[40 * PAGE / 8] = MAKE(HELD, 303);
}

static APART void in_system_v_memory(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    void **memory = id < 0 ? (void **)-1 : shmat(id, NULL, 0);

    if (memory == (void **)-1)
        abort();
    shmctl(id, IPC_RMID, NULL);
    memory[10] = MAKE(HELD, 304);
}

static APART void in_a_file_for_itself(void)
{
    map(PAGE, MAP_PRIVATE, file_of(PAGE))[100] = MAKE(HELD, 305);
}

static APART void in_a_file_for_itself_read_only_now(void)
{
    void **memory = map(PAGE, MAP_PRIVATE, file_of(PAGE));

    memory[100] = MAKE(HELD, 306);
    mprotect(memory, PAGE, READ);
}

/* What others may write is no pointer of ours: not looked at. */
static APART void in_a_shared_file(void)
{
    map(PAGE, MAP_SHARED, file_of(PAGE))[100] = MAKE(LOST, 307);
}

static APART void in_memory_read_only_now(void)
{
    void **memory = map(PAGE, MINE, -1);

    memory[100] = MAKE(HELD, 308);
    mprotect(memory, PAGE, READ);
}

static APART void in_memory_to_run(void)
{
    void **memory = map(PAGE, MINE, -1);

    memory[100] = MAKE(HELD, 309);
    mprotect(memory, PAGE, READ | PROT_WRITE | PROT_EXEC);
}

/* Where not even the program can look. */
static APART void in_a_forbidden_page(void)
{
    void **memory = map(PAGE, MINE, -1);

    memory[100] = MAKE(LOST, 310);
    mprotect(memory, PAGE, PROT_NONE);
}

static APART void between_forbidden_pages(void)
{
    void **memory = map(3 * PAGE, MINE, -1);

    memory[PAGE / 8 + 100] = MAKE(HELD, 311);
    mprotect(memory, PAGE, PROT_NONE);
    mprotect(memory + 2 * PAGE / 8, PAGE, PROT_NONE);
}

static APART void in_unmapped_memory(void)
{
    void **memory = map(PAGE, MINE, -1);

    memory[100] = MAKE(LOST, 312);
    munmap(memory, PAGE);
}

static APART void in_memory_given_back(void)
{
    void **memory = map(16 * PAGE, MINE, -1);

    memory[8 * PAGE / 8 + 100] = MAKE(LOST, 313);
    madvise(memory, 16 * PAGE, MADV_DONTNEED);
}

static APART void in_moved_memory(void)
{
    void **memory = map(2 * PAGE, MINE, -1);

    memory[PAGE / 8 + 100] = MAKE(HELD, 314);
    if (mremap(memory, 2 * PAGE, 400 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED)
        abort();
}

/* As allocators and garbage collectors reserve it. */
static APART void in_a_huge_reservation(void)
{
    size_t size = (size_t)1 << 34;
    char *memory = mmap(NULL, size, PROT_NONE, MINE | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    mprotect(memory + size / 2, PAGE, WRITE);
    ((void **)(memory + size / 2))[100] = MAKE(HELD, 315);
}

static APART void far_in_untouched_memory(void)
{
    void **memory = map((size_t)1 << 28, MINE | MAP_NORESERVE, -1);

    memory[((size_t)1 << 27) / 8] = MAKE(HELD, 316);
}

/* Files that are mapped but shorter now: a look at the rest would be the end. */
static APART void in_a_file_before_its_new_end(void)
{
    int file = file_of(4 * PAGE);
    void **memory = map(4 * PAGE, MAP_PRIVATE, file);

    memory[100] = MAKE(HELD, 317);
    map(4 * PAGE, MAP_SHARED, file)[PAGE / 8] = NULL;
    if (ftruncate(file, PAGE) < 0)
        abort();
}

static APART void chain_over_mappings(void)
{
    void **memory = map(PAGE, MINE, -1), **block = MAKE(HELD, 318);

    memory[5] = (void *)block;
    block[5] = MAKE(HELD, 319);
}

int main(void)
{
    static void (*const functions[])(void) = {
        in_memory,                in_the_last_word,
        in_shared_memory,         in_shared_memory_with_a_name,
        in_system_v_memory,       in_a_file_for_itself,
        in_a_file_for_itself_read_only_now,
        in_a_shared_file,         in_memory_read_only_now,
        in_memory_to_run,         in_a_forbidden_page,
        between_forbidden_pages,  in_unmapped_memory,
        in_memory_given_back,     in_moved_memory,
        in_a_huge_reservation,    far_in_untouched_memory,
        in_a_file_before_its_new_end,
        chain_over_mappings,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
