#!/usr/bin/env bats
# A sample of blocks: what it says of a program that knows its own sums. The sample is another one
# each time; what is expected of it is six deviations wide, so that it is off once in 500 million.

load common

# What SNAPSHOT says of the functions of sampled.c is, within thrice the error that it states,
# what that says in the file truth; of a function whose blocks are all freed it knows nothing.
is_about_right() {
    "$HEAPDELTA" stats --group-by function --limit 0 --format json "$1" | "$PYTHON" -c '
import json, sys
rows = {row["function"]: row for row in json.load(sys.stdin)["rows"]}
for line in open("truth"):
    name, size, count = line.split()
    row = rows.get(name, {"size": 0, "size_error": 0, "count": 0})
    if int(size) == 0:
        assert row["size"] == row["count"] == 0, row
        continue
    assert 0 < row["size_error"] < row["size"] / 3, row
    assert abs(row["size"] - int(size)) <= 3 * row["size_error"], (line, row)
    share = int(count) * 3 * row["size_error"] / row["size"]
    assert abs(row["count"] - int(count)) <= 1.5 * share, (line, row)
'
}

@test "estimates are right within their error, and what is freed is gone" {
    for _ in 1 2 3; do
        rm -rf s
        "$HEAPDELTA" run --sample 16K -o s --quiet -- "$PROGRAMS/sampled" >truth
        is_about_right s/*.hds
        [ "$(info s/*.hds '(it["missed_frees"], it["lost_blocks"])')" = '(0, 0)' ]
        [ "$(info s/*.hds 'it["sample_mean"]')" -eq 16384 ]
        [ "$(info s/*.hds 'it["sampled_blocks"] < it["blocks"] / 20')" = True ]
    done
}

@test "of a sample without the list of blocks, too" {
    "$HEAPDELTA" run --sample 16K --counters -o s --quiet -- "$PROGRAMS/sampled" >truth
    is_about_right s/*.hds
}

@test "a forked child frees what was sampled before" {
    "$HEAPDELTA" run --sample 16K --follow fork -o s --quiet -- "$PROGRAMS/sampled" fork >truth
    for file in s/*.hds; do
        if [ "$(info "$file" '"parent_run" in it')" = True ]; then
            "$HEAPDELTA" stats --group-by function --limit 0 --format json "$file" >child
        else
            is_about_right "$file"
        fi
    done
    [ "$(json '[row for row in it["rows"] if row["function"] == "longer"]' <child)" = '[]' ]
    [ "$(json 'len([row for row in it["rows"] if row["function"] == "small"])' <child)" -eq 1 ]
}

@test "sampling each byte is exact, and so is no more than the bounds allow" {
    "$HEAPDELTA" run --sample 1 -o all --quiet -- "$PROGRAMS/sampled" >truth
    "$HEAPDELTA" run --min-size 49 --max-size 10000 -o some --quiet -- "$PROGRAMS/sampled" >/dev/null
    "$HEAPDELTA" stats --group-by function --limit 0 --format json all/*.hds | json \
        'sorted((r["function"], r["size"], r["count"]) for r in it["rows"] if r["function"] in
                ("small", "large", "longer"))' >found
    "$PYTHON" -c 'print(sorted((f, int(s), int(c)) for f, s, c in
        (line.split() for line in open("truth")) if s != "0"))' | diff - found
    "$HEAPDELTA" stats --group-by function --limit 0 --format json some/*.hds | json \
        'sorted((r["function"], r["size"], r["count"]) for r in it["rows"] if r["function"] in
                ("small", "large", "longer"))' >found
    echo "[('large', 60000, 6), ('longer', 12000000, 60000)]" | diff - found
    "$HEAPDELTA" stats some/*.hds | grep -qx 'Only blocks of at least 49 B and at most 10000 B were recorded.'
}

@test "who holds whom is not asked of a sample" {
    run "$HEAPDELTA" run --graph --sample 64K -- touch started
    [ "$status" -eq 2 ]
    [ ! -e started ]
    HEAPDELTA_SAMPLE=65536 HEAPDELTA_GRAPH=2 traced "$PROGRAMS/sampled" >/dev/null
    run "$HEAPDELTA" leaks "$(snapshot exit)"
    [ "$status" -eq 0 ]
    grep -q 'What is lost is not known' <<<"$output"
    grep -q '^A sample, one block in 64 KiB' <<<"$output"
    run "$HEAPDELTA" export --to tracemalloc -o pickle "$(snapshot exit)"
    [ "$status" -ne 0 ] && [ ! -e pickle ]
    grep -q 'of a sample' <<<"$output"
    run "$HEAPDELTA" why "$(snapshot exit)" small
    [ "$status" -eq 3 ]
    grep -q 'not all blocks were recorded' <<<"$output"
}

@test "merged, a sample stays what it was" {
    "$HEAPDELTA" run --sample 16K -o s --quiet -- "$PROGRAMS/sampled" >truth
    "$HEAPDELTA" merge -o merged.hds s/*.hds
    is_about_right merged.hds
    "$HEAPDELTA" stats --limit 0 --format csv s/*.hds >before
    "$HEAPDELTA" stats --limit 0 --format csv merged.hds | diff before -
}

@test "exports say that they are of a sample" {
    "$HEAPDELTA" run --sample 16K -o s --quiet -- "$PROGRAMS/sampled" >truth
    for form in pprof folded speedscope massif svg json csv; do
        "$HEAPDELTA" export --to $form -o out.$form s/*.hds 2>said
        grep -qx 'heapdelta export: a sample, one block in 16 KiB: sizes and counts are estimates' said
    done
    gzip -dc <out.pprof | grep -aqF 'heapdelta, estimated from one block in 16 KiB'
    grep -qx 'desc: heapdelta, estimated from one block in 16 KiB' out.massif
    grep -qF ', estimated from one block in 16 KiB' out.speedscope
    grep -qF ', estimated from one block in 16 KiB' out.svg
    [ "$(json '{row["size_error"] > 0 for row in it["rows"]}' <out.json)" = '{True}' ]
    head -1 out.csv | grep -q 'size_error'
    # Of bounds alone nothing is estimated.
    "$HEAPDELTA" run --min-size 100 -o b --quiet -- "$PROGRAMS/sampled" >/dev/null
    "$HEAPDELTA" export --to massif -o out.massif b/*.hds 2>said
    grep -qx 'heapdelta export: only blocks of at least 100 B were recorded' said
    grep -qx 'desc: heapdelta, only blocks of at least 100 B' out.massif
    # All blocks: nothing is said.
    "$HEAPDELTA" run -o a --quiet -- "$PROGRAMS/sampled" >/dev/null
    "$HEAPDELTA" export --to massif -o out.massif a/*.hds 2>said
    [ ! -s said ]
    grep -qx 'desc: heapdelta' out.massif
}

@test "a tree says that it is of a sample, and how far off that may be" {
    "$HEAPDELTA" run --sample 16K -o s --quiet -- "$PROGRAMS/sampled" >truth
    "$HEAPDELTA" tree s/*.hds | grep -q '^A sample, one block in 16 KiB: .* is within ± [1-9][0-9]*\.[0-9] %'
}
