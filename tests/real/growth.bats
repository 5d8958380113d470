#!/usr/bin/env bats
# Which memory of real programs is called a leak. Each program does a fixed amount of work, and ends
# without clearing up, so that there is something to judge.

load real

# Run CMD…, which must end with STATUS; what is called a leak then stands in ./leaks.
judged() {
    local expected=$1 status=0

    shift
    rm -rf "$OUT"
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$@" >stdout 2>stderr || status=$?
    [ "$status" -eq "$expected" ] || {
        echo "status $status"
        cat stderr
        return 1
    }
    judge
}

judge() {
    "$PYTHON" "$SOURCE_ROOT/tests/real/growth.py" "$HEAPDELTA" "$(snapshot exit)" >leaks
}

no_leak() {
    cat leaks # if it fails
    [ ! -s leaks ]
}

# Only growth that HOLDER holds is called a leak, with what goes with it COUNT blocks at least.
grows() {
    local holder=$1 count=$2

    cat leaks # if it fails
    awk -v holder="$holder" -v count="$count" '
        $0 ~ "^held_growing [0-9]+ " holder "$" { blocks += $2; next }
        { besides = 1 }
        END { exit besides || blocks < count }' leaks
}

# Statements that insert COUNT rows into a table, of which it keeps KEPT; exits with 3, without closing.
make_sql() {
    awk -v count="$1" -v kept="$2" 'BEGIN {
        print "CREATE TABLE t(i INTEGER PRIMARY KEY, text TEXT);"
        for (i = 0; i < count; i++) {
            printf "INSERT INTO t VALUES(%d, \x27text %d with the number %d\x27);\n", i, i * i, i * 7
            if (i >= kept)
                printf "DELETE FROM t WHERE i = %d;\n", i - kept
        }
        print "SELECT count(*) FROM t;\n.exit 3"
    }'
}

@test "sqlite3: a table that keeps its size does not grow, one that does not grows" {
    make_sql 6000 100 >steady.sql
    judged 3 sqlite3 :memory: ".read steady.sql"
    [ "$(cat stdout)" = 100 ]
    no_leak
    make_sql 12000 12000 >growing.sql
    judged 3 sqlite3 :memory: ".read growing.sql"
    [ "$(cat stdout)" = 12000 ]
    grows ".*" 50 # pages
}

@test "python3: a cache with a limit does not grow, a list that is only appended to grows" {
    export PYTHONMALLOC=malloc PYTHONHASHSEED=0
    judged 0 "$PYTHON" -S -c '
import collections, os
recent = collections.OrderedDict()
for i in range(100000):
    recent[i] = {"number": i, "text": "x" * (i % 100)}
    if len(recent) > 100:
        recent.popitem(last=False)
os._exit(0)'
    no_leak
    judged 0 "$PYTHON" -S -c '
import os
kept = []
for i in range(100000):
    request = {"number": i, "text": "x" * (i % 100)}
    if i % 10 == 0:
        kept.append(request)
os._exit(0)'
    grows "global .*" 30000
}

@test "perl: a hash with so many keys does not grow, an array that is only pushed to grows" {
    export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
    judged 0 perl -e '
        our %recent;
        for my $i (1 .. 100_000) {
            $recent{$i % 100} = "value $i" x ($i % 9);
            my @parts = map { "part $_" } 1 .. 3;
        }'
    no_leak
    judged 0 perl -e '
        our @kept;
        for my $i (1 .. 100_000) {
            my @parts = map { "part $_" } 1 .. 3;
            push @kept, "request $i" if $i % 4 == 0;
        }'
    grows ".*" 20000
}

# git keeps the objects it has unpacked, up to core.deltaBaseCacheLimit (96 MB): far more than this
# log needs. So its cache grows to the end, and is called so; a smaller one is seen to be full.
@test "git log: a cache that was never full grows, one that was does not" {
    export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat LC_ALL=C.UTF-8
    git init -q -b main source
    awk 'BEGIN {
        for (i = 1; i <= 400; i++) {
            printf "commit refs/heads/main\ncommitter A U Thor <author@example.com> %d +0000\n", 1700000000 + i
            message = "commit number " i "\n"
            printf "data %d\n%s", length(message), message
            text = ""
            for (k = 0; k < 300; k++)
                text = text "line " k * (k % 40 == i % 40 ? i : 1) " of file " i % 8 "\n"
            printf "M 100644 inline directory%d/file%d.txt\ndata %d\n%s\n", i % 4, i % 8, length(text), text
        }
    }' | git -C source fast-import --quiet
    git -C source -c pack.threads=1 repack -q -a -d -f
    judged 0 git -C source log --stat
    [ "$(grep -c '^commit ' stdout)" -eq 400 ]
    grows "global .*" 200
    judged 0 git -C source -c core.deltaBaseCacheLimit=200k log --stat
    [ "$(grep -c '^commit ' stdout)" -eq 400 ]
    no_leak
}
