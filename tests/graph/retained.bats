#!/usr/bin/env bats
# What blocks and variables retain in real programs is what brute force finds: take a node of the heap
# graph away, and see what is reached no more. Nodes are chosen by chance; RETAINED_SEED repeats it.

load ../preload/common.bash

SEED=${RETAINED_SEED:-1}

# A snapshot of the program CMD…, run with these OPTIONS, agrees with brute force: the first one.
retains_what_brute_force_finds() { # OPTIONS CMD…
    command -v "$2" >/dev/null || skip "no $2"
    "$HEAPDELTA" run --quiet --graph $1 -o "$OUT" -- "${@:2}" >printed </dev/null
    "$BUILD_ROOT/tests/graph/retained" "$SEED" 200 "$OUT"/*.0001*.hds >found || {
        echo "seed $SEED"
        cat found
        return 1
    }
    echo "# seed $SEED, $(cat found)" >&3
}

# Most programs free all at their end, so they are looked at when they have grown.
GROWN='--growth 256K'

@test "python3, in the midst of its work" {
    export PYTHONHASHSEED=0 PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1
    retains_what_brute_force_finds '' "$PYTHON" -c '
import json, os
names = {str(i): [i] * 3 for i in range(1000)}
text = json.dumps(names)
ring = []; ring.append(ring)
os._exit(0)'
}

@test "sqlite3" {
    retains_what_brute_force_finds "$GROWN" sqlite3 :memory: 'create table t(a, b);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 5000)
insert into t select x, hex(x) from c;
select count(*), sum(a) from t group by b % 7 order by 2 limit 3;'
}

@test "xmllint" {
    { echo '<a>'; seq -f '<b c="%g">text</b>' 2000; echo '</a>'; } >a.xml
    retains_what_brute_force_finds "$GROWN" xmllint --format a.xml
}

@test "git" {
    command -v git >/dev/null || skip "no git"
    git init -q .
    seq 300 >file
    git add file
    git -c user.name=A -c user.email=a@b commit -qm one
    retains_what_brute_force_finds "$GROWN" git log --stat -p --no-color
}

@test "bash" {
    retains_what_brute_force_finds '' bash -c 'declare -A m; for i in {1..500}; do m[$i]="v$i"; done
f() { local y=$1; echo "${y^^}"; }; f abc; printf "%s\n" "${m[7]}"'
}

@test "perl" {
    retains_what_brute_force_finds '' perl -e 'my %h; $h{$_} = [$_, "x$_"] for 1 .. 500;
my $ring = {}; $ring->{self} = $ring; use POSIX; POSIX::_exit(0)'
}
