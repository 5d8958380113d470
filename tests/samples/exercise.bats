#!/usr/bin/env bats
# The exercise: what leaks, what mends it, and the player that walks through it.

load common

LEAK=samples/exercise/event_handler.c
SOLUTION=samples/exercise/solution/event_handler.c

setup_file() {
    # a tree of its own, in which the learner's file can be edited
    mkdir "$BATS_FILE_TMPDIR/tree" && cd "$BATS_FILE_TMPDIR/tree" || return 1
    cp -r "$SOURCE_ROOT/samples" .
    ln -s "$SOURCE_ROOT/docs" "$SOURCE_ROOT/preload" .
    mkdir build
    for path in "$BUILD_ROOT"/*; do
        [ "${path##*/}" = exercise ] || ln -s "$path" build/
    done
    compile "$LEAK" leak
    compile "$SOLUTION" mended
}

# FILE as PROGRAM, with further OPTIONS for the compiler.
compile() {
    cc -g -I. -pthread "${@:3}" -o "$2" "$1" samples/lib/*.c
}

setup() {
    cd "$BATS_FILE_TMPDIR/tree" || return 1
    unset BUILD_ROOT LC_ALL LC_MESSAGES LANG
    rm -rf out
    cp "$SOURCE_ROOT/$LEAK" "$LEAK"
}

# What grew between rounds OLD and NEW, a line "TEXT-ON-THE-LINE BLOCKS BYTES" each.
grown_in_rounds() {
    local line blocks bytes

    growth_of_lines "$(snapshot "round_$1")" "$(snapshot "round_$2")" "$LEAK" |
        while read -r line blocks bytes; do
            echo "$(sed -n "${line}s/^.*= //p" "$LEAK") $blocks $bytes"
        done
}

@test "the leak grows by 1000 handlers, names and callbacks in each round" {
    traced ./leak 10 >truth
    grep -qx 'handlers alive        10001' truth
    grep -qx 'shutdown is heard by  10001' truth
    for round in 1 2 3 4 5 6 7 8 9 10; do
        # names: handler_0 to handler_999, with their NUL
        grown_in_rounds $((round - 1)) $round >grew
        grep -qx 'must(malloc(sizeof \*handler)); 1000 40000' grew
        grep -qx 'must(strdup(name)); 1000 11890' grew
        grep -qx 'must(realloc(handler->callbacks, size)); 1000 8000' grew
        # and at most the array that leads to them, which is still one block
        [ "$(grep -cv ' 1000 ' grew)" -eq "$(grep -c '^must(realloc(registry, .* 0 [0-9]*$' grew)" ]
    done
}

@test "the mended one grows by nothing in ten rounds" {
    traced ./mended 10 >truth
    grep -qx 'events heard          10000' truth
    grep -qx 'handlers alive        1' truth
    grep -qx 'shutdown is heard by  1' truth
    grep -qx 'and afterwards by     0' truth
    for round in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(growth "$(snapshot round_0)" "$(snapshot "round_$round")")" = "0 0 0" ]
    done
}

@test "LeakSanitizer and valgrind have nothing against the leak" {
    compile "$LEAK" leak_sanitized -fsanitize=address
    ./leak_sanitized >stdout 2>stderr
    [ ! -s stderr ]
    valgrind -q --leak-check=full --error-exitcode=9 ./leak >stdout 2>stderr
    [ ! -s stderr ]
    # but against a block that nothing leads to
    echo 'int main(void) { for (int i = 0; i < 9; i++) { void *volatile p = __builtin_malloc(77); p = 0; } return 0; }' >lost.c
    cc -fsanitize=address -o lost lost.c
    ! ./lost 2>stderr
    grep -q 'LeakSanitizer' stderr
}

@test "the mended one is clean, also to valgrind and the sanitizers" {
    valgrind_clean ./mended 2
    compile "$SOLUTION" mended_sanitized -fsanitize=address,undefined -fno-sanitize-recover=all
    ./mended_sanitized 2 >stdout 2>stderr
    [ ! -s stderr ]
    compile "$SOLUTION" mended_threads -fsanitize=thread
    ./mended_threads 2 >stdout 2>stderr
    [ ! -s stderr ]
}

@test "--check: the leak is there, and what to do is said" {
    ends_with 1 samples/exercise/play --check
    grep -q 'event_handler.c still leaks: from round 1 to round 10 the heap grew by 27000 blocks, 661890 bytes\.$' stdout
    grep -q "event_handler.c:$(line_of exercise/event_handler.c 'malloc(sizeof *handler)') (event_handler_new) .*(+9000)" stdout
    grep -q 'docs/exercise.md, step 3' stdout
    [ ! -s stderr ]
}

@test "--check: with the solution in place it is gone" {
    cp "$SOLUTION" "$LEAK"
    ends_with 0 samples/exercise/play --check
    grep -q 'the leak is gone. From round 1 to round 10 the heap grew by 0 blocks, 0 bytes,$' stdout
    ends_with 0 samples/exercise/play --check "$SOLUTION"
}

@test "--check: a registry that finds nobody is no repair" {
    sed -i '/registry_add(handler);/d; /^static void registry_add/,/^}/d' "$LEAK"
    ends_with 1 samples/exercise/play --check
    grep -q "'shutdown' is heard by nobody" stdout
}

@test "--check: a registry that leads to the dead is no repair" {
    # what a dead handler leaves behind leads nowhere, so that the end is certain
    sed -i 's/object_retain(handler)/handler/; s/^    handlers_freed++;/&\n    handler->callbacks = (void *)16;/' "$LEAK"
    ends_with 1 samples/exercise/play --check
    grep -q 'killed by a signal. Does the registry lead to a handler that is freed already?' stdout
}

@test "--check: what does not compile, ends badly or misses events is said" {
    echo 'int main(void) { return x; }' >own.c
    ends_with 1 samples/exercise/play --check own.c
    grep -q 'own.c does not compile' stdout
    echo 'int main(void) { return 3; }' >own.c
    ends_with 1 samples/exercise/play --check own.c
    grep -q 'ended with status 3' stdout
    echo 'int main(void) { return 0; }' >own.c
    ends_with 1 samples/exercise/play --check own.c
    grep -q 'not all of the 10000 events' stdout
    sed 's/heapdelta_take_snapshot(label)/(void)label/' "$SOLUTION" >own.c
    ends_with 1 samples/exercise/play --check own.c
    grep -q 'no snapshots round_1 and round_10' stdout
    ends_with 2 samples/exercise/play --check missing.c
    grep -q "no file 'missing.c'" stderr
}

@test "--auto plays all steps and ends well" {
    ends_with 0 samples/exercise/play --auto
    for step in 1 2 3 4 5; do
        grep -q "^## Step $step: " stdout
    done
    grep -qx 'shutdown is heard by  10001' stdout
    grep -qx 'LeakSanitizer has nothing to say' stdout
    grep -q 'still reachable: 730,027 bytes' stdout
    tail -n 2 stdout | grep -q 'the leak is gone'
    cmp "$LEAK" "$SOURCE_ROOT/$LEAK"
}

@test "a learner goes on with Enter and is told the truth" {
    yes '' | head -n 20 >enters
    ! samples/exercise/play <enters >stdout 2>stderr
    grep -q 'Enter to go on' stdout
    grep -qx '\$ mended=samples/exercise/event_handler.c' stdout
    grep -q 'still leaks' stdout
    cp "$SOLUTION" "$LEAK"
    samples/exercise/play <enters >stdout 2>stderr
    tail -n 2 stdout | grep -q 'the leak is gone'
}

@test "the language is the locale's or the one that is asked for" {
    LC_ALL=zh_TW.UTF-8 samples/exercise/play --auto >stdout
    grep -q '^## 第 1 步' stdout
    samples/exercise/play --auto --lang zh-TW | grep -q '^## 第 5 步'
    ends_with 2 samples/exercise/play --lang fr
    grep -q "no text in 'fr'" stderr
    ends_with 2 samples/exercise/play --fast
    grep -q '^Usage: ' stderr
}
