#!/usr/bin/env bats
# What each stack held at the peak, and what it allocated for a moment only, by the program's
# own books.

load common

# What the snapshot says of the sites of peaks.c, as the program does.
sites() {
    "$HEAPDELTA" stats --group-by function --limit 0 --format csv --sort name \
        --columns allocations,temporary,peak_bytes,peak_blocks "$(snapshot exit)" >sites.csv
    $PYTHON - sites.csv <<'END'
import csv, sys
for row in csv.DictReader(open(sys.argv[1])):
    if row.get("function", "").startswith("site_"):
        print(*(row[key] for key in ("function", "allocations", "temporary", "peak_bytes", "peak_blocks")))
END
}

@test "one thread: exact, whatever it does" {
    for seed in 1 2 3 4 5 6 7 8; do
        traced "$PROGRAMS/peaks" "$seed" >truth
        [ "$(wc -l <truth)" -eq 8 ]
        diff -u truth <(sites)
        snapshots_add_up
        rm "$OUT"/*
    done
}

@test "one thread: also after the peak was reset" {
    for seed in 11 12 13 14; do
        traced "$PROGRAMS/peaks" "$seed" reset >truth
        diff -u truth <(sites)
        snapshots_add_up
        rm "$OUT"/*
    done
}

@test "a snapshot by the way changes nothing" {
    for seed in 21 22; do
        HEAPDELTA_GROWTH=100000 traced "$PROGRAMS/peaks" "$seed" >truth
        [ "$(ls "$OUT" | wc -l)" -gt 3 ]
        diff -u truth <(sites)
        snapshots_add_up
        rm "$OUT"/*
    done
}

@test "the sum of what stacks held at the peak is the peak" {
    traced /usr/bin/perl -e 'my %h; for my $i (1 .. 20000) { $h{$i} = "x" x ($i % 50); delete $h{$i - 700} }'
    $PYTHON - "$(snapshot exit)" "$TOOLS" <<'END'
import sys
sys.path.insert(0, sys.argv[2])
import snapshot
s = snapshot.Snapshot(sys.argv[1])
assert s.account.peak_bytes > 0
assert sum(row[1] for row in s.more_counters) == s.account.peak_bytes, s.account.peak_bytes
END
}
