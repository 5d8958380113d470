#!/usr/bin/env bats
# The usual test runners, as docs/ci.md has it: small projects, of which exactly the test that leaks fails, with
# its line, in JUnit and SARIF files that are valid by their schemas.

bats_require_minimum_version 1.5.0
load ../cli/run_common.bash

PROJECTS=$SOURCE_ROOT/tests/check/projects
VALID=$SOURCE_ROOT/tests/check/valid.py

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir results
    export CFLAGS= CXXFLAGS= LDFLAGS= TMPDIR=$BATS_TEST_TMPDIR
}

# Where the line of FILE is that has TEXT, as FILE:LINE without directories.
line_of() {
    echo "$(basename "$1"):$(grep -nF "$2" "$1" | head -1 | cut -d: -f1)"
}

# The results of NAME… (programs) are failures, those of all others are not; all are valid.
only_fails() {
    xmllint --noout --schema "$SOURCE_ROOT/tests/check/junit.xsd" results/*.xml
    "$PYTHON" "$VALID" results/*.sarif
    grep -l '<failure' results/*.xml | sed 's/.*results.//; s/\.[0-9]*\.xml//' | sort >failed
    printf '%s\n' "$@" | sort | diff - failed
}

# The findings of PROGRAM name PLACE, in both files.
is_found_at() {
    grep -qF "$2)" results/"$1".*.xml || {
        cat results/"$1".*.xml
        return 1
    }
    "$PYTHON" - "$2" results/"$1".*.sarif <<'END'
import json, sys
file, line = sys.argv[1].rsplit(":", 1)
places = []
for path in sys.argv[2:]:
    for result in json.load(open(path))["runs"][0]["results"]:
        place = result["locations"][0]["physicalLocation"]
        places.append((place["artifactLocation"]["uri"].rsplit("/", 1)[1],
                       place["region"]["startLine"]))
assert (file, int(line)) in places, places
END
}

@test "meson" {
    command -v meson >/dev/null || skip "no meson"
    meson setup build "$PROJECTS/meson" >setup.log
    status=0
    meson test -C build --no-suite none --wrapper \
        "$HEAPDELTA check --quiet --junit $PWD/results/%p.xml --sarif $PWD/results/%p.sarif --" \
        >test.log 2>&1 || status=$?
    cat test.log
    [ "$status" -eq 1 ] # one test
    only_fails test_forgets
    grep -qE 'forgets +FAIL +.*exit status 1' test.log
    grep -qE 'push +OK' test.log
    grep -qE 'pop +OK' test.log
    grep -qE 'skipped +SKIP' test.log
    is_found_at test_forgets "$(line_of "$PROJECTS/meson/queue.c" 'strdup(')"
}

@test "meson, by a setup" {
    command -v meson >/dev/null || skip "no meson"
    cp -r "$PROJECTS/meson" project
    chmod -R u+w project
    sed -n "s/.*\(add_test_setup('leaks'.*'--'\])\)\`.*/\1/p" "$SOURCE_ROOT/docs/ci.md" >>project/meson.build
    tail -1 project/meson.build | grep -q '^add_test_setup'
    export PATH=${HEAPDELTA%/*}:$PATH
    meson setup build project >setup.log
    status=0
    meson test -C build --setup leaks >test.log 2>&1 || status=$?
    cat test.log
    [ "$status" -eq 1 ]
    grep -qE 'forgets +FAIL +.*exit status 1' test.log
}

# Configure the project NAME so that its tests run under check, and build and run them.
with_cmake() {
    local check="$HEAPDELTA;check;--quiet;--junit;$PWD/results/%p.xml;--sarif;$PWD/results/%p.sarif;--"

    command -v cmake >/dev/null || skip "no cmake"
    cmake -S "$PROJECTS/$1" -B build "-DCMAKE_TEST_LAUNCHER=$check" \
        "-DCMAKE_CROSSCOMPILING_EMULATOR=$check" "-DCMAKE_C_FLAGS=-I$SOURCE_ROOT" \
        "-DCMAKE_CXX_FLAGS=-O1 -g -I$SOURCE_ROOT" >setup.log
    cmake --build build >build.log
    rm -f results/* # of what was run to list the tests
    status=0
    ctest --test-dir build >test.log 2>&1 || status=$?
    cat test.log
}

@test "ctest" {
    with_cmake ctest
    [ "$status" -ne 0 ]
    only_fails test_keeps
    grep -qE '\blends +\.+ +Passed' test.log
    grep -qE '\breturns +\.+ +Passed' test.log
    grep -qE '\bkeeps +\.+\*\*\*Failed' test.log
    grep -qF '64 bytes a round' results/test_keeps.*.xml
    is_found_at test_keeps "$(line_of "$PROJECTS/ctest/pool.c" 'malloc(size)')"
}

@test "GoogleTest, each test a process" {
    [ -f /usr/include/gtest/gtest.h ] || skip "no GoogleTest"
    with_cmake gtest
    [ "$status" -ne 0 ]
    grep -qE 'Names.AreMade +\.+ +Passed' test.log
    grep -qE 'Names.AreLong +\.+ +Passed' test.log
    grep -qE 'Registry.Keeps +\.+ +Passed' test.log # it is held
    grep -qE 'Names.AreForgotten +\.+\*\*\*Failed' test.log
    [ "$(grep -l '<failure' results/*.xml | wc -l)" -eq 1 ]
    grep -l '<failure' results/*.xml | xargs grep -qF 'gtest_filter=Names.AreForgotten'
    xmllint --noout --schema "$SOURCE_ROOT/tests/check/junit.xsd" results/*.xml
    "$PYTHON" "$VALID" results/*.sarif
    is_found_at test_names "$(line_of "$PROJECTS/gtest/test_names.cc" 'return new std::string(text)')"

    # And repeated, with a listener that ends rounds: what is kept grows.
    status=0
    "$HEAPDELTA" check --quiet --rounds 8 --junit repeated.xml -- build/test_names --gtest_repeat=8 \
        --gtest_filter=Registry.Keeps >stdout 2>stderr || status=$?
    cat stderr
    [ "$status" -eq 1 ]
    grep -qF "$(line_of "$PROJECTS/gtest/test_names.cc" 'return new std::string(text)')" stderr
    grep -qE 'in [67] of [67] rounds' stderr
    "$HEAPDELTA" check --quiet --rounds 8 -- build/test_names --gtest_repeat=8 \
        --gtest_filter=Names.AreMade >stdout 2>stderr
}

@test "bats" {
    # In two parts, or bats would take them for tests of this file.
    {
        printf '@%s "does not leak" {\n "%s" check --quiet -- "%s" mark 6 steady\n}\n' \
            test "$HEAPDELTA" "$BUILD_ROOT/tests/check/rounds"
        printf '@%s "leaks" {\n "%s" check --quiet -- "%s" mark 6 lost\n}\n' \
            test "$HEAPDELTA" "$BUILD_ROOT/tests/check/rounds"
    } >tests.bats
    status=0
    env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$HOME" LC_ALL=C.UTF-8 bats --tap tests.bats >test.log 2>&1 || status=$?
    cat test.log
    [ "$status" -eq 1 ]
    grep -q '^ok 1 ' test.log
    grep -q '^not ok 2 ' test.log
}

@test "odd names are valid in both files" {
    local odd=$'odd <&"\'> \xff\n name'

    cp "$BUILD_ROOT/tests/check/rounds" "odd & name"
    status=0
    "$HEAPDELTA" check --quiet --name "$odd" --junit results/odd.xml --sarif results/odd.sarif -- \
        "./odd & name" mark 5 "lost" 2>stderr || status=$?
    [ "$status" -eq 1 ]
    "$HEAPDELTA" check --quiet --junit results/well.xml --sarif results/well.sarif -- \
        "./odd & name" mark 5 steady "$odd" 2>stderr || status=$?
    status=0
    "$HEAPDELTA" check --quiet --junit results/fails.xml --sarif results/fails.sarif -- \
        "./odd & name" mark 5 fails 2>stderr || status=$?
    [ "$status" -eq 4 ]
    xmllint --noout --schema "$SOURCE_ROOT/tests/check/junit.xsd" results/*.xml
    "$PYTHON" "$VALID" results/*.sarif
    grep -q '<error message="the program itself failed: exit status 3"' results/fails.xml
    grep -q '"executionSuccessful":false' results/fails.sarif
}
