#!/usr/bin/env bats
# What real programs have lost at their end is what memcheck says of the same run, block for block and
# by the same functions. What memcheck calls possibly lost is often less with us (model/graph.h).

load ../preload/common.bash

setup() {
    command -v valgrind >/dev/null || skip "no valgrind"
    OUT=$BATS_TEST_TMPDIR/out
    mkdir "$OUT"
    cd "$BATS_TEST_TMPDIR" || return 1
    export PYTHONHASHSEED=0 PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 PERL_HASH_SEED=0
}

lost_by() {
    "$PYTHON" "$SOURCE_ROOT/tests/graph/lost_by.py" "$@"
}

with_us() {
    "$HEAPDELTA" run --quiet -o "$OUT" -- "$@"
}

with_memcheck() {
    valgrind --quiet --leak-check=full --show-leak-kinds=all --run-libc-freeres=no \
        --run-cxx-freeres=no --num-callers=30 --fair-sched=yes --keep-debuginfo=yes \
        --error-limit=no --xml=yes --xml-file=memcheck.%p.xml "$@"
}

# What was run with us and with memcheck has lost the same.
lost_the_same() {
    lost_by heapdelta "$HEAPDELTA" "$(snapshot .exit)" >ours
    lost_by memcheck memcheck.*.xml >theirs
    diff -u <(grep -v ^possibly theirs) <(grep -v ^possibly ours)
    # That depends on stale words here and there, so only about.
    [ "$(blocks possibly_lost ours)" -le $(($(blocks possibly_lost theirs) * 11 / 10 + 20)) ]
}

# How many blocks of CLASS the FILE has.
blocks() {
    awk -v class="$1" '$1 == class { sum += $2 } END { print sum + 0 }' "$2"
}

# The program CMD… is run twice, and does the same.
loses_the_same() {
    command -v "$1" >/dev/null || skip "no $1"
    with_us "$@" >ours.out </dev/null
    with_memcheck "$@" >theirs.out </dev/null
    cmp ours.out theirs.out
    lost_the_same
}

@test "python3" {
    loses_the_same "$PYTHON" -c '
import ctypes, decimal, json, sqlite3, subprocess, threading, xml.dom.minidom

print(len(json.loads(json.dumps({str(i): [i] * 3 for i in range(300)}))))
threads = [threading.Thread(target=lambda: [str(i) for i in range(1000)]) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
base = sqlite3.connect(":memory:")
base.execute("create table t(a)")
base.executemany("insert into t values(?)", [(i,) for i in range(99)])
print(subprocess.run(["true"]).returncode, decimal.Decimal(2).sqrt(), ctypes.sizeof(ctypes.c_int))
print(xml.dom.minidom.parseString("<a><b/></a>").toxml())'
}

@test "sqlite3" {
    loses_the_same sqlite3 :memory: 'create table t(a, b);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 500)
insert into t select x, hex(x) from c;
select count(*), sum(a) from t group by b % 7 order by 2 limit 3;'
}

@test "perl" {
    loses_the_same perl -e 'my %h; $h{$_} = [$_, "x$_"] for 1 .. 500; print scalar(keys %h), "\n";
my @s = sort { $a <=> $b } keys %h; print "@s[0 .. 3]\n" if "abc" =~ /b(.)/;
my $ring = {}; $ring->{self} = $ring; # perl counts references: this one stays
printf "%.3f %s\n", sqrt(2), join ",", map { ucfirst } qw(a b c)'
    grep -q ^definitely_lost ours
}

@test "git" {
    with_git() { git -c user.name=A -c user.email=a@b "$@"; }
    command -v git >/dev/null || skip "no git"
    git init -q .
    for i in 1 2 3 4 5 6 7 8; do
        seq "$i"00 >"file$i"
        git add "file$i"
        with_git commit -qm "number $i"
    done
    loses_the_same git log --stat -p --no-color
}

@test "xmllint" {
    { echo '<a>'; seq -f '<b c="%g">text</b>' 500; echo '</a>'; } >a.xml
    loses_the_same xmllint --format --xpath '//b[@c>490]' a.xml
}

@test "bash" {
    loses_the_same bash -c 'declare -A m; for i in {1..500}; do m[$i]="v$i"; done
x=$(echo hi | tr a-z A-Z); trap "echo bye" EXIT; read a b <<<"1 2"
f() { local y=$1; echo "${y^^}"; }; f abc; printf "%s\n" "${m[7]}" $x
eval "g() { echo \$1; }"; g 3; shopt -s extglob; echo /usr/bin/b*sh'
}

# Run a server by the words given, let it work and end.
serve() {
    local server

    "$@" ./redis-server --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no >log 2>&1 3>&- &
    server=$!
    until redis-cli -s "$PWD/socket" ping >/dev/null 2>&1; do
        kill -0 "$server"
    done
    for i in $(seq 200); do
        echo "set k$i v$i"
        echo "lpush l$i a b c"
        echo "hset h$i f v"
        echo "del k$((i - 5))"
    done | redis-cli -s "$PWD/socket" >/dev/null
    redis-cli -s "$PWD/socket" shutdown nosave >/dev/null 2>&1 || true
    wait "$server"
}

# Debian keeps the server in redis-tools, under its other name.
@test "redis-server" {
    local server

    server=$(command -v redis-server || command -v redis-check-rdb) || skip "no redis-server"
    ln -s "$server" redis-server
    serve with_us
    serve with_memcheck
    lost_the_same
}
