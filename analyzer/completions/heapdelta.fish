# heapdelta.fish - completion for fish. Commands and options are those that `heapdelta help` tells, with
# its words.

function __heapdelta_commands
    heapdelta help 2>/dev/null | string replace -rf '^  ([a-z]+) {2,}(.*)' '$1\t$2'
    printf 'help\twhat a command does\n'
end

function __heapdelta_command
    set -l words (commandline -opc)
    set -q words[2]; and echo $words[2]
end

function __heapdelta_options
    heapdelta help (__heapdelta_command) 2>/dev/null |
        string replace -rf '^  (?:-[a-z], )?(--[a-z-]+)(?: [A-Z]+)? *(.*)' '$1\t$2'
end

function __heapdelta_processes
    heapdelta status --format csv 2>/dev/null | string replace -rf '^([0-9]+),([^,]*),.*' '$1\t$2'
end

function __heapdelta_at
    contains -- (__heapdelta_command) $argv
end

# Is the word that is typed the value of one of the options $argv?
function __heapdelta_value_of
    contains -- (commandline -opc)[-1] $argv
end

# The words $argv as further ones of a list that is typed, separated by commas.
function __heapdelta_list
    set -l typed (string match -r '.*,' -- (commandline -ct))
    printf '%s\n' "$typed"$argv
end

function __heapdelta_wants_process
    __heapdelta_at snapshot mark start stop status top
    and not __heapdelta_value_of --format --group-by --sort --limit --timeout --delay --batch --filter \
        --exclude --skip --label -o --output
end

function __heapdelta_wants_options
    set -l words (commandline -opc)
    set -q words[2]; and string match -q -- '-*' (commandline -ct); and not contains -- -- $words
end

set -g __heapdelta_counters allocations allocated_bytes frees freed_bytes reallocations temporary \
    peak_bytes peak_blocks

complete -c heapdelta -n 'test (count (commandline -opc)) = 1' -f -a '(__heapdelta_commands)'
complete -c heapdelta -n __heapdelta_wants_options -f -a '(__heapdelta_options)'
complete -c heapdelta -n __heapdelta_wants_process -f -a '(__heapdelta_processes)'
complete -c heapdelta -n '__heapdelta_at help' -f -a '(__heapdelta_commands) patterns verdicts words environment'
complete -c heapdelta -n '__heapdelta_value_of --format' -f -a 'text json csv'
complete -c heapdelta -n '__heapdelta_value_of --format; and __heapdelta_at stats diff' -f -a tracemalloc
complete -c heapdelta -n '__heapdelta_value_of --group-by; and __heapdelta_at stats diff' -f \
    -a 'lineno filename function traceback module thread size type domain program process'
complete -c heapdelta -n '__heapdelta_value_of --group-by; and __heapdelta_at tree' -f -a 'lineno function'
complete -c heapdelta -n '__heapdelta_value_of --group-by; and __heapdelta_at top' -f \
    -a 'lineno filename function module thread type'
complete -c heapdelta -n '__heapdelta_value_of --to' -f \
    -a 'pprof folded speedscope massif svg json csv dot tracemalloc'
complete -c heapdelta -n '__heapdelta_value_of --follow' -f -a 'fork exec all none'
complete -c heapdelta -n '__heapdelta_value_of --summary' -f -a 'text json none'
complete -c heapdelta -n '__heapdelta_value_of --value' -f \
    -a 'bytes blocks allocated_bytes allocations temporary peak_bytes peak_blocks lost_bytes held_bytes'
complete -c heapdelta -n '__heapdelta_value_of --columns' -f -a '(__heapdelta_list $__heapdelta_counters)'
complete -c heapdelta -n '__heapdelta_value_of --columns; and __heapdelta_at stats' -f -a '(__heapdelta_list retained)'
complete -c heapdelta -n '__heapdelta_value_of --sort; and __heapdelta_at top' -f \
    -a 'live growth rate blocks allocations name'
complete -c heapdelta -n '__heapdelta_value_of --sort; and __heapdelta_at stats' -f \
    -a 'size count average name $__heapdelta_counters retained'
complete -c heapdelta -n '__heapdelta_value_of --sort; and __heapdelta_at diff' -f \
    -a 'change size count size_diff count_diff average name $__heapdelta_counters {$__heapdelta_counters}_diff'
