#include "model/account.h"

#define HEADER_SIZE 8u

struct account account_find(const struct heap *heap)
{
    const struct snapshot_account *numbers = heap->account;
    const struct snapshot_memory *memory = heap->memory;
    struct account account = {
        .has_usable = heap->process->flags & SNAPSHOT_HAS_USABLE &&
                      numbers->usable_bytes >= numbers->live_bytes,
        .has_memory = memory != NULL,
        .resident = numbers->rss,
        .tracer = numbers->tracer_bytes,
        .requested = numbers->live_bytes,
    };
    uint64_t blocks, parts;

    if (account.has_usable) {
        account.rounding = numbers->usable_bytes - numbers->live_bytes;
        account.headers = HEADER_SIZE * numbers->live_blocks;
    }
    if (!memory)
        return account;
    if (memory[SNAPSHOT_MEMORY_ALL].resident)
        account.resident = memory[SNAPSHOT_MEMORY_ALL].resident;
    account.proportional = memory[SNAPSHOT_MEMORY_ALL].proportional;
    account.swapped = memory[SNAPSHOT_MEMORY_ALL].swapped;
    account.heap = memory[SNAPSHOT_MEMORY_HEAP].resident;
    account.module = memory[SNAPSHOT_MEMORY_MODULE].resident;
    account.stack = memory[SNAPSHOT_MEMORY_STACK].resident;
    account.file = memory[SNAPSHOT_MEMORY_FILE].resident;
    account.shared = memory[SNAPSHOT_MEMORY_SHARED].resident;
    account.other = memory[SNAPSHOT_MEMORY_OTHER].resident;
    blocks = account.requested + account.rounding + account.headers;
    account.kept = account.heap > blocks ? account.heap - blocks : 0;
    account.tracer = memory[SNAPSHOT_MEMORY_TRACER].resident;
    parts = blocks + account.kept + account.tracer + account.module + account.stack +
            account.file + account.shared + account.other;
    account.unexplained = account.resident > parts ? account.resident - parts : 0;
    account.surplus = parts > account.resident ? parts - account.resident : 0;
    return account;
}
