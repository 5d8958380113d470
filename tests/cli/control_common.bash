# control_common.bash - what the tests of requests to a running process share.

source "${BASH_SOURCE[0]%/*}/run_common.bash"

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir out
    DIRECTORY=$PWD/out
}

teardown() {
    end_target
    rm -rf "${PUBLIC:-}"
}

# Let the target be gone.
end_target() {
    [ -n "${TARGET:-}" ] || return 0
    { kill -KILL "$TARGET" && wait "$TARGET"; } 2>/dev/null || true
    TARGET=
}

# Let DIRECTORY be where user 65534 may be, too. NOBODY… is then how to run something as
# that user.
nobody() {
    NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    "${NOBODY[@]}" "$HEAPDELTA" --version || skip "others may not look into $BUILD_ROOT"
    PUBLIC=$(mktemp -d)
    DIRECTORY=$PUBLIC
    chown 65534 "$PUBLIC"
}

# Start a target with HABIT, before which COMMAND… may stand, and wait until it is ready.
# Its PID is TARGET; it is talked to by LISTEN and SAY.
target() {
    local habit=$1

    shift
    coproc TARGET_PROCESS { exec "$@" "$CLI/control_target" "$habit" "$DIRECTORY" 3>&-; }
    TARGET=$TARGET_PROCESS_PID
    LISTEN=${TARGET_PROCESS[0]}
    SAY=${TARGET_PROCESS[1]}
    says ready
}

# The next line of the target is LINE.
says() {
    local line

    read -r -u "$LISTEN" line
    [ "$line" = "$1" ]
}

# Let the target allocate.
allocates() {
    echo >&"$SAY"
}

# Run `heapdelta ARGUMENT…`; check its STATUS, and that it says TEXT.
says_with_status() {
    local text=$1 status=$2

    shift 2
    ends_with "$status" "$HEAPDELTA" "$@"
    grep -qF -- "$text" stderr || {
        echo "does not say '$text':"
        cat stderr
        return 1
    }
    lines stderr 1
}

# Run `heapdelta ARGUMENT…` in the background; its PID is CLIENT, its standard error can be
# read from CLIENT_SAYS.
ask() {
    rm -f messages
    mkfifo messages
    "$HEAPDELTA" "$@" >stdout 2>messages 3>&- &
    CLIENT=$!
    exec {CLIENT_SAYS}<messages
}

# The client ends with STATUS.
client_ends_with() {
    local status=0

    wait "$CLIENT" || status=$?
    [ "$status" -eq "$1" ]
}

# The snapshot that standard output names says TEXT.
snapshot_says() {
    lines stdout 1
    [ "$(cat "$(cat stdout)")" = "$1" ]
}
