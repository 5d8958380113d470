/* known.cpp - loses blocks in functions of its own, each by another way, and carries suppressions
 * for one of them with it. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))

static void *volatile sink;

extern "C" {

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "# known to the program itself\nleak:lost_known_to_program\n";
}

APART void lost_by_malloc(void)
{
    sink = malloc(10);
}

APART void lost_by_calloc(void)
{
    sink = calloc(2, 10);
}

APART void lost_by_realloc(void)
{
    sink = realloc(NULL, 30);
}

APART void lost_by_strdup(void)
{
    sink = strdup("thirty-nine letters and a zero are here");
}

APART static void deeper(int depth)
{
    if (depth > 0)
        deeper(depth - 1);
    else
        sink = malloc(50);
    sink = NULL;
}

APART void lost_deep(void)
{
    deeper(5);
}

APART void lost_known_to_program(void)
{
    sink = malloc(60);
}

struct node {
    node *next;
    char rest[62];
};

/* One lost directly, one with it. */
APART void lost_list(void)
{
    node *first = (node *)calloc(1, sizeof(node));

    first->next = (node *)calloc(1, sizeof(node));
    sink = first;
}
}

namespace app {

struct Cache {
    APART void fill(int size);
    APART void *operator()(int size);
};

void Cache::fill(int size)
{
    sink = new char[(size_t)size];
}

void *Cache::operator()(int size)
{
    return ::operator new((size_t)size);
}

template <typename T> struct Pool {
    APART void lend();
};

template <typename T> void Pool<T>::lend()
{
    sink = new T;
}

template struct Pool<double>;
}

/* So that no pointer stays behind. */
APART static void wipe(void)
{
    char room[4096];

    memset(room, 0, sizeof(room));
    asm volatile("" : : "r"(room) : "memory");
}

int main(void)
{
    app::Cache cache;
    app::Pool<double> pool;

    lost_by_malloc();
    lost_by_calloc();
    lost_by_realloc();
    lost_by_strdup();
    lost_deep();
    lost_known_to_program();
    lost_list();
    cache.fill(80);
    sink = cache(90);
    pool.lend();
    sink = NULL;
    wipe();
    return 0;
}
