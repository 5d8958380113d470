/* thread_ends.cpp - threads whose destructors allocate, after the thread's function.
 *
 * 20 threads, one after the other, then 20 at once. Each keeps for ever: a block
 * of 131 bytes from the destructor of a C++ thread_local, and four of 132 from
 * the four rounds of a pthread key's destructor. Each also frees, in these
 * destructors, what it allocated while it ran. Prints "SIZE COUNT".
 */
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>

static pthread_key_t key;

struct last_words {
    void *of_the_thread = nullptr;

    ~last_words()
    {
        free(of_the_thread);
        void *volatile kept = malloc(131);
        (void)kept;
    }
};

static thread_local last_words words;

static void key_destructor(void *value)
{
    long rounds_left = *static_cast<long *>(value);

    free(value);
    void *volatile kept = malloc(132);
    (void)kept;
    if (rounds_left > 1) {
        long *next = static_cast<long *>(malloc(sizeof(long)));
        *next = rounds_left - 1;
        pthread_setspecific(key, next);
    }
}

static void *thread_main(void *)
{
    long *rounds = static_cast<long *>(malloc(sizeof(long)));

    *rounds = PTHREAD_DESTRUCTOR_ITERATIONS;
    pthread_setspecific(key, rounds);
    words.of_the_thread = malloc(1000);
    return nullptr;
}

int main()
{
    pthread_t threads[20];

    pthread_key_create(&key, key_destructor);
    for (pthread_t &thread : threads) {
        if (pthread_create(&thread, nullptr, thread_main, nullptr) != 0)
            return 1;
        pthread_join(thread, nullptr);
    }
    for (pthread_t &thread : threads)
        if (pthread_create(&thread, nullptr, thread_main, nullptr) != 0)
            return 1;
    for (pthread_t &thread : threads)
        pthread_join(thread, nullptr);
    printf("131 40\n132 160\n");
    return 0;
}
