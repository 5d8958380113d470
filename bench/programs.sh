#!/bin/sh
# programs.sh - real programs with work for up to a second, the same each time.
#
#   programs.sh list                        their names
#   programs.sh prepare DIR                 make what they read, in DIR
#   programs.sh NAME DIR [TOOL WORD…]       run one, by the words before its command
#
# So `programs.sh sqlite DIR heapdelta run --quiet -o OUT --` is sqlite3 traced. Output goes
# to /dev/null. Of redis only the server is run by TOOL: who asks it is no part of it.
# pair-site and pair-paths are event_path, which must be in PATH.
set -eu
export LC_ALL=C.UTF-8

make_c_source() {
    awk 'BEGIN {
        print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>"
        for (i = 0; i < 45; i++) {
            printf "struct s%d { int a, b[%d]; struct s%d *next; };\n", i, i % 7 + 1, i
            printf "int f%d(struct s%d *s, int n)\n{\n    int sum = %d;\n", i, i, i
            printf "    for (int i = 0; i < n; i++) {\n        sum += s->b[i %% %d] * %d;\n", i % 7 + 1, i
            printf "        switch (sum & 7) {\n"
            for (k = 0; k < 5; k++)
                printf "        case %d: sum ^= s->a + (sum << %d); break;\n", k, k + i % 5
            printf "        }\n        if (sum > %d && s->next)\n            s = s->next;\n    }\n", i * 3
            printf "    printf(\"%%d %%s\\n\", sum, sum > %d ? \"more\" : \"less\");\n", i
            printf "    return sum;\n}\n"
        }
    }' >source.c
    gcc -E source.c -o source.i
}

make_xml() {
    awk 'BEGIN {
        print "<?xml version=\"1.0\"?>\n<items>"
        for (i = 0; i < 250000; i++)
            printf "  <item id=\"%d\" kind=\"k%d\"><name>item number %d</name><value>%d</value><!-- %d --></item>\n", \
                i, i % 17, i, i * 7919 % 10007, i
        print "</items>"
    }' >items.xml
}

make_sql() {
    awk 'BEGIN {
        print "CREATE TABLE t(i INTEGER PRIMARY KEY, text TEXT, value INTEGER);\nBEGIN;"
        for (i = 0; i < 120000; i++)
            printf "INSERT INTO t VALUES(%d, \x27text %d\x27, %d);\n", i, i * i, i * 7919 % 10007
        print "COMMIT;\nCREATE INDEX by_value ON t(value);"
        for (i = 0; i < 20000; i++)
            printf "SELECT text FROM t WHERE value = %d ORDER BY i LIMIT 2;\n", i * 31 % 10007
    }' >script.sql
}

make_repository() {
    git init -q -b main repository
    awk 'BEGIN {
        for (i = 1; i <= 4000; i++) {
            printf "commit refs/heads/main\ncommitter A U Thor <author@example.com> %d +0000\n", 1700000000 + i
            message = "commit number " i "\n"
            printf "data %d\n%s", length(message), message
            text = ""
            for (k = 0; k < 50 + i % 200; k++)
                text = text "line " (k % 7 ? k : k * i) " of file " i % 120 "\n"
            printf "M 100644 inline directory%d/file%d.txt\ndata %d\n%s\n", i % 15, i % 120, length(text), text
        }
    }' | git -C repository fast-import --quiet
}

make_scripts() {
    cat >work.py <<'END_OF_SCRIPT'
import json

rows = [{"id": i, "name": "row %d" % i, "value": i * 7919 % 10007, "tags": [str(j) for j in range(i % 9)],
         "nested": {"a": [i, {"b": str(i)}]}} for i in range(8000)]
for _ in range(4):
    rows = json.loads(json.dumps(rows, indent=1))
    by_name = {row["name"]: dict(row) for row in rows}
    groups = {}
    for row in by_name.values():
        groups.setdefault(row["value"] % 100, []).append((row["id"], row["name"].upper()))
print(len(groups))
END_OF_SCRIPT
    cat >work.pl <<'END_OF_SCRIPT'
my (%hash, $sum);
for my $i (1 .. 300_000) { $hash{"key " . $i % 150_000} .= $i }
for my $i (1 .. 300_000) { $sum += length($hash{"key " . $i * 7 % 200_000} // "") }
for my $i (1 .. 150_000) { my @words = split / /, "some words of line $i"; $hash{$words[4]} = [@words]; }
for my $i (1 .. 200_000) { delete $hash{"key " . $i * 3} }
print scalar(keys %hash), " $sum\n";
END_OF_SCRIPT
}

# Debian has the server in redis-tools, under its other name.
redis_server() {
    command -v redis-server || {
        ln -sf "$(command -v redis-check-rdb)" redis-server
        echo ./redis-server
    }
}

run_redis() {
    "$@" "$(redis_server)" --port 0 --unixsocket redis.socket --save '' --appendonly no \
        --dir . >/dev/null 2>&1 &
    server=$!
    until redis-cli -s redis.socket ping >/dev/null 2>&1; do
        kill -0 "$server" || exit 1
    done
    redis-benchmark -s redis.socket -q -n 25000 -c 20 -r 50000 -d 100 \
        -t set,get,incr,lpush,rpop,sadd,hset,zadd >/dev/null
    redis-cli -s redis.socket shutdown nosave
    wait "$server"
}

made_by=$(cksum <"$0")
name=$1
if [ "$name" = list ]; then
    echo pair-site pair-paths python3 sqlite3 cc1 perl xmllint git redis
    exit
fi
mkdir -p "$2"
cd "$2"
shift 2
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
case $name in
    prepare)
        # Made again when this file has changed.
        [ "$made_by" != "$(cat prepared 2>/dev/null)" ] || exit 0
        rm -rf repository
        make_c_source
        make_xml
        make_sql
        make_repository
        make_scripts
        echo "$made_by" >prepared
        ;;
    pair-*)
        "$@" event_path --depth 20 --path "${name#pair-}" --threads 1 --blocks own --pairs 4000000 \
            >/dev/null
        ;;
    python3) PYTHONMALLOC=malloc PYTHONHASHSEED=0 "$@" /usr/bin/python3 work.py >/dev/null ;;
    sqlite3) "$@" sqlite3 :memory: <script.sql >/dev/null ;;
    cc1) "$@" "$(gcc -print-prog-name=cc1)" -fpreprocessed -quiet -O2 source.i -o /dev/null ;;
    perl) PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 "$@" perl work.pl >/dev/null ;;
    xmllint) "$@" xmllint --noout items.xml >/dev/null ;;
    git) "$@" git -C repository log -p --stat >/dev/null ;;
    redis) run_redis "$@" ;;
    *)
        echo "programs.sh: there is no '$name'" >&2
        exit 2
        ;;
esac
