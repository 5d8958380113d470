#include "child.h"

#include "preload/arena.h"
#include "preload/live_domains.h"

#include <pthread.h>

#define ADDRESS 0x500000000000u

static bool add(uint32_t domain, uintptr_t address, size_t size, struct live_block *out_replaced)
{
    return live_domains_add(domain, &(struct live_block){ address, size, 3, 4 }, out_replaced);
}

static void a_block_is_known_by_its_domain_and_address(void **state)
{
    struct live_block block;

    (void)state;
    assert_false(live_domains_remove(1, ADDRESS, &block));
    for (uint32_t domain = 1; domain < 40; domain++)
        for (uintptr_t i = 0; i < 20; i++) { /* any address, not as malloc's */
            assert_true(add(domain, ADDRESS + i, domain * 100 + i, &block));
            assert_int_equal(block.address, 0);
        }
    for (uint32_t domain = 1; domain < 40; domain += 2)
        for (uintptr_t i = 0; i < 20; i++) {
            assert_true(live_domains_remove(domain, ADDRESS + i, &block));
            assert_int_equal(block.address, ADDRESS + i);
            assert_int_equal(block.size, domain * 100 + i);
            assert_int_equal(block.stack, 3);
            assert_int_equal(block.epoch, 4);
            assert_false(live_domains_remove(domain, ADDRESS + i, &block));
        }
    assert_true(live_domains_remove(2, ADDRESS + 19, &block));
    assert_int_equal(block.size, 219);
}

static void the_second_replaces_the_first(void **state)
{
    struct live_block block;

    (void)state;
    assert_true(add(UINT32_MAX, 1, 10, &block));
    assert_true(add(UINT32_MAX, 1, 20, &block));
    assert_int_equal(block.address, 1);
    assert_int_equal(block.size, 10);
    assert_true(live_domains_remove(UINT32_MAX, 1, &block));
    assert_int_equal(block.size, 20);
}

static void sum_up(void *context, const struct live_block *block)
{
    *(uint64_t *)context += block->size;
}

static uint64_t sum(void)
{
    uint64_t size = 0;

    live_domains_each(sum_up, &size);
    return size;
}

static void all_are_listed_and_forgotten(void **state)
{
    struct live_block block;

    (void)state;
    for (uint32_t domain = 1; domain <= 5; domain++)
        for (uintptr_t i = 1; i <= 100; i++)
            assert_true(add(domain, i * 16, domain, &block));
    assert_int_equal(sum(), 100 * (1 + 2 + 3 + 4 + 5));
    live_domains_clear();
    assert_int_equal(sum(), 0);
    assert_false(live_domains_remove(1, 16, &block));
    assert_true(add(1, 16, 7, &block));
    assert_int_equal(sum(), 7);
}

static void there_is_a_limit(void **state)
{
    struct live_block block;

    (void)state;
    for (uint32_t domain = 1; domain <= LIVE_DOMAINS; domain++)
        assert_true(add(domain, 16, 1, &block));
    assert_false(add(LIVE_DOMAINS + 1, 16, 1, &block));
    assert_true(add(LIVE_DOMAINS, 32, 1, &block));
    assert_int_equal(sum(), LIVE_DOMAINS + 1);
}

static bool add_with_lack(void)
{
    struct live_block block;
    bool all = true;

    for (uint32_t domain = 1; domain <= 3; domain++)
        all &= add(domain, 16, 1, &block);
    arena_fail_after(0);
    for (uint32_t domain = 1; domain <= 3; domain++)
        assert_true(add(domain, 16, 1, &block));
    assert_int_equal(sum(), 3);
    return all;
}

static void without_memory_a_block_is_not_known(void **state)
{
    (void)state;
    child_starve(add_with_lack);
}

#define ROUNDS 20000u

/* New domains while others look for theirs; each thread has addresses of its own. */
static void *work(void *number)
{
    uintptr_t own = (uintptr_t)number;
    struct live_block block;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t domain = i * LIVE_DOMAINS / 2 / ROUNDS + i % 8 + 1;

        assert_true(add(domain, own, i, &block));
        assert_int_equal(block.address, 0);
        assert_true(live_domains_remove(domain, own, &block));
        assert_int_equal(block.size, i);
    }
    return NULL;
}

static void threads_share_domains(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sum(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(a_block_is_known_by_its_domain_and_address),
        child_test(the_second_replaces_the_first),
        child_test(all_are_listed_and_forgotten),
        child_test(there_is_a_limit),
        cmocka_unit_test(without_memory_a_block_is_not_known),
        child_test(threads_share_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
