/* The rules of the smart cache: what is pinned, what is evicted, what is counted. */
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "samples/smart_config_cache.h"

/* A script is a row of steps, an operation and a key of one letter:
 *
 *   c key   get or create; the caller keeps what it gets until "d"
 *   C key   the same, keep_strong
 *   g key   get, and let go at once
 *   p key   pin            u key   unpin
 *   d key   the caller lets go of all it has of KEY
 *   x .     clear
 *
 * What the steps said, a letter each: c and C 'n' for a new entry, 'k' for a known one;
 * g, p, u '+' or '-'; d and x '.'. */
static const struct rule {
    const char *name;
    size_t max_size;
    const char *script;
    const char *said;
    struct smart_config_cache_stats stats; /* total_size is the sum */
    const char *pinned;                    /* the keys that remain when all is let go */
} rules[] = {
    {"an empty cache", SMART_CONFIG_CACHE_UNLIMITED, "", "", {0}, ""},
    {"a miss", 5, "ga", "-", {.misses = 1}, ""},
    {"a weak entry lives with its users", 5, "ca ca ga da ga", "nk+.-",
     {.hits = 2, .misses = 2}, ""},
    {"a strong entry needs none", 5, "Ca da ga", "n.+",
     {.hits = 1, .misses = 1, .pinned = 1}, "a"},
    {"keep_strong does not pin a known entry", 5, "ca Ca da ga", "nk.-",
     {.hits = 1, .misses = 2}, ""},
    {"each entry counts once", 5, "ca Cb cc", "nnn",
     {.misses = 3, .weak_refs = 2, .pinned = 1}, "b"},
    {"a missing key can't be pinned", 5, "pa ca da pa", "-n.-", {.misses = 1}, ""},
    {"a miss when pinning is no look-up", 5, "pa pa", "--", {0}, ""},
    {"pin a known entry", 5, "ca pa da ga", "n+.+", {.hits = 1, .misses = 1, .pinned = 1}, "a"},
    {"pin twice", 5, "ca pa pa", "n++", {.misses = 1, .pinned = 1}, "a"},
    {"unpin twice", 5, "Ca ua ua", "n+-", {.misses = 1, .weak_refs = 1}, ""},
    {"unpin a missing key", 5, "ua", "-", {0}, ""},
    {"unpin what is only weakly known", 5, "ca ua", "n-", {.misses = 1, .weak_refs = 1}, ""},
    {"unpinned goes with its last user", 5, "Ca da ua ga", "n.+-", {.misses = 2}, ""},
    {"pinning and unpinning are no access", 2, "Ca Cb ua pa ua pa gb Cc", "nn+++++n",
     {.hits = 1, .misses = 3, .weak_refs = 1, .pinned = 2, .evictions = 1}, "bc"},

    {"the least accessed is evicted", 2, "Ca Cb ga Cc", "nn+n",
     {.hits = 1, .misses = 3, .weak_refs = 1, .pinned = 2, .evictions = 1}, "ac"},
    {"of equals, the one pinned first", 2, "Ca Cb Cc", "nnn",
     {.misses = 3, .weak_refs = 1, .pinned = 2, .evictions = 1}, "bc"},
    {"of equals after accesses", 3, "Ca Cb Cc gc gb ga Cd", "nnn+++n",
     {.hits = 3, .misses = 4, .weak_refs = 1, .pinned = 3, .evictions = 1}, "bcd"},
    {"pinned anew is pinned last", 2, "Ca Cb ua pa Cc", "nn++n",
     {.misses = 3, .weak_refs = 1, .pinned = 2, .evictions = 1}, "ac"},
    {"an evicted entry lives with its users", 1, "Ca Cb ga db gb", "nn+.+",
     {.hits = 2, .misses = 2, .weak_refs = 1, .pinned = 1, .evictions = 1}, "b"},
    {"an evicted entry without users is gone", 1, "Ca da Cb ga", "n.n-",
     {.misses = 3, .pinned = 1, .evictions = 1}, "b"},
    {"weak entries are not limited", 1, "ca cb cc", "nnn", {.misses = 3, .weak_refs = 3}, ""},
    {"to pin the one pinned entry evicts it for a moment", 1, "Ca pa", "n+",
     {.misses = 1, .pinned = 1, .evictions = 1}, "a"},
    {"to pin a pinned entry of a full cache evicts another", 2, "Ca Cb gb pb", "nn++",
     {.hits = 1, .misses = 2, .weak_refs = 1, .pinned = 1, .evictions = 1}, "b"},
    {"limit 0 keeps the last one", 0, "Ca Cb Cc", "nnn",
     {.misses = 3, .weak_refs = 2, .pinned = 1, .evictions = 2}, "c"},
    {"limit 0, pin", 0, "ca cb pa pb pb", "nn+++",
     {.misses = 2, .weak_refs = 1, .pinned = 1, .evictions = 2}, "b"},
    {"limit 1", 1, "Ca Cb Cc ga gb gc", "nnn+++",
     {.hits = 3, .misses = 3, .weak_refs = 2, .pinned = 1, .evictions = 2}, "c"},
    {"no limit", SMART_CONFIG_CACHE_UNLIMITED, "Ca Cb Cc Cd Ce", "nnnnn",
     {.misses = 5, .pinned = 5}, "abcde"},

    {"clear forgets also what is in use", 5, "Ca cb x. ga gb", "nn.--", {.misses = 4}, ""},
    {"clear keeps the counts", 1, "Ca ga Cb x. Cb", "n+n.n",
     {.hits = 1, .misses = 3, .pinned = 1, .evictions = 1}, "b"},
};

enum { HELD_MAX = 32 };

static bool created;

static struct config_entry *create(const char *key, void *data)
{
    (void)data;
    created = true;
    return config_entry_new(key, "value", NULL);
}

static void plays_by(const struct rule *rule)
{
    struct smart_config_cache *cache = smart_config_cache_create(rule->max_size);
    struct config_entry *held[HELD_MAX];
    char held_key[HELD_MAX];
    size_t held_count = 0;
    char said[64] = "";
    struct smart_config_cache_stats stats;
    struct smart_config_cache_memory memory;
    char pinned[32] = "";

    for (const char *step = rule->script; *step; step += step[2] ? 3 : 2) {
        char key[2] = {step[1], '\0'};
        struct config_entry *entry = NULL;
        char answer = '.';

        if (tolower(step[0]) == 'c') {
            created = false;
            entry = smart_config_cache_get_or_create(cache, key, create, NULL, step[0] == 'C');
            assert_true(held_count < HELD_MAX);
            held_key[held_count] = key[0];
            held[held_count++] = entry;
            answer = created ? 'n' : 'k';
            assert_string_equal(entry->key, key);
        } else if (step[0] == 'g') {
            entry = smart_config_cache_get(cache, key);
            answer = entry ? '+' : '-';
            object_release(entry);
        } else if (step[0] == 'p') {
            answer = smart_config_cache_pin(cache, key) ? '+' : '-';
        } else if (step[0] == 'u') {
            answer = smart_config_cache_unpin(cache, key) ? '+' : '-';
        } else if (step[0] == 'd') {
            for (size_t i = 0; i < held_count; i++)
                if (held_key[i] == key[0]) {
                    object_release(held[i]);
                    held[i] = NULL;
                }
        } else {
            smart_config_cache_clear(cache);
        }
        said[strlen(said)] = answer;
    }
    assert_string_equal(said, rule->said);

    smart_config_cache_stats(cache, &stats);
    assert_int_equal(stats.hits, rule->stats.hits);
    assert_int_equal(stats.misses, rule->stats.misses);
    assert_int_equal(stats.weak_refs, rule->stats.weak_refs);
    assert_int_equal(stats.pinned, rule->stats.pinned);
    assert_int_equal(stats.evictions, rule->stats.evictions);
    assert_int_equal(stats.total_size, stats.weak_refs + stats.pinned);
    assert_true(stats.hit_rate ==
                (stats.hits ? (double)stats.hits / (double)(stats.hits + stats.misses) : 0));
    smart_config_cache_memory_usage(cache, &memory);
    assert_int_equal(memory.entry_count, stats.total_size);
    assert_int_equal(memory.per_entry_bytes, stats.total_size ? sizeof(struct config_entry) : 0);
    assert_int_equal(memory.estimated_bytes, memory.entry_count * memory.per_entry_bytes);

    for (size_t i = 0; i < held_count; i++)
        object_release(held[i]);
    for (char key[2] = "a"; key[0] <= 'z'; key[0]++) {
        struct config_entry *entry = smart_config_cache_get(cache, key);

        if (entry)
            strcat(pinned, key);
        object_release(entry);
    }
    assert_string_equal(pinned, rule->pinned);
    smart_config_cache_destroy(cache);
}

static void plays_by_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        print_message("# %s\n", rules[i].name);
        plays_by(&rules[i]);
    }
}

static void an_entry_has_what_it_was_made_of(void **state)
{
    struct config_entry *entry = config_entry_new("key", "value", "env");
    struct footprint footprint = {0};

    (void)state;
    assert_string_equal(entry->key, "key");
    assert_string_equal(entry->value, "value");
    assert_string_equal(entry->source, "env");
    assert_true(entry->loaded_at > 0);
    assert_int_equal(entry->access_count, 0);
    config_entry_footprint(entry, &footprint);
    assert_int_equal(footprint.blocks, 4);
    assert_int_equal(footprint.requested, sizeof *entry + 4 + 6 + 4);
    object_release(entry);
    smart_config_cache_destroy(NULL);
}

static void accesses_are_counted(void **state)
{
    struct smart_config_cache *cache = smart_config_cache_create(1);
    struct config_entry *entry = smart_config_cache_get_or_create(cache, "a", create, NULL, true);

    (void)state;
    assert_int_equal(entry->access_count, 0);
    object_release(smart_config_cache_get(cache, "a"));
    object_release(smart_config_cache_get_or_create(cache, "a", create, NULL, true));
    smart_config_cache_pin(cache, "a");
    smart_config_cache_unpin(cache, "a");
    assert_int_equal(entry->access_count, 2);
    object_release(entry);
    smart_config_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_by_the_rules),
        cmocka_unit_test(an_entry_has_what_it_was_made_of),
        cmocka_unit_test(accesses_are_counted),
    };

    return cmocka_run_group_tests_name("smart_config_cache", tests, NULL, NULL);
}
