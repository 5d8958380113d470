/* live_domains.h - the live blocks of other domains: what the program says that it has allocated.
 *
 * Domain 0 is the allocator, whose blocks are in the live table. Each of the others,
 * known from its first block on, has a table of its own: a block is found by its domain and
 * its address. Threads and memory as with live.h; each domain takes 8 KiB and more.
 */
#ifndef PRELOAD_LIVE_DOMAINS_H
#define PRELOAD_LIVE_DOMAINS_H

#include "preload/live_block.h"

#include <stdbool.h>

#define LIVE_DOMAINS 1024u /* at most; to find one of them takes a look at the others */

/* Put BLOCK into DOMAIN. A block already known there is replaced and copied to OUT_REPLACED
 * (address 0: there was none). False on lack of memory or of domains. */
bool live_domains_add(uint32_t domain, const struct live_block *block,
                      struct live_block *out_replaced);

/* Take the block at ADDRESS out of DOMAIN into OUT_BLOCK. False if none is known. */
bool live_domains_remove(uint32_t domain, uintptr_t address, struct live_block *out_block);

/* How many blocks there are; about. */
uint64_t live_domains_count(void);

/* Call EACH for every block, in no order. Call with the gate closed, this and the next. */
void live_domains_each(void (*each)(void *context, const struct live_block *block), void *context);

/* Forget all blocks. */
void live_domains_clear(void);

#endif
