#!/usr/bin/env bats
load real

# Debian keeps the server in redis-tools, under its other name.
server_path() {
    command -v redis-server || {
        ln -s "$(command -v redis-check-rdb)" redis-server
        echo "$PWD/redis-server"
    }
}

# Ask the server until it answers; it is given up when it has ended.
until_it_answers() {
    until redis-cli -s "$PWD/socket" ping >/dev/null 2>&1; do
        kill -0 "$1"
    done
}

# Start a server by the words after $1, where its log goes; its PID, or that of `heapdelta
# run`, is in $server.
start_server() {
    local log=$1

    shift
    "$@" "$SERVER" --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no --io-threads 2 \
        --dir "$PWD" >"$log" 2>&1 3>&- &
    server=$!
    until_it_answers "$server"
}

# Start a server by the words given, use it, let it shut down; its answers go to
# file $1, and its status to $status.
use_server() {
    local answers=$1 server

    shift
    start_server "$answers.log" "$@"
    redis-benchmark -s "$PWD/socket" -q -n 5000 -c 20 -r 5000 -d 100 \
        -t set,get,incr,lpush,rpop,sadd,hset,zadd >/dev/null
    redis-cli -s "$PWD/socket" flushall >"$answers"
    for i in 1 2 3; do
        redis-cli -s "$PWD/socket" eval "
            for i = 1, 3000 do
                redis.call('set', 'key' .. i * $i, string.rep('x', i % 500))
                redis.call('zadd', 'sorted', i * 7919 % 10007, 'member' .. i)
                redis.call('hset', 'hash', 'field' .. i, i)
            end
            return redis.call('dbsize')" 0 >>"$answers"
    done
    redis-cli -s "$PWD/socket" zrange sorted 0 20 withscores >>"$answers"
    redis-cli -s "$PWD/socket" shutdown nosave >>"$answers"
    status=0
    wait "$server" || status=$?
}

@test "redis-server under redis-benchmark until SHUTDOWN" {
    local native

    SERVER=$(server_path)
    use_server native env
    native=$status
    use_server traced "$HEAPDELTA" run --quiet -o "$OUT" --
    diff native traced
    [ "$status" -eq "$native" ]
    # The log has times and process ids; its words are the same.
    for log in native.log traced.log; do
        sed -E 's/^[0-9]+:[A-Z] .{24} //; s/pid=[0-9]+//; s/PID: [0-9]+//' "$log" >"$log.words"
    done
    diff native.log.words traced.log.words
    accounted
}

# Use the server until there is a file `enough`; what was not as it should be goes to
# benchmark.err, and a line for each round to `rounds`.
benchmark_on() {
    until [ -e enough ]; do
        redis-benchmark -s "$PWD/socket" -q -n 20000 -c 20 -r 100000 -d 100 \
            -t set,get,lpush,rpop,hset >benchmark.out 2>>benchmark.err ||
            echo "status $?" >>benchmark.err
        grep -i error benchmark.out >>benchmark.err || true
        echo done >>rounds
    done
}

@test "100 snapshots in a row of a redis-server under redis-benchmark" {
    local server pid path

    SERVER=$(server_path)
    start_server server.log "$HEAPDELTA" run --quiet -o "$OUT" --
    pid=$(redis-cli -s "$PWD/socket" info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')
    benchmark_on 3>&- &
    for i in $(seq 100); do
        path=$("$HEAPDELTA" snapshot --label "asked-$i" "$pid")
        # Whole: the reader compares every block and every sum with the account.
        "$HEAPDELTA" info "$path" >/dev/null
    done
    touch enough
    wait $!
    [ "$(redis-cli -s "$PWD/socket" ping)" = PONG ]
    "$HEAPDELTA" status --format json "$pid" >status.json
    redis-cli -s "$PWD/socket" shutdown nosave
    wait "$server"

    [ ! -s benchmark.err ]
    [ -s rounds ]
    [ "$(ls "$OUT"/*.asked-*.hds | wc -l)" -eq 100 ]
    [ "$(json '0 < it["processes"][0]["last_pause"]' <status.json)" = True ]
    snapshots_add_up
}
