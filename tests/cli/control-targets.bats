#!/usr/bin/env bats
# Which processes can be asked; what is said of the others; hostile ones.

load control_common.bash

# Every command that takes a PID says TEXT of PID.
all_say() {
    for verb in snapshot mark start stop status; do
        says_with_status "$1" 3 "$verb" "$2"
    done
}

@test "no such process" {
    sh -c : &
    wait $!
    all_say "there is no process $!" "$!"
}

@test "a process that is not traced" {
    all_say "is not traced: it must be started by 'heapdelta run" $$
}

@test "a thread of the kernel" {
    [ "$(cat /proc/2/comm)" = kthreadd ] && [ "$(id -u)" -eq 0 ] || skip "needs root, and no container"
    all_say "is about to end, or belongs to the kernel" 2
}

@test "a zombie" {
    local pid

    target with_zombie
    read -r -u "$LISTEN" pid
    all_say "has ended; its parent has yet to collect it" "$pid"
}

@test "a thread" {
    target many_threads
    all_say "is a thread of process $TARGET" "$(ls "/proc/$TARGET/task" | tail -n 1)"
}

@test "a child that has the page of its parent" {
    local pid

    target forking
    read -r -u "$LISTEN" pid
    all_say "is not traced: its parent was" "$pid"
}

@test "another user's process" {
    nobody
    target idle
    ! "${NOBODY[@]}" "$HEAPDELTA" snapshot "$TARGET" 2>stderr
    grep -q "belongs to user 0: only that user and root may ask it" stderr
    "${NOBODY[@]}" "$HEAPDELTA" status --format json >stdout
    ! grep -q "\"pid\": $TARGET," stdout
}

@test "root asks another user's process" {
    nobody
    target idle "${NOBODY[@]}"
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    snapshot_says " 1"
    ends_with 0 "$HEAPDELTA" status
    grep -q "^ *$TARGET " stdout
}

@test "a process of ours that may not be looked into" {
    nobody
    target undumpable "${NOBODY[@]}"
    ! "${NOBODY[@]}" "$HEAPDELTA" snapshot "$TARGET" 2>stderr
    grep -q "may not be looked into: .*; ask as root" stderr
}

@test "a page of a future version" {
    target future
    all_say "is traced by another version of heapdelta (control page 2, not 1)" "$TARGET"
    ends_with 0 "$HEAPDELTA" status
    grep -q "another version" stdout
}

@test "a page whose file was removed" {
    target removed
    all_say "can't be asked any more: its control file $DIRECTORY/.control_target.$TARGET.control was removed" "$TARGET"
}

@test "a page that is none" {
    target strange_magic
    all_say "its control file is none of heapdelta's" "$TARGET"
}

@test "a page of another process" {
    target strange_pid
    all_say "its control file is damaged" "$TARGET"
}

@test "a page that was cut" {
    target cut
    all_say "its control file is empty: the process is only just starting, or somebody cut it" "$TARGET"
}

@test "a page that is cut while the process is asked" {
    target cut_later
    says_with_status "was cut short" 1 snapshot --timeout 0 "$TARGET"
}

@test "another file where the page was is not touched" {
    echo precious >out/victim
    for habit in link_instead other_file_instead; do
        target "$habit"
        before=$(cat out/.control_target."$TARGET".control out/victim | cksum)
        all_say "control file" "$TARGET"
        [ "$(cat out/.control_target."$TARGET".control out/victim | cksum)" = "$before" ]
        end_target
    done
}

@test "a pipe where the page was does not hold us" {
    target pipe_instead
    all_say "control file" "$TARGET"
}

@test "a container: other PIDs, other files" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    local inner

    # the shell waits in the new PID namespace: what is asked is its child
    target idle unshare --mount --pid --fork --kill-child \
        sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$DIRECTORY"
    inner=$(cat "/proc/$TARGET/task/$TARGET/children")
    inner=${inner%% *}
    ends_with 0 "$HEAPDELTA" snapshot "$inner"
    [ "$(cat stdout)" = "/proc/$inner/root$DIRECTORY/1.hds" ]
    snapshot_says " 1"
    grep -q "sees another file system: there the file is $DIRECTORY/1.hds" stderr
    [ -z "$(ls -A out)" ]
    ends_with 0 "$HEAPDELTA" status --format json "$inner"
    grep -q "\"pid\": $inner," stdout
}

@test "a process below another root" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    mkdir -p root/out
    DIRECTORY=/out
    for file in $(ldd "$CLI/control_target" | grep -o '/[^ ]*') "$CLI/control_target"; do
        mkdir -p "root${file%/*}"
        cp -L "$file" "root$file"
    done
    target idle chroot root
    ends_with 0 "$HEAPDELTA" snapshot "$TARGET"
    [ "$(cat stdout)" = "/proc/$TARGET/root/out/1.hds" ]
    snapshot_says " 1"
}

@test "wrong use" {
    for verb in snapshot mark start stop; do
        says_with_status "needs the PID of one process" 2 "$verb"
        says_with_status "not of several" 2 "$verb" 1 2
        for pid in x 1x -- 0 99999999999999999999 ''; do
            ends_with 2 "$HEAPDELTA" "$verb" "$pid"
        done
        for time in 1y '' -1 1e3 nan 0x10 1.5.5s 99999999999h; do
            says_with_status "--timeout '$time'" 2 "$verb" --timeout "$time" 1
        done
        "$HEAPDELTA" "$verb" --help | grep -q "^Usage: heapdelta $verb"
    done
    says_with_status "--label 'a/b'" 2 snapshot --label a/b 1
    says_with_status "unknown option '--label'" 2 start --label a 1
}
