#!/usr/bin/env bats
# The small tools that everybody starts without thinking.

load real

@test "bash" {
    cat >script.sh <<'END'
declare -A words
while read -r word rest; do words[$word]=$((${words[$word]:-0} + ${#rest})); done < <(
    for i in {1..2000}; do echo "word$((i % 100)) and the rest $i"; done)
echo "${#words[@]} ${words[word7]}"
f() { local depth=$1; ((depth > 0)) && f $((depth - 1)) || echo "deep"; }
f 100
(exit 3); echo "$?"
echo one two three | tr a-z A-Z | sed 's/TWO/2/'
cat <<< "here"
trap 'echo "bye"' EXIT
nonexistent_command
kill -USR1 $BASHPID 2>/dev/null & wait $!; echo "$?"
for i in {1..50}; do /bin/true || echo no; done
exit 4
END
    alike bash script.sh
    [ "$status" -eq 4 ]
    accounted
}

@test "ls" {
    alike ls -laR /usr/share/doc
    accounted
}

@test "ls of nothing" {
    alike ls /nonexistent
    [ "$status" -eq 2 ]
    accounted
}

@test "ldd" {
    # Where the libraries lie is different each time.
    alike bash -c 'ldd "$0" | sed "s/(0x[0-9a-f]*)//"' "$(command -v bash)"
    grep -q libc native.out
    accounted
}

@test "ldd itself" {
    ldd "$(command -v bash)" | sed 's/(0x[0-9a-f]*)//' >native.out
    "$HEAPDELTA" run --quiet -o "$OUT" -- ldd "$(command -v bash)" 2>traced.err |
        sed 's/(0x[0-9a-f]*)//' >traced.out
    diff native.out traced.out
    [ ! -s traced.err ]
}

@test "env" {
    # bash sets _ to the path of what it starts.
    alike env -u _ env
    grep -q '^PATH=' native.out
    env | grep -v '^_=' >native.out
    "$HEAPDELTA" run --quiet -o "$BATS_TEST_TMPDIR/env" -- env | grep -v '^_=' >traced.out
    diff native.out traced.out
    accounted
}

@test "cat" {
    head -c 20000000 /dev/zero | tr '\0' 'x' >big
    INPUT=big alike cat
    accounted
    echo 'through a pipe' | "$HEAPDELTA" run --quiet -o "$BATS_TEST_TMPDIR/pipe" -- cat | grep -x 'through a pipe'
}
