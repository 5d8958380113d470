#!/usr/bin/env bats
# What `heapdelta run` asks of the library, and that it asks only what makes sense.

load run_common

# The variables that a run with OPTIONS… sets, as a library finds them that does nothing.
variables() {
    HEAPDELTA_LIBRARY=$(ldd /bin/sh | sed -n 's/.*=> \(.*libc\.so\.6\) .*/\1/p') \
        "$HEAPDELTA" run --quiet -o out "$@" -- env | grep '^HEAPDELTA_' | grep -v _LIBRARY |
        grep -v '^HEAPDELTA_OUT=' || true
}

@test "what is set without options" {
    [ "$(HEAPDELTA_GROWTH=7 HEAPDELTA_FOLLOW=3 variables)" = "HEAPDELTA_KEEP=100
HEAPDELTA_GRAPH=1
HEAPDELTA_SIGNALS=1" ]
}

@test "each option is a variable" {
    expect() {
        local expected=$1

        shift
        variables "$@" >found
        grep -qx "$expected" found || {
            echo "$*: no $expected in:"
            cat found
            return 1
        }
    }
    expect HEAPDELTA_OFF=1 --off
    expect HEAPDELTA_PEAK=1 --peak
    expect HEAPDELTA_GRAPH=2 --graph
    expect HEAPDELTA_COUNTERS=1 --counters
    expect HEAPDELTA_INTERVAL=250 --interval 250ms
    expect HEAPDELTA_INTERVAL=1500 --interval 1.5s
    expect HEAPDELTA_INTERVAL=10000 --interval 10
    expect HEAPDELTA_INTERVAL=120000 --interval 2m
    expect HEAPDELTA_INTERVAL=3600000 --interval 1h
    expect HEAPDELTA_GROWTH=65536 --growth 65536
    expect HEAPDELTA_GROWTH=65536 --growth 64K
    expect HEAPDELTA_GROWTH=1572864 --growth 1.5M
    expect HEAPDELTA_GROWTH=2147483648 --growth 2G
    expect HEAPDELTA_SAMPLE=524288 --sample 512K
    expect HEAPDELTA_MIN_SIZE=64 --min-size 64
    expect HEAPDELTA_MAX_SIZE=1048576 --max-size 1M
    expect HEAPDELTA_KEEP=0 --keep 0
    expect HEAPDELTA_KEEP=5 --keep 5
    expect HEAPDELTA_NFRAME=12 --nframe 12
    expect HEAPDELTA_FOLLOW=0 --follow none
    expect HEAPDELTA_FOLLOW=1 --follow fork
    expect HEAPDELTA_FOLLOW=2 --follow exec
    expect HEAPDELTA_FOLLOW=3 --follow all
    [ -z "$(variables --graph --no-graph | grep GRAPH)" ]
    for bound in --sample --min-size --max-size; do
        [ -z "$(variables $bound 64 | grep GRAPH)" ]
    done
}

@test "a wrong value: status 2, one line, nothing runs" {
    for wrong in '--interval x' '--interval 0' '--interval 0.9ms' '--interval -1s' '--interval 50d' \
        '--interval 2000h' '--growth 0' '--growth x' '--growth -5' '--growth 1T' '--growth 99999999999G' \
        '--sample 0' '--sample x' '--sample 2G' '--min-size 0' '--max-size -1' '--graph --min-size 4' \
        '--min-size 5 --max-size 4' '--keep x' '--keep -1' '--keep 1' '--keep 99999999999' '--follow me' '--follow' '--nframe 65536' \
        '--off=1' '--never'; do
        # shellcheck disable=SC2086
        ends_with 2 "$HEAPDELTA" run $wrong -- touch started
        lines stderr 1
        [ ! -e started ]
    done
    ends_with 2 "$HEAPDELTA" run --interval= -- touch started
    grep -q -e '--interval must be a time' stderr
}
