#!/usr/bin/env bats
# What status says of traced processes.

load control_common.bash

@test "one process, for people" {
    target idle
    ends_with 0 "$HEAPDELTA" status "$TARGET"
    sed -e "s/$TARGET/PID/" -e 's/[0-9]* h [0-9]* min/AGE/' -e '/traced since/s/1970.*  /TIME  /' stdout >seen
    diff -u - seen <<'END'
control_target, process PID: tracing
  traced since       TIME  AGE
  live               3000 B  4 blocks
  growth             +2000 B
  growth since mark  -500 B  AGE ago
  peak               5000 B
  tracer             64.0 KiB
  snapshots          2
  last pause         1.5 ms
  longest pause      2.5 ms
It said: no space left on the device
END
}

@test "one process, for programs" {
    target idle
    ends_with 0 "$HEAPDELTA" status --format json "$TARGET"
    "$PYTHON" - "$TARGET" <<'END'
import json, sys
report = json.load(open("stdout"))
assert report["processes"] == [{
    "pid": int(sys.argv[1]), "program": "control_target", "state": "tracing",
    "since": "1970-01-01T00:00:01.000000000Z", "bytes": 3000, "blocks": 4, "growth": 2000,
    "mark": "1970-01-01T00:00:02.000000000Z", "mark_growth": -500, "peak": 5000,
    "tracer_bytes": 65536, "snapshots": 2, "last_pause": 1500000, "longest_pause": 2500000}], report
END
    ends_with 0 "$HEAPDELTA" status --format csv "$TARGET"
    lines stdout 2
    grep -q "^$TARGET,control_target,tracing,1970-01-01T00:00:01.000000000Z,3000,4,2000," stdout
}

@test "all processes" {
    target idle
    ends_with 0 "$HEAPDELTA" status
    grep -Eq "^ +$TARGET +control_target +tracing" stdout
    ends_with 0 "$HEAPDELTA" status --format json
    grep -q "\"pid\": $TARGET," stdout
}

@test "status asks nobody" {
    target first_ignored
    before=$(cksum <"out/.control_target.$TARGET.control")
    ends_with 0 "$HEAPDELTA" status "$TARGET"
    [ "$(cksum <"out/.control_target.$TARGET.control")" = "$before" ]
}
