#!/usr/bin/env bats
# `heapdelta check`: a program that says what it does in each round is judged right, and the exit status
# tells who failed.

bats_require_minimum_version 1.5.0
load ../cli/run_common.bash

ROUNDS=$BUILD_ROOT/tests/check/rounds

setup_file() {
    export TMPDIR=$BATS_FILE_TMPDIR
}

# Fail unless ./stderr says TEXT.
said() {
    grep -qF -- "$1" stderr || {
        echo "not said: $1"
        cat stderr
        return 1
    }
}

# check [OPTION…] with the rounds ended by marks: STATUS COUNT MODE [OPTION…]
check_marks() {
    local status=$1 count=$2 mode=$3

    shift 3
    ends_with "$status" "$HEAPDELTA" check "$@" -- "$ROUNDS" mark "$count" "$mode"
}

# The line of rounds.c that has TEXT.
line_of() {
    grep -nF "$1" "$SOURCE_ROOT/tests/check/rounds.c" | head -1 | cut -d: -f1
}

@test "what does not grow passes, in a line" {
    for mode in steady warms_up replaced; do
        check_marks 0 12 "$mode"
        lines stderr 1
        said "heapdelta check: rounds: no leak"
    done
    check_marks 0 12 steady --quiet
    lines stderr 0
}

@test "what is lost fails, with its line" {
    check_marks 1 12 lost
    said "FAILED: 1 leak of 12 blocks"
    said "definitely lost  work (rounds.c:$(line_of 'malloc(33)'))"
    said "33 bytes a round, in 10 of 10 rounds"
    ends_with 1 "$HEAPDELTA" check -- "$ROUNDS" mark 1 lost # also a single block
    said "FAILED: 1 leak of 1 block"
}

@test "blocks of no size are lost as others are" {
    check_marks 1 12 lost_empty -o kept
    said "FAILED: 1 leak of 12 blocks"
    check_marks 0 12 lost_empty --max-lost 1
    check_marks 0 12 lost_empty --baseline kept/*.exit.hds
    check_marks 1 13 lost_empty --baseline kept/*.exit.hds
}

@test "what is held and grows fails, with its line and its holder" {
    check_marks 1 12 grows
    said "held and growing  make_thing (rounds.c:$(line_of 'return calloc'))"
    said "96 bytes a round, in 10 of 10 rounds"
    said "held by  global \`registry[]\`"
    check_marks 1 12 grows_with_names
    said "FAILED: 1 leak of 24 blocks"
    said "with it  12 of work (rounds.c:$(line_of 'strdup('))"
}

@test "what has no size is held and grows as other blocks do" {
    check_marks 1 12 grows_empty
    said "held and growing  work (rounds.c:$(line_of 'empty[registered++] = malloc(0)'))"
    said "10 blocks more, 1 block a round, in 10 of 10 rounds"
    check_marks 0 12 grows_empty --max-growth 1block
}

@test "what is let go at the end only fails as well" {
    check_marks 1 12 cleared
    said "grows and is let go at the end only: 10 blocks more, 96 bytes a round"
}

@test "what grows in some rounds is found if there are enough" {
    check_marks 1 100 now_and_then
    said "held and growing  make_thing"
    said "in 24 of 80 rounds"
}

@test "limits" {
    check_marks 0 12 grows --max-growth 96
    check_marks 1 12 grows --max-growth 95
    check_marks 0 12 grows --max-growth 1block
    check_marks 1 12 grows_with_names --max-growth 1block
    check_marks 0 12 grows_with_names --max-growth 2blocks
    check_marks 0 12 lost --max-lost 396 --max-growth 33
    said "heapdelta check: rounds: within the limits"
    said "Within the limits: 396 bytes in 12 blocks."
    check_marks 1 12 lost --max-lost 395
    check_marks 0 12 steady --max-peak 64K
    check_marks 1 12 steady --max-peak 1000
    said "FAILED: the peak of 1011 B is above the limit of 1000 B"
}

@test "rounds that are not looked at" {
    check_marks 0 6 warms_up --warmup 3
    check_marks 1 12 grows --rounds 5 --warmup 1
    said "rounds          5  4 of them judged, after 1 to warm up"
    check_marks 3 12 grows --rounds 3
    said "3 rounds: too few to judge growth by; with a warm-up of 1 there must be 4"
    check_marks 3 12 grows --warmup 30 # all of them
    said "12 rounds: too few to judge growth by; with a warm-up of 30 there must be 33"
}

@test "rounds by time, after which the program is ended" {
    ends_with 0 "$HEAPDELTA" check --interval 10ms --rounds 5 -- "$ROUNDS" wait steady
    said "no leak"
}

@test "a program that gets our TERM ends by it in one way or the other" {
    ends_with 0 "$HEAPDELTA" check --interval 1ms --rounds 4 -- "$ROUNDS" wait exits_143
    ends_with 4 "$HEAPDELTA" check --interval 1ms --rounds 4 -- "$ROUNDS" wait exits_1
    said "the program itself failed: exit status 1"
    ends_with 143 "$HEAPDELTA" check -- sh -c 'exit 143' # we have not ended it
}

@test "a program that takes no more snapshots is ended" {
    ends_with 3 "$HEAPDELTA" check --signal USR1 --rounds 200 --warmup 100 -o kept -- sh -c '
        until ls kept/*.round.hds; do kill -USR1 $PPID; done
        "$1" stop $$
        while :; do kill -USR1 $PPID; sleep 0.1; done' sh "$HEAPDELTA"
    said "the program was ended, for it takes no more snapshots"
}

@test "rounds by a signal" {
    local pid line

    # What USR2 is to the program, USR1 is to us.
    coproc "$HEAPDELTA" check --signal USR1 --rounds 6 -- "$ROUNDS" wait grows 2>stderr
    pid=$COPROC_PID
    exec 8<&"${COPROC[0]}"
    read -r line <&8
    [ "$line" = ready ]
    for _ in 1 2 3 4 5 6; do
        kill -USR2 "$pid"
        read -r line <&8
        kill -USR1 "$pid"
    done
    wait "$pid" && status=0 || status=$?
    exec 8<&-
    [ "$status" -eq 1 ]
    said "rounds          6  5 of them judged"
    said "96 bytes a round, in 5 of 5 rounds"
}

@test "rounds by lines of standard input" {
    for i in 1 2 3 4 5 6 7; do echo "line $i"; done >input
    status=0
    "$HEAPDELTA" check --stdin-line -- "$ROUNDS" lines grows <input >stdout 2>stderr || status=$?
    [ "$status" -eq 1 ]
    lines stdout 7
    said "rounds          7  6 of them judged"
    said "96 bytes a round, in 6 of 6 rounds"
    "$HEAPDELTA" check --stdin-line -- "$ROUNDS" lines warms_up <input >stdout 2>stderr
    # The program's input ends after so many.
    "$HEAPDELTA" check --stdin-line --rounds 5 -- "$ROUNDS" lines steady <input >stdout 2>stderr
    lines stdout 5
}

@test "more rounds than are looked at are not ended" {
    seq 205 >input
    "$HEAPDELTA" check --stdin-line -o kept -- "$ROUNDS" lines steady <input >stdout 2>stderr
    lines stdout 205
    [ "$(snapshots kept)" -eq 201 ] # and the one at exit
}

@test "a program ends while our input is open and quiet" {
    mkfifo quiet
    exec 7<>quiet
    "$HEAPDELTA" check --stdin-line -- "$ROUNDS" quiet steady <quiet >stdout 2>stderr && status=0 || status=$?
    exec 7>&-
    cat stderr
    [ "$status" -eq 3 ] # there was no round
    # Lines may come in pieces, and the last one has no end.
    (printf 'a\nb'; printf 'c\nd') | "$HEAPDELTA" check --stdin-line --rounds 9 --quiet -- \
        "$ROUNDS" lines steady >stdout 2>stderr || cat stderr
    printf '0 a\n1 bc\n2 d' | diff - stdout
}

@test "a program that closes its standard input goes on" {
    echo line >input
    "$HEAPDELTA" check --stdin-line --max-growth 1M -- "$ROUNDS" closes steady <input >stdout 2>stderr && status=0 ||
        status=$?
    cat stderr
    [ "$status" -eq 3 ] # there was no round
    said "0 rounds: too few to judge growth by"
}

@test "a program that fails by itself is told apart" {
    check_marks 4 12 fails # 3 means something else here
    said "But the program itself failed: exit status 3."
    check_marks 4 12 fails_and_leaks
    said "FAILED: 1 leak of 12 blocks"
    check_marks 77 12 skipped # as meson has it
    ends_with 137 "$HEAPDELTA" check -- sh -c 'kill -KILL $$'
    said "signal 9 (Killed) ended the program"
    ends_with 127 "$HEAPDELTA" check -- ./nothing
}

@test "what can't be checked" {
    ends_with 3 "$HEAPDELTA" check --rounds 5 -- true
    said "0 rounds: too few to judge growth by"
    [ -x "$BUILD_ROOT/tests/cli/places" ]
    ends_with 3 "$HEAPDELTA" check -- "$BUILD_ROOT/tests/cli/places"
    said "can't be checked: it is statically linked"
    for options in "--rounds" "--rounds 0" "--rounds 201" "--rounds x" "--signal KILL" "--signal 0" \
                   "--interval 0" "--max-growth x" "--max-growth 3bytes" "--max-growth 3block" \
                   "--max-growth 1blocks" "--max-growth blocks" "--max-lost -1" \
                   "--interval 1s --stdin-line" "--nonsense" ""; do
        # shellcheck disable=SC2086 # words
        ends_with 2 "$HEAPDELTA" check $options
    done
    printf 'leak\n' >bad.supp
    ends_with 3 "$HEAPDELTA" check --suppressions bad.supp -- true
    said "bad.supp:1: 'leak' is neither"
}

@test "where there were no rounds it is said what was lost, also in the files" {
    cat >plain.c <<'END'
#include <stdlib.h>

static void *volatile sink;

int main(void)
{
    for (int i = 0; i < 50; i++)
        sink = malloc(5000);
    sink = NULL;
    return 0;
}
END
    cc -g -O1 -fno-builtin -o plain plain.c
    ends_with 3 "$HEAPDELTA" check --quiet --rounds 5 --junit t.xml --sarif t.sarif --json t.json -- ./plain
    said "plain: 0 rounds: too few to judge growth by; with a warm-up of 1 there must be 4; besides: 1 leak of 50 blocks"
    said "definitely lost  main (plain.c:8)"
    grep -qF '<error message="0 rounds: too few to judge growth by' t.xml
    grep -qF 'definitely lost  main (plain.c:8)' t.xml
    run ! grep '<failure' t.xml
    grep -q '"executionSuccessful":false' t.sarif
    grep -q '"ruleId":"lost"' t.sarif
    grep -q '"lost_size": 250000' t.json
    xmllint --noout --schema "$SOURCE_ROOT/tests/check/junit.xsd" t.xml
    "$PYTHON" "$SOURCE_ROOT/tests/check/valid.py" t.sarif
}

@test "large amounts have units" {
    cat >large.c <<'END'
#include <preload/heapdelta.h>
#include <stdlib.h>

static void *held[20];

int main(void)
{
    for (int i = 0; i < 10; i++) {
        held[i] = malloc(210000);
        heapdelta_mark("round");
    }
    return held[0] == NULL;
}
END
    cc -g -O1 -fno-builtin -I"$SOURCE_ROOT" -o large large.c
    ends_with 1 "$HEAPDELTA" check -- ./large
    said "8 blocks more, 205 KiB a round, in 8 of 8 rounds"
    ends_with 0 "$HEAPDELTA" check --max-growth 210000 -- ./large
    said "Within the limits: 2051 KiB in 10 blocks."
}

@test "what goes with a leak is told once for each line" {
    cat >pairs.c <<'END'
#include <stdlib.h>

static void **volatile sink;

int main(void)
{
    for (int i = 0; i < 4; i++) {
        sink = calloc(3, sizeof(*sink));
        sink[0] = malloc(10); sink[1] = malloc(20);
        sink[2] = malloc(15);
    }
    sink = NULL;
    return 0;
}
END
    cc -g -O1 -fno-builtin -o pairs pairs.c
    ends_with 1 "$HEAPDELTA" check -- ./pairs
    said "with it  8 of main (pairs.c:9), 4 of main (pairs.c:10)"
}

@test "suppressions" {
    echo 'leak:make_thing' >known.supp
    check_marks 0 12 grows --suppressions known.supp
    said "heapdelta check: rounds: no new leak"
    said "Suppressed: 1152 bytes in 12 blocks."
    check_marks 1 12 lost --suppressions known.supp
    said "Not used: known.supp:1: make_thing"
}

@test "suppressions in the program that can't be read are noted" {
    cat >carries.c <<'END'
#include <stdlib.h>

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return getenv("KNOWN") ? getenv("KNOWN") : "";
}

int main(void)
{
    return 0;
}
END
    cc -O1 -o carries carries.c
    ends_with 0 "$HEAPDELTA" check -o kept -- ./carries
    said "__lsan_default_suppressions() of the program does more than to return a text"
    echo 'leak:nothing' >known.supp
    ends_with 0 "$HEAPDELTA" leaks --suppressions known.supp kept/*.exit.hds
    grep -q '__lsan_default_suppressions() of the program does more than to return a text' stdout
}

@test "suppressions that it makes itself" {
    for mode in lost grows_with_names; do
        check_marks 1 12 $mode --gen-suppressions made.supp
        check_marks 0 12 $mode --suppressions made.supp
        said "Suppressed:"
    done
    grep -q 'match-leak-kinds: reachable' made.supp
    command -v valgrind >/dev/null || skip "no valgrind"
    check_marks 1 12 lost --gen-suppressions made.supp
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        --suppressions=made.supp "$ROUNDS" mark 12 lost
    run ! valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$ROUNDS" mark 12 lost
}

@test "a baseline: what an earlier build had is known" {
    cp "$SOURCE_ROOT/tests/check/rounds.c" old.c
    # The same with other lines and offsets, and a leak of its own.
    sed 's/^int main/static int unused_one, unused_two;\n\nint main/; s/^APART static void work/APART static void more(void)\n{\n    sink = malloc(44);\n    sink = NULL;\n}\n\n&/' old.c >new.c
    sed 's/^    setvbuf/    if (getenv("MORE"))\n        more();\n&/' new.c >newer.c
    mkdir old new
    cc -g -O1 -fno-builtin -fno-optimize-sibling-calls -I"$SOURCE_ROOT" -o old/rounds old.c
    cc -g -O1 -fno-builtin -fno-optimize-sibling-calls -I"$SOURCE_ROOT" -o new/rounds newer.c
    ends_with 1 "$HEAPDELTA" check -o kept -- old/rounds mark 12 lost
    ends_with 0 "$HEAPDELTA" check --baseline kept/*.exit.hds -- new/rounds mark 12 lost
    said "As in the baseline: 396 bytes in 12 blocks."
    ends_with 1 "$HEAPDELTA" check --baseline kept/*.exit.hds -- new/rounds mark 13 lost # more
    MORE=1 ends_with 1 "$HEAPDELTA" check --baseline kept/*.exit.hds -- new/rounds mark 12 lost
    said "FAILED: 1 leak of 1 block"
    said "more (newer.c:"
    # Where the old build is gone nobody knows what its frames were called.
    rm old/rounds
    ends_with 1 "$HEAPDELTA" check --baseline kept/*.exit.hds -- new/rounds mark 12 lost
    said "Names of the baseline are missing"
    ends_with 3 "$HEAPDELTA" check --baseline nothing.hds -- true
    ends_with 3 "$HEAPDELTA" check --baseline kept/*.0001.*.hds -- true
    said "has no heap graph"
}

@test "a baseline may be a directory, of many programs" {
    ends_with 3 "$HEAPDELTA" check --baseline . -- "$ROUNDS" mark 1 steady
    said ".: has no snapshot that was taken at an exit"
    check_marks 1 12 lost -o kept
    cp kept/*.exit.hds one.hds
    run ! said "of before"
    check_marks 1 12 grows -o kept
    said "13 snapshots in kept, beside 13 of before."
    ends_with 0 "$HEAPDELTA" check -o kept -- true
    # Each run is allowed what any had, but not the sum.
    check_marks 0 12 lost --baseline kept
    said "As in the baseline: 396 bytes in 12 blocks."
    check_marks 0 12 grows --baseline kept
    check_marks 1 13 lost --baseline kept -o new
    check_marks 1 13 lost --baseline kept
    # Else it would pass the second time.
    check_marks 2 13 lost --baseline kept -o ./kept
    said "--baseline and --output are the same directory"
    cp one.hds kept
    check_marks 2 13 lost --baseline kept/one.hds -o ./kept
    said "--baseline lies in the directory of --output"
    rm kept/one.hds
    check_marks 1 13 lost --baseline one.hds -o fresh
    [ "$(snapshots kept)" -eq 27 ] # the program did not run
    # Nothing is known of a program that is not in there.
    cp "$ROUNDS" other
    ends_with 1 "$HEAPDELTA" check --baseline kept -- ./other mark 12 lost
    said "The baseline kept has nothing of this program: nothing is known."
}

@test "what it prints and reads is the program's own" {
    printf 'a\nb\n' >input
    "$HEAPDELTA" check --quiet -- "$ROUNDS" lines steady <input >stdout 2>stderr
    printf '0 a\n1 b\n' | diff - stdout
    lines stderr 0
}

@test "snapshots are kept where one says, else nothing stays" {
    check_marks 0 5 steady -o kept
    [ "$(snapshots kept)" -eq 6 ]
    ends_with 0 "$HEAPDELTA" leaks kept
    check_marks 1 5 lost
    [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'heapdelta-check.*')" ]
}

@test "all that is allocated in a line is of the leak, and a node and what it holds are one" {
    cat >line.c <<'END'
#include <preload/heapdelta.h>
#include <stdlib.h>

struct node {
    struct node *next;
    void *key, *value;
};

static struct node *first;

int main(int argc, char **argv)
{
    for (int i = 0; i < 3000; i++) {
        struct node *node = malloc(sizeof(*node)); node->next = first; first = node;
        node->key = malloc(10); node->value = malloc(20);
        if (argc > 1 && i % 300 == 299)
            heapdelta_mark("round");
    }
    return argv[0] == NULL;
}
END
    sed 's/first = node;/& node->key = malloc(10); node->value = malloc(20);/; /^        node->key/d' line.c >all.c
    for program in line all; do
        cc -g -O1 -fno-builtin -I"$SOURCE_ROOT" -o $program $program.c
        ends_with 0 "$HEAPDELTA" run -o $program.out -- ./$program
        said "1 leak of 9000 blocks"
        said "leaks --explain $program.out/$program."
        # Large amounts are told as people read them.
        "$HEAPDELTA" leaks --explain $program.out/*.hds | grep ' KiB and 70.3 KiB in the second half'
        ends_with 1 "$HEAPDELTA" check -- ./$program
        said "FAILED: 1 leak of 9000 blocks"
        ends_with 1 "$HEAPDELTA" check -- ./$program rounds
        said "FAILED: 1 leak of 9000 blocks"
        said "growth a round  15.8 KiB  in 900 blocks"
    done
    ends_with 0 "$HEAPDELTA" check --max-growth 900blocks -- ./line rounds
    ends_with 1 "$HEAPDELTA" check --max-growth 899blocks -- ./line rounds
}

@test "one line that is reached by several ways, and grows, is one leak" {
    cat >ways.c <<'END'
#include <preload/heapdelta.h>
#include <stdlib.h>

static void *volatile held[40];
static unsigned count;

__attribute__((noinline)) static void keep(void)
{
    held[count++] = malloc(100);
}

int main(void)
{
    for (int i = 0; i < 10; i++) {
        keep();
        if (i % 2)
            keep();
        keep();
        heapdelta_mark("round");
    }
    return 0;
}
END
    cc -g -O1 -fno-builtin -fno-optimize-sibling-calls -I"$SOURCE_ROOT" -o ways ways.c
    ends_with 1 "$HEAPDELTA" check -- ./ways
    said "FAILED: 1 leak of 20 blocks"
}
