# heapdelta.bash - completion for bash. Commands and options are those that `heapdelta help` tells.

# The words of a kind that COMMAND knows: commands, or options as its help lists them.
_heapdelta_commands() {
    heapdelta help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\) \{2,\}.*/\1/p'
}

_heapdelta_options() {
    heapdelta help "$1" 2>/dev/null |
        sed -n 's/^  \(-[a-z], \)\{0,1\}\(--[a-z-]\{1,\}\).*/\2/p; s/^  \(-[a-z]\), --.*/\1/p'
}

# The values that OPTION of COMMAND takes; nothing: any file.
_heapdelta_values() {
    local counters="allocations allocated_bytes frees freed_bytes reallocations temporary peak_bytes peak_blocks"

    case $2 in
    --format)
        echo text json csv
        case $1 in stats | diff) echo tracemalloc ;; esac
        ;;
    --group-by)
        case $1 in
        tree) echo lineno function ;;
        top) echo lineno filename function module thread type ;;
        *) echo lineno filename function traceback module thread size type domain program process ;;
        esac
        ;;
    --to) echo pprof folded speedscope massif svg json csv dot tracemalloc ;;
    --follow) echo fork exec all none ;;
    --summary) echo text json none ;;
    --value) echo bytes blocks allocated_bytes allocations temporary peak_bytes peak_blocks lost_bytes held_bytes ;;
    --columns)
        echo "$counters"
        case $1 in stats) echo retained ;; esac
        ;;
    --sort)
        case $1 in
        top) echo live growth rate blocks allocations name ;;
        stats) echo size count average name "$counters" retained ;;
        diff) echo change size count size_diff count_diff average name "$counters" "${counters// /_diff }_diff" ;;
        esac
        ;;
    esac
}

# Snapshots, and directories that may have some.
_heapdelta_snapshots() {
    local word=$1

    compgen -f -X '!*.hds' -- "$word"
    compgen -d -S / -- "$word"
}

_heapdelta_processes() {
    heapdelta status --format csv 2>/dev/null | sed -n 's/^\([0-9]\{1,\}\),.*/\1/p'
}

_heapdelta() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local values list i

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(_heapdelta_commands) help --help --version" -- "$word")
        return
    fi
    # What follows the command that is run is that command's own.
    case $command in
    run | check | top)
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then
                if ((COMP_CWORD == i + 1)); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$word")
                else
                    mapfile -t COMPREPLY < <(compgen -f -- "$word")
                fi
                return
            fi
        done
        ;;
    esac
    values=$(_heapdelta_values "$command" "$before")
    if [[ $before == --columns ]]; then
        # One after the other, separated by commas.
        [[ $word == *,* ]] && list=${word%,*},
        mapfile -t COMPREPLY < <(compgen -P "$list" -W "$values" -- "${word##*,}")
        compopt -o nospace 2>/dev/null
    elif [[ -n $values ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    elif [[ $before == -o || $before == --output ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames 2>/dev/null
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_heapdelta_options "$command")" -- "$word")
    else
        case $command in
        help)
            mapfile -t COMPREPLY < <(compgen -W "$(_heapdelta_commands) patterns verdicts words environment" -- "$word")
            ;;
        snapshot | mark | start | stop | status | top)
            mapfile -t COMPREPLY < <(compgen -W "$(_heapdelta_processes)" -- "$word")
            ;;
        run | check) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        *) mapfile -t COMPREPLY < <(_heapdelta_snapshots "$word") ;;
        esac
        compopt -o filenames 2>/dev/null
    fi
}

complete -F _heapdelta heapdelta
