#!/usr/bin/env bats
load real

@test "sqlite3: 200,000 inserts and a join" {
    cat >script.sql <<'END'
CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT, value INTEGER);
CREATE TABLE b(a_id INTEGER, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO a SELECT i, 'name ' || i, i * 7919 % 10007 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO b SELECT i * 31 % 100000 + 1, 'note ' || i FROM n;
COMMIT;
CREATE INDEX b_a ON b(a_id);
SELECT count(*), sum(value), max(length(note)) FROM a JOIN b ON b.a_id = a.id;
SELECT value % 10 AS digit, count(*), group_concat(substr(name, 6), ',') FROM a
    WHERE id < 500 GROUP BY digit ORDER BY digit;
SELECT * FROM nothing;
END
    INPUT=script.sql alike sqlite3 :memory:
    [ -s native.out ]
    [ "$status" -eq 1 ]
    accounted
}

@test "sqlite3: single inserts" {
    awk 'BEGIN {
        print "CREATE TABLE t(i INTEGER, text TEXT);\nBEGIN;"
        for (i = 0; i < 50000; i++)
            printf "INSERT INTO t VALUES(%d, \x27text %d\x27);\n", i, i * i
        print "COMMIT;\nSELECT count(*), sum(i) FROM t;"
    }' >script.sql
    INPUT=script.sql alike sqlite3 :memory:
    [ "$status" -eq 0 ]
    accounted
}
