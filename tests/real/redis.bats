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

# Start a server by the words given, use it, let it shut down; its answers go to
# file $1, and its status to $status.
use_server() {
    local answers=$1 server

    shift
    "$@" "$SERVER" --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no --io-threads 2 \
        --dir "$PWD" >"$answers.log" 2>&1 3>&- &
    server=$!
    until_it_answers "$server"
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
