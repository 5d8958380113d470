#include "preload/live_domains.h"

#include "preload/arena.h"
#include "preload/live_hash.h"
#include "preload/lock.h"

struct domain {
    struct domain *next; /* never changes */
    uint32_t number;
    struct live_hash blocks;
};

static struct domain *_Atomic domains;
static struct lock lock; /* held to add one */
static uint32_t count;

static struct domain *find(uint32_t number)
{
    struct domain *domain = atomic_load_explicit(&domains, memory_order_acquire);

    while (domain && domain->number != number)
        domain = domain->next;
    return domain;
}

/* The domain NUMBER, made if need be. NULL on lack of memory or of domains. */
static struct domain *make(uint32_t number)
{
    struct domain *domain = find(number);

    if (domain)
        return domain;
    lock_take(&lock);
    domain = find(number);
    if (!domain && count < LIVE_DOMAINS)
        domain = arena_map(sizeof *domain, ARENA_BLOCKS);
    if (domain && domain->number != number) {
        domain->number = number;
        domain->next = atomic_load_explicit(&domains, memory_order_relaxed);
        atomic_store_explicit(&domains, domain, memory_order_release);
        count++;
    }
    lock_release(&lock);
    return domain;
}

bool live_domains_add(uint32_t domain, const struct live_block *block,
                      struct live_block *out_replaced)
{
    struct domain *in = make(domain);

    return in && live_hash_add(&in->blocks, block, out_replaced);
}

bool live_domains_remove(uint32_t domain, uintptr_t address, struct live_block *out_block)
{
    struct domain *in = find(domain);

    return in && live_hash_remove(&in->blocks, address, out_block);
}

uint64_t live_domains_count(void)
{
    uint64_t blocks = 0;

    for (struct domain *domain = domains; domain; domain = domain->next)
        blocks += live_hash_count(&domain->blocks);
    return blocks;
}

void live_domains_each(void (*each)(void *context, const struct live_block *block), void *context)
{
    for (struct domain *domain = domains; domain; domain = domain->next)
        live_hash_each(&domain->blocks, each, context);
}

void live_domains_clear(void)
{
    for (struct domain *domain = domains; domain; domain = domain->next)
        live_hash_clear(&domain->blocks);
}
