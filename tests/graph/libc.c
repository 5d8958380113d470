/* libc.c - blocks that the C library holds, or hands out for the caller to keep. */
#include "truth.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <iconv.h>
#include <libintl.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <search.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void nothing(void)
{
}

static void nothing_with(int status, void *argument)
{
    (void)status;
    (void)argument;
}

/* It is in the library's list of streams. */
static APART void forgotten_stream(void)
{
    FILE *stream = fopen("/dev/null", "w");

    truth_any(__func__, HELD);
    fputs("text", stream);
}

static APART void kept_stream(void)
{
    static FILE *volatile kept;

    truth_any(__func__, HELD);
    kept = fopen("/dev/null", "r");
    (void)getc(kept);
}

static APART FILE *stream_of_buffer(void)
{
    truth_any(__func__, HELD);
    return fopen("/dev/null", "w");
}

static APART void buffer_of_ours(void)
{
    setvbuf(stream_of_buffer(), MAKE(HELD, 4000), _IOFBF, 4000);
}

static APART void memory_stream(void)
{
    static char *text;
    static size_t size;
    FILE *stream = open_memstream(&text, &size);

    truth_any(__func__, LOST); /* the stream: this kind is in no list */
    truth_any(__func__, HELD); /* the text */
    fputs("some text", stream);
    fflush(stream);
}

static APART void forgotten_directory(void)
{
    truth_any(__func__, LOST);
    (void)opendir("/");
}

static APART void locale(void)
{
    truth_any(__func__, HELD);
    setlocale(LC_ALL, "C.UTF-8");
}

static APART void kept_locale(void)
{
    static locale_t volatile kept;

    truth_any(__func__, HELD);
    kept = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
}

/* There is room for 32 in a variable of the library. */
static APART void at_exit(void)
{
    truth_any(__func__, HELD);
    for (int i = 0; i < 100; i++)
        atexit(nothing);
}

static APART void argument_at_exit(void)
{
    on_exit(nothing_with, MAKE(HELD, 601));
}

static APART void forgotten_library(void)
{
    truth_any(__func__, HELD);
    (void)dlopen(getenv("PLUGIN"), RTLD_NOW);
}

static APART void variable_of_the_environment(void)
{
    truth_any(__func__, HELD);
    setenv("SOME_VARIABLE", "a value", 1);
}

static APART void compiled_pattern(void)
{
    static regex_t kept;

    truth_any(__func__, HELD);
    if (regcomp(&kept, "a(b|c)*[d-f]+", REG_EXTENDED) != 0)
        abort();
}

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* The lowest bit of its pointers says the colour, so half of them point inside; that is none of the
 * caller's business, and one in the root is a start. */
static APART void search_tree(void)
{
    static void *kept;

    truth_any(__func__, HELD);
    tsearch("one", &kept, compare);
}

static APART void hash_table(void)
{
    truth_any(__func__, HELD);
    hcreate(100);
}

static APART void time_zone(void)
{
    truth_any(__func__, HELD);
    setenv("TZ", "Europe/Vienna", 1);
    tzset();
}

static APART void domain_of_texts(void)
{
    truth_any(__func__, HELD);
    bindtextdomain("domain", "/nowhere");
    textdomain("domain");
}

static APART void forgotten_addresses(void)
{
    struct addrinfo *addresses, hints = {.ai_flags = AI_NUMERICHOST};

    if (getaddrinfo("127.0.0.1", "80", &hints, &addresses) != 0)
        abort();
    addresses = NULL;
    truth_any(__func__, LOST);
    truth_any(__func__, WITH_LOST);
}

static APART void line(void)
{
    static char *kept;
    static size_t size;
    FILE *stream = fmemopen((void *)(size_t)"some text\n", 10, "r");

    truth_any(__func__, HELD);
    if (getline(&kept, &size, stream) < 0)
        abort();
    fclose(stream);
}

static void *unused_thread(void *unused)
{
    return unused;
}

/* The table of its areas is kept with the stack. */
static APART void ended_thread(void)
{
    pthread_t thread;

    truth_any(__func__, HELD);
    if (pthread_create(&thread, NULL, unused_thread, NULL) != 0)
        abort();
    pthread_join(thread, NULL);
}

static APART void forgotten_working_directory(void)
{
    truth_any(__func__, LOST);
    (void)getcwd(NULL, 0);
}

static APART void named_semaphore(void)
{
    char name[40];

    truth_any(__func__, HELD);
    snprintf(name, sizeof name, "/truth-%07d", (int)getpid());
    if (sem_open(name, O_CREAT, 0600, 0) == SEM_FAILED)
        abort();
    sem_unlink(name);
}

static APART void conversion(void)
{
    static iconv_t volatile kept;

    truth_any(__func__, HELD);
    kept = iconv_open("UTF-8", "UTF-16LE");
}

int main(void)
{
    static void (*const functions[])(void) = {
        forgotten_stream,     kept_stream,      buffer_of_ours,     memory_stream,
        forgotten_directory,  locale,           kept_locale,        at_exit,
        argument_at_exit,     forgotten_library, variable_of_the_environment,
        compiled_pattern,     search_tree,      hash_table,         time_zone,
        domain_of_texts,      forgotten_addresses, line,            ended_thread,
        forgotten_working_directory,            named_semaphore,    conversion,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    _exit(0); /* or else the lists for exit() would be worked off */
}
