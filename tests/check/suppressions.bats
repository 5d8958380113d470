#!/usr/bin/env bats
# `leaks --suppressions`: valgrind reads the same files, and must leave the same.

bats_require_minimum_version 1.5.0
load ../cli/run_common.bash

KNOWN=$BUILD_ROOT/tests/check/known
FILES=$SOURCE_ROOT/tests/check

setup_file() {
    "$BUILD_ROOT/analyzer/heapdelta" run --quiet -o "$BATS_FILE_TMPDIR/out" -- \
        "$BUILD_ROOT/tests/check/known"
}

# Our functions that lost something, with the SUPPRESSIONS options.
left_by_us() {
    "$HEAPDELTA" leaks --limit 0 --format json "$@" "$BATS_FILE_TMPDIR"/out/*.exit.hds >leaks.json
    "$PYTHON" - leaks.json <<'END'
import json, sys
for row in json.load(open(sys.argv[1]))["rows"]:
    if row["class"] == "definitely_lost":
        for frame in row["traceback"]:
            name = (frame["function"] or "").split("(")[0]
            if name.startswith(("lost_", "app::")):
                print(name)
                break
END
}

# The same by memcheck.
left_by_valgrind() {
    valgrind --quiet --leak-check=full --show-leak-kinds=definite --num-callers=50 \
        --run-libc-freeres=no --run-cxx-freeres=no --xml=yes --xml-file=valgrind.xml "$@" "$KNOWN"
    "$PYTHON" - valgrind.xml <<'END'
import sys, xml.etree.ElementTree as tree
for error in tree.parse(sys.argv[1]).getroot().iter("error"):
    for frame in error.find("stack").iter("frame"):
        name = frame.findtext("fn", "").split("(")[0]
        if name.startswith(("lost_", "app::")):
            print(name)
            break
END
}

@test "valgrind's syntax leaves what valgrind leaves" {
    command -v valgrind >/dev/null || skip "no valgrind"
    # What the program carries with it is unknown to valgrind.
    left_by_us --suppressions "$FILES/memcheck.supp" | sort >ours
    left_by_valgrind --suppressions="$FILES/memcheck.supp" | grep -v known_to_program | sort >theirs
    diff -u theirs ours
    [ "$(wc -l <ours)" -eq 4 ] # realloc, strdup, list, operator(); not malloc, calloc, deep, fill, lend
    left_by_us | sort >ours
    left_by_valgrind | sort >theirs
    diff -u theirs ours
    [ "$(wc -l <ours)" -eq 10 ]
}

@test "LeakSanitizer's syntax" {
    left_by_us --suppressions "$FILES/lsan.supp" | sort >ours
    printf '%s\n' 'app::Cache::operator' lost_by_realloc lost_by_strdup lost_deep lost_list >expected
    diff -u expected ours
}

@test "what goes with a suppressed leak is suppressed" {
    echo 'leak:lost_list' >list.supp
    ends_with 0 "$HEAPDELTA" leaks --suppressions list.supp --format json "$BATS_FILE_TMPDIR"/out/*.exit.hds
    run ! grep lost_list stdout
    grep -q 'Suppressed: 204 bytes in 3 blocks' stdout # the two, and what the program knows
}

@test "where all is suppressed nothing else is lost" {
    echo 'leak:main' >all.supp
    ends_with 0 "$HEAPDELTA" leaks --suppressions all.supp --explain --error-exitcode \
        "$BATS_FILE_TMPDIR"/out/*.exit.hds
    head -n 1 stdout | grep -q ': no other leak$'
    grep -q '^Nothing else is lost' stdout
    grep -q '^Suppressed: ' stdout
    run ! grep 'What they held' stdout
}

@test "unused suppressions are listed, those for other errors are not" {
    ends_with 0 "$HEAPDELTA" leaks --suppressions "$FILES/lsan.supp" \
        --suppressions "$FILES/memcheck.supp" "$BATS_FILE_TMPDIR"/out/*.exit.hds
    grep 'Not used:' stdout >unused
    grep -q 'lsan.supp:7: nothing/known.cc$' unused
    grep -q 'lsan.supp:8: libnothing.so.1$' unused
    grep -q 'memcheck.supp:3: a function, called by another$' unused # the other file was first
    run ! grep -E 'no leak|another tool' unused
}

@test "a malformed list is refused with its line" {
    printf 'leak:a\nleek:b\n' >bad.supp
    ends_with 3 "$HEAPDELTA" leaks --suppressions bad.supp "$BATS_FILE_TMPDIR"/out/*.exit.hds
    grep -q "bad.supp:2: 'leek:b' is neither leak:PATTERN nor" stderr
    ends_with 3 "$HEAPDELTA" leaks --suppressions nothing.supp "$BATS_FILE_TMPDIR"/out/*.exit.hds
    grep -q 'nothing.supp: No such file' stderr
}

@test "what valgrind refuses, is refused" {
    command -v valgrind >/dev/null || skip "no valgrind"
    for text in '{\nname\nMemcheck:Leak\nfun:a\n' '{\nname\nLeak\nfun:a\n}\n' \
                '{\nname\nMemcheck:Leak\nfn:a\n}\n' '{\nname\nMemcheck:Leak\n...\n}\n' \
                '{\nname\nMemcheck:Leak\nmatch-leak-kinds: bad\nfun:a\n}\n'; do
        # shellcheck disable=SC2059 # it has escapes
        printf "$text" >bad.supp
        run ! valgrind --quiet --suppressions=bad.supp true
        ends_with 3 "$HEAPDELTA" leaks --suppressions bad.supp "$BATS_FILE_TMPDIR"/out/*.exit.hds
    done
}
