#!/usr/bin/env bats
# The caches hold what they say they hold, and no more: heapdelta's figures are the
# program's own, to the byte and the block.

load common

# Run SAMPLE ARGUMENTS… and check each "[LABEL] the program counts …" in ./said.
check_counts() {
    local label bytes blocks measured grown_blocks grown_bytes rest checked=0

    traced "$SAMPLES/$1" "${@:2}" >said
    while read -r label bytes blocks measured; do
        read -r grown_blocks grown_bytes rest < <(growth "$(snapshot before)" "$(snapshot "$label")")
        echo "$label: $bytes bytes in $blocks blocks, measured $measured, grown $grown_bytes in $grown_blocks"
        [ "$bytes $bytes $blocks" = "$measured $grown_bytes $grown_blocks" ]
        checked=$((checked + 1))
    done < <(sed -n 's/^  \[\(.*\)\] the program counts \(.*\) bytes in \(.*\) blocks, heapdelta measures \(.*\) bytes$/\1 \2 \3 \4/p' said)
    [ "$checked" -eq "$(grep -c '^  \[' said)" ]
    [ "$checked" -gt 0 ]
}

# Fail unless ./said has each LINE, in this order.
says() {
    local line number=0 next

    for line; do
        next=$(awk -v after="$number" -v line="$line" 'NR > after && $0 == line { print NR; exit }' said)
        [ -n "$next" ] || {
            echo "not said after line $number: $line"
            cat said
            return 1
        }
        number=$next
    done
}

@test "a weak reference leads to its object until that goes" {
    check_counts weak_reference
    says "before: CacheableConfig('app.name', 'MyApp')" \
        "releasing the only strong reference" \
        "callback: app.name is gone" \
        "after: gone"
}

@test "a weak cache empties itself" {
    check_counts weak_cache
    says "same object: yes" \
        "hits 1, misses 1, hit rate 50.0%, size 1" \
        "both have let go" \
        "hits 1, misses 1, hit rate 50.0%, size 0" \
        "hits 1001, misses 1001, hit rate 50.0%, size 1000" \
        "all have let go" \
        "hits 1001, misses 1001, hit rate 50.0%, size 0"
    grep -q '^  \[empty\] the program counts 0 bytes in 0 blocks, heapdelta measures 0 bytes$' said
}

@test "a global cache holds until it is cleared; defaults where the file is missing" {
    check_counts config_cache
    says "agents: no file, defaults" "    max_agents = 4" "    timeout = 30" \
        "quality_rules: no file, defaults" "agents: from the cache" "same object: yes"
    grep -q '^  \[released\] the program counts 0 bytes in 0 blocks, heapdelta measures 0 bytes$' said
}

@test "a global cache reads the file once" {
    mkdir conf
    printf '# comment = no\nmax_agents = 12\n\nname = a b c\nmalformed\n' >conf/agents.conf
    : >conf/quality_rules.conf
    check_counts config_cache conf
    says "agents: loaded from file" "    max_agents = 12" "    name = a b c" \
        "quality_rules: loaded from file" "agents: from the cache"
    [ "$(grep -c '^    ' said)" -eq 2 ]
}

@test "the smart cache: of 1000 entries the 100 pinned remain" {
    check_counts smart_config_cache_demo
    says "hits 0, misses 1000, hit rate 0.0%, evictions 0" \
        "total size 1000: 900 weakly known, 100 pinned" \
        "estimated: 1000 entries of 64 bytes, 64000 bytes" \
        "everybody lets go; only the pinned remain" \
        "total size 100: 0 weakly known, 100 pinned" \
        "estimated: 100 entries of 64 bytes, 6400 bytes"
    ls out | sed 's/.*\.\(0[0-9]*\..*\)\.hds/\1/' >names
    printf '%s\n' 0001.before 0002.filled 0003.dropped 0004.destroyed 0005.exit | diff - names
}

@test "the smart cache: the top 5 of the diff are the lines that made it" {
    traced "$SAMPLES/smart_config_cache_demo" >said
    "$HEAPDELTA" diff --limit 5 "$(snapshot before)" "$(snapshot filled)" >top
    [ "$(grep -c '(+1000), average=' top)" -eq 5 ]
    line=$(line_of smart_config_cache.c 'must(object_init(malloc(sizeof *entry)')
    grep -q "^smart_config_cache.c:$line (config_entry_new) .* count=1000 (+1000), average=64 B\$" top
    "$HEAPDELTA" diff --limit 5 "$(snapshot filled)" "$(snapshot dropped)" >top
    grep -q "^smart_config_cache.c:$line (config_entry_new) .* count=100 (-900), " top
}

@test "the smart cache in other sizes" {
    check_counts smart_config_cache_demo 50 50
    says "total size 50: 0 weakly known, 50 pinned" "total size 50: 0 weakly known, 50 pinned"
    rm -rf out
    check_counts smart_config_cache_demo 50 0
    says "total size 50: 50 weakly known, 0 pinned" "total size 0: 0 weakly known, 0 pinned"
}

@test "pictures are shared, forgotten and freed" {
    check_counts image_cache
    says "20 pictures, each shown twice, no limit:" \
        "hits 20, misses 20, size 20, pictures take 247130 bytes" \
        "hits 20, misses 20, size 0, pictures take 0 bytes" \
        "the same, 5 at most: each is forgotten before it is shown again" \
        "hits 0, misses 40, size 5, pictures take 61785 bytes" \
        "the same, none at all:" \
        "hits 0, misses 40, size 0, pictures take 0 bytes"
}

@test "not traced they say so and do the same" {
    for sample in weak_reference weak_cache config_cache smart_config_cache_demo image_cache; do
        rm -rf out
        traced "$SAMPLES/$sample" | sed 's/heapdelta measures .*/not traced by heapdelta/' >expected
        "$SAMPLES/$sample" | diff expected -
        grep -q 'not traced by heapdelta' expected
    done
}

@test "nothing is left behind" {
    check_clean() {
        valgrind_clean "$SAMPLES/$1" "${@:2}"
        "$SANITIZED/$1_asan" "${@:2}" >/dev/null
    }
    check_clean weak_reference
    check_clean weak_cache 20
    check_clean config_cache
    check_clean smart_config_cache_demo 20 5
    check_clean image_cache
}
