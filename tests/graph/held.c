/* held.c - blocks that are held: by each kind of variable, and through other blocks. */
#include "truth.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct node {
    struct node *next, *previous;
    void *data;
};

#define NODE sizeof(struct node)
#define PAGE 4096

void *volatile global;
static void *volatile first_holder;

static APART void by_global(void)
{
    global = MAKE(HELD, 100);
}

static APART void by_static_local(void)
{
    static void *volatile kept;

    kept = MAKE(HELD, 101);
}

/* With a value at start, so that it lies elsewhere. */
static APART void by_initialized(void)
{
    static void *volatile kept[3] = {(void *)&global, (void *)&global, (void *)&global};

    kept[1] = MAKE(HELD, 102);
}

static APART void by_array(void)
{
    static void *volatile kept[100];

    for (int i = 0; i < 100; i++)
        kept[i] = MAKE(HELD, 16);
}

static APART void by_field(void)
{
    static struct {
        char name[11];
        struct {
            int number;
            void *data;
        } inner[3];
    } kept;

    kept.inner[2].data = MAKE(HELD, 103);
    __asm__ volatile("" : : "r"(&kept) : "memory");
}

static APART void by_variable_made_read_only(void)
{
    static struct {
        void *volatile pointer;
        char rest[PAGE - 8];
    } kept __attribute__((aligned(PAGE)));

    kept.pointer = MAKE(HELD, 104);
    mprotect(&kept, PAGE, PROT_READ);
}

static APART void by_thread_local(void)
{
    static __thread void *volatile kept;

    kept = MAKE(HELD, 105);
}

static APART void by_thread_local_with_value(void)
{
    static __thread void *volatile kept[2] = {(void *)&global};

    kept[1] = MAKE(HELD, 106);
}

static APART void *open_plugin(void)
{
    void *plugin = dlopen(getenv("PLUGIN"), RTLD_NOW | RTLD_LOCAL);

    if (!plugin)
        abort();
    truth_any(__func__, HELD);
    return plugin;
}

static void call(void *plugin, const char *name, void *block)
{
    void (*function)(void *) = NULL;

    *(void **)&function = dlsym(plugin, name);
    function(block);
}

static APART void by_plugin(void)
{
    call(open_plugin(), "plugin_keep", MAKE(HELD, 107));
}

static APART void by_thread_local_of_plugin(void)
{
    truth_any(__func__, HELD); /* with what the loader makes of the look-up */
    call(open_plugin(), "plugin_keep_in_thread", malloc(108));
}

static APART void by_key(void)
{
    pthread_key_t key = 0;

    pthread_key_create(&key, NULL);
    pthread_setspecific(key, MAKE(HELD, 109));
}

/* The first 32 keys lie elsewhere. */
static APART void by_high_key(void)
{
    pthread_key_t key = 0;

    for (int i = 0; i < 100; i++)
        pthread_key_create(&key, NULL);
    truth_any(__func__, HELD); /* with the table of keys */
    pthread_setspecific(key, malloc(110));
}

static APART void by_list(void)
{
    static struct node *volatile kept;

    for (int i = 0; i < 1000; i++) {
        struct node *node = MAKE(HELD, NODE);

        node->data = MAKE(HELD, 5);
        node->next = kept;
        kept = node;
    }
}

static APART void by_ring(void)
{
    static struct node kept = {&kept, &kept, NULL};

    for (int i = 0; i < 100; i++) {
        struct node *node = MAKE(HELD, NODE);

        node->next = kept.next;
        node->previous = &kept;
        kept.next->previous = node;
        kept.next = node;
    }
}

static APART struct node *grow(int depth)
{
    struct node *node = MAKE(HELD, NODE);

    if (depth > 1) {
        node->next = grow(depth - 1);
        node->previous = grow(depth - 1);
    }
    return node;
}

static APART void by_tree(void)
{
    static struct node *volatile kept;

    kept = grow(8);
}

static APART void by_the_last_word(void)
{
    static void *volatile kept;
    void **block = MAKE(HELD, 808);

    block[100] = MAKE(HELD, 111);
    kept = (void *)block;
}

/* Of a block whose size is no multiple of a word the rest can't hold a pointer. */
static APART void by_odd_sizes(void)
{
    static void *volatile kept[8];

    for (size_t i = 0; i < 8; i++) {
        void **block = MAKE(HELD, 24 + i);

        block[2] = MAKE(HELD, 112);
        kept[i] = (void *)block;
    }
}

static APART void by_large_block(void)
{
    static void *volatile kept;
    void **block = MAKE(HELD, 4000000);

    block[300000] = MAKE(HELD, 113);
    block[499999] = MAKE(HELD, 114);
    kept = (void *)block;
}

static APART void by_moved_block(void)
{
    static void *volatile kept;
    void **block = calloc(1, 3000);

    block[300] = MAKE(HELD, 115);
    for (size_t size = 3000; size <= 48000000; size *= 2) {
        block = realloc(block, size);
        kept = (void *)block;
    }
    truth_add(__func__, HELD, 1, 3000 << 13);
    kept = realloc(kept, 3000 << 13);
}

static APART void by_aligned_block(void)
{
    static void *volatile kept[3];

    for (int i = 0; i < 3; i++) {
        void **block = memalign((size_t)64 << 4 * i, 1000);

        truth_add(__func__, HELD, 1, 1000);
        memset(block, 0, 1000);
        block[124] = MAKE(HELD, 116);
        kept[i] = (void *)block;
    }
}

static APART void of_size_zero(void)
{
    static void *volatile kept;

    truth_add(__func__, HELD, 1, 0);
    kept = malloc(0);
}

static APART void by_argument(char **argv)
{
    argv[0] = MAKE(HELD, 117);
    strcpy(argv[0], "held");
}

static APART void by_environment(void)
{
    char *text = calloc(1, 118);

    truth_any(__func__, HELD);
    strcpy(text, "A_VARIABLE=of ours");
    putenv(text);
}

/* Memory between blocks that is the program's, not malloc's. */
static APART void by_sbrk(void)
{
    void **mine = sbrk(PAGE);

    if (mine == (void **)-1)
        return;
    memset(mine, 0, PAGE);
    mine[17] = MAKE(HELD, 119);
}

static APART void by_sbrk_at_the_end(void)
{
    void **mine = sbrk(64 * PAGE);

    if (mine == (void **)-1)
        return;
    mine[20 * PAGE / 8] = MAKE(HELD, 120);
}

/* Blocks of the main heap lie behind what the program took of it. */
static APART void between_sbrks(void)
{
    static void *volatile kept[200];

    for (int i = 0; i < 200; i++)
        kept[i] = MAKE(HELD, 2000);
}

static APART void untouched(void)
{
    static void *volatile kept;

    kept = MAKE(HELD, (size_t)300 << 20);
}

int main(int argc, char **argv)
{
    static void (*const functions[])(void) = {
        by_global,          by_static_local,     by_initialized,             by_array,
        by_field,           by_variable_made_read_only,                      by_thread_local,
        by_thread_local_with_value,              by_plugin,                  by_thread_local_of_plugin,
        by_key,             by_high_key,         by_list,                    by_ring,
        by_tree,            by_the_last_word,    by_odd_sizes,               by_large_block,
        by_moved_block,     by_aligned_block,    of_size_zero,               by_environment,
        untouched,          by_sbrk,             between_sbrks,              by_sbrk_at_the_end,
    };
    void *volatile on_stack[20] = {NULL};

    (void)argc;
    TRUTH_RUN_ALL(functions);
    by_argument(argv);
    on_stack[10] = MAKE(HELD, 121);
    first_holder = NULL;
    truth_print();
    exit(on_stack[10] == NULL);
}
