#!/usr/bin/env bats
load real

# A repository "source" with 300 commits to 40 files.
make_repository() {
    export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat LC_ALL=C.UTF-8
    git init -q -b main source
    awk 'BEGIN {
        for (i = 1; i <= 300; i++) {
            printf "commit refs/heads/main\ncommitter A U Thor <author@example.com> %d +0000\n", 1700000000 + i
            message = "commit number " i "\n"
            printf "data %d\n%s", length(message), message
            text = ""
            for (k = 0; k < 20 + i % 100; k++)
                text = text "line " k * i " of file " i % 40 "\n"
            printf "M 100644 inline directory%d/file%d.txt\ndata %d\n%s\n", i % 5, i % 40, length(text), text
        }
    }' | git -C source fast-import --quiet
    git -C source reset -q --hard
}

@test "git clone" {
    between() { mv copy native-copy; rm -rf copy; }
    make_repository
    alike git clone --no-local source copy
    [ "$status" -eq 0 ]
    diff -r --exclude .git native-copy copy
    [ "$(git -C copy rev-parse HEAD)" = "$(git -C source rev-parse HEAD)" ]
    git -C copy fsck --full
    accounted
}

@test "git log --stat" {
    make_repository
    alike git -C source log --stat
    [ "$(grep -c '^commit ' native.out)" -eq 300 ]
    accounted
}
