#!/usr/bin/env bats
# `run` ends as the program did; and what it says when nothing can be run.

load run_common

@test "the status is the program's" {
    for status in 0 1 2 3 42 126 127 128 255; do
        ends_with $status traced sh -c "exit $status"
    done
    lines stderr 0
}

@test "a command that is not there: 127 and one line" {
    ends_with 127 "$HEAPDELTA" run -- no-such-command
    lines stderr 1
    grep -q "can't run 'no-such-command': no such command" stderr
    ends_with 127 "$HEAPDELTA" run -- ./no-such-file
    lines stderr 1
    ends_with 127 "$HEAPDELTA" run -- ''
    [ ! -e heapdelta.* ]
}

@test "a command that can't be executed: 126 and one line" {
    touch plain
    ends_with 126 "$HEAPDELTA" run -- ./plain
    lines stderr 1
    grep -q "can't run './plain': Permission denied" stderr
    ends_with 126 "$HEAPDELTA" run -- /
    lines stderr 1
}

@test "a script whose interpreter is missing: 127, and no empty directory is left" {
    printf '#!/no/such/interpreter\n' >script
    chmod +x script
    ends_with 127 "$HEAPDELTA" run -- ./script
    lines stderr 1
    [ -z "$(ls -d heapdelta.* 2>/dev/null)" ]
}

@test "the search along PATH is that of exec" {
    mkdir one two
    printf '#!/bin/sh\necho one\n' >one/tool
    printf '#!/bin/sh\necho two\n' >two/tool
    chmod +x two/tool
    # One that may not be executed is passed over …
    PATH="$PWD/none:$PWD/one:$PWD/two:$PATH" ends_with 0 traced tool
    [ "$(cat stdout)" = two ]
    # … and named if there is no other.
    PATH="$PWD/one" ends_with 126 traced tool
    # An empty entry is the working directory.
    chmod +x one/tool
    cd one
    PATH=":$PATH" ends_with 0 traced tool
    [ "$(cat stdout)" = one ]
}

@test "a wrong option: status 2 and a clear line before anything runs" {
    for arguments in '--nframe abc' '--nframe 70000' '--nframe -1' '--nframe 1x' '--nframe' \
        '--no-such-option' '-x'; do
        # shellcheck disable=SC2086
        ends_with 2 "$HEAPDELTA" run -o out $arguments touch started
        grep -q '^heapdelta run: ' stderr
        [ ! -s stdout ]
        [ ! -e started ]
    done
    HEAPDELTA_NFRAME=many ends_with 2 "$HEAPDELTA" run -o out touch started
    grep -q "HEAPDELTA_NFRAME .*'many'" stderr
    [ ! -e started ]
    ends_with 2 "$HEAPDELTA" run
}

@test "options end at the command" {
    ends_with 0 "$HEAPDELTA" run -o out --quiet echo --quiet -o --nframe x
    [ "$(cat stdout)" = '--quiet -o --nframe x' ]
    ends_with 0 "$HEAPDELTA" run -o out --quiet --no-graph --nframe 5 -- echo -- --help
    [ "$(cat stdout)" = '-- --help' ]
}

@test "--help has an example" {
    ends_with 0 "$HEAPDELTA" run --help
    grep -q '^  heapdelta run -- ' stdout
    lines stderr 0
}

@test "a missing library is said, with status 3" {
    HEAPDELTA_LIBRARY=/no/such/library ends_with 3 "$HEAPDELTA" run -o out touch started
    lines stderr 1
    grep -q "'/no/such/library', which HEAPDELTA_LIBRARY names: No such file" stderr
    [ ! -e started ]
}

@test "the frames of a stack can be limited" {
    ends_with 0 "$HEAPDELTA" run --quiet -o two --nframe 2 "$BUILD_ROOT/samples/event_handler_leak"
    "$HEAPDELTA" stats --group-by traceback --limit 0 --format json two/*.exit.hds |
        "$PYTHON" -c 'import json, sys
rows = json.load(sys.stdin)["rows"]
assert rows and all(len([f for f in row["traceback"] if not f["inlined"]]) <= 2 for row in rows)'
}
