#!/usr/bin/env bats
# The program's allocator behaves as if nobody watched.

load common

@test "sizes and alignments at the edges, and errno" {
    same_as_native "$PROGRAMS/allocator_edges"
    [ "$(wc -l <native.out)" -gt 100 ]
    snapshots_add_up
}

@test "mallopt, M_PERTURB, malloc_trim, mallinfo2, malloc_info, malloc_stats" {
    same_as_native "$PROGRAMS/tunables"
    grep "fresh 5a 5a" native.out
    GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=7 MALLOC_ARENA_MAX=1 \
        same_as_native "$PROGRAMS/tunables"
    snapshots_add_up
}

@test "100,000 random calls" {
    for seed in 1 2 3; do
        same_as_native "$PROGRAMS/random_calls" "$seed"
        [ "$(wc -l <native.out)" -ge 100000 ]
    done
    snapshots_add_up
}

# A million calls by PROGRAM, in as many pieces as there are seeds.
a_million() {
    for seed in 1 2 3 4 5; do
        same_as_native "$PROGRAMS/$1" "$seed" 200000 digest
        [ "$(wc -l <native.out)" -eq 20 ]
    done
}

@test "1,000,000 random calls" { a_million random_calls; }

@test "1,000,000 random calls of new and delete" {
    [ -e "$PROGRAMS/random_new" ] || skip "no C++ compiler"
    same_as_native "$PROGRAMS/random_new"
    grep -q "thrown, handled 1" native.out
    a_million random_new
}

@test "random calls under heapdelta run" {
    "$PROGRAMS/random_calls" >native.out
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$PROGRAMS/random_calls" >traced.out
    cmp native.out traced.out
}
