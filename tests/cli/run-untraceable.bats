#!/usr/bin/env bats
# What can't be traced runs all the same, after one line, with its own status.

load run_common

# COMMAND… runs untraced, for a reason that contains TEXT.
untraced() {
    local reason=$1

    shift
    ends_with 7 "$HEAPDELTA" run -o out -- "$@"
    lines stderr 1
    grep -q "runs untraced: .*$reason" stderr
    grep -qx 'the program' stdout
    [ ! -e out ] || [ "$(snapshots out)" -eq 0 ]
}

# Compile a program that ends with status 7; ARGUMENTS… are the compiler's.
compile() {
    printf '#include <stdio.h>\nint main(void) { puts("the program"); return 7; }\n' >program.c
    gcc "$@" program.c -o program
}

@test "a static program" {
    compile -static
    untraced 'statically linked' ./program
}

@test "a static program that is position-independent" {
    compile -static-pie
    untraced 'statically linked' ./program
}

@test "a script of a static interpreter" {
    printf '#include <stdio.h>\nint main(int c, char **v) { puts("the program"); return v[c] == 0 ? 7 : 1; }\n' >program.c
    gcc -static program.c -o interpreter
    printf '#!%s\n' "$PWD/interpreter" >script
    chmod +x script
    untraced 'statically linked' ./script
}

@test "a program with the address sanitizer" {
    compile -fsanitize=address || skip 'no libasan here'
    untraced 'sanitizer' ./program
}

@test "a program with the address sanitizer linked in" {
    compile -fsanitize=address -static-libasan || skip 'no libasan here'
    untraced 'sanitizer' ./program
}

@test "a program with the undefined behaviour sanitizer only is traced" {
    compile -fsanitize=undefined || skip 'no libubsan here'
    ends_with 7 traced ./program
    lines stderr 0
    [ "$(snapshots out)" -eq 1 ]
}

@test "a program that runs as somebody else" {
    [ "$(id -u)" -eq 0 ] || skip 'needs root'
    compile
    chown nobody program && chmod 4755 program
    # Where the file system or the container takes no such bits, it is traced.
    cp /usr/bin/id id && chown nobody id && chmod 4755 id
    [ "$(./id -un)" = nobody ] || skip 'no setuid here'
    untraced 'more rights' ./program
}

@test "a program of another libc" {
    compile
    "$PYTHON" - <<'END'
import pathlib
path = pathlib.Path("program")
old, new = b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-musl-x86_64.so.1"
text = path.read_bytes()
assert old in text
path.write_bytes(text.replace(old, new.ljust(len(old), b"\0")))
END
    status=0
    "$HEAPDELTA" run -o out -- ./program >stdout 2>stderr || status=$?
    grep -q 'runs untraced: its C library is not glibc (/lib/ld-musl-x86_64.so.1)' stderr
    [ -e /lib/ld-musl-x86_64.so.1 ] || [ "$status" -eq 127 ]
}

# ./program with the bytes of its header that say for what it was built.
compile_for() {
    compile
    # shellcheck disable=SC2059
    printf "$1" | dd of=program bs=1 seek=4 conv=notrunc status=none # class
    # shellcheck disable=SC2059
    printf "$2" | dd of=program bs=1 seek=18 conv=notrunc status=none # machine
}

@test "a program of another word size or machine" {
    compile_for '\001' '\003'
    "$HEAPDELTA" run -o out -- ./program 2>stderr || true
    grep -q 'runs untraced: it is a 32-bit program' stderr
    compile_for '\002' '\267'
    "$HEAPDELTA" run -o out -- ./program 2>stderr || true
    grep -q 'runs untraced: it is built for another machine' stderr
    [ ! -e out ]
}

@test "a script is traced as its interpreter" {
    printf '#!/bin/bash\necho script "$0" "$1"\nexit 7\n' >script
    chmod +x script
    ends_with 7 traced ./script argument
    [ "$(cat stdout)" = 'script ./script argument' ]
    [ "$(snapshots out)" -eq 1 ]
}

@test "a script that looks for its interpreter along PATH" {
    printf '#!/usr/bin/env python3\nimport sys\nsys.exit(7)\n' >script
    chmod +x script
    ends_with 7 traced ./script
    [ "$(snapshots out)" -eq 1 ]
}

@test "a script without a first line is the shell's" {
    printf 'echo "the shell $1"\nexit 7\n' >script
    chmod +x script
    ends_with 7 traced ./script argument
    [ "$(cat stdout)" = 'the shell argument' ]
    [ "$(snapshots out)" -eq 1 ]
}

@test "the dynamic loader as a program" {
    compile
    ends_with 7 traced /lib64/ld-linux-x86-64.so.2 ./program
    [ "$(snapshots out)" -eq 1 ]
}

@test "a program with the address sanitizer that a traced one becomes" {
    compile -fsanitize=address || skip 'no libasan here'
    printf '#!%s\n' "$PWD/program" >script
    chmod +x script
    for command in 'exec ./program' 'exec ./script' 'exec env -i PATH=. program' 'PATH=. exec script'; do
        ends_with 7 "$HEAPDELTA" run --quiet -o out -- sh -c "$command"
        lines stderr 1
        grep -q 'runs untraced: it has a sanitizer' stderr
        grep -qx 'the program' stdout
    done
}

@test "a program with the address sanitizer that a traced one starts" {
    local spawn='import os, sys
pid = os.posix_spawnp("program", ["program"], os.environ)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))'

    compile -fsanitize=address || skip 'no libasan here'
    for command in 'program; exit $?' 'env program; exit $?' "$PYTHON -c '$spawn'; exit \$?"; do
        PATH="$PWD:$PATH" ends_with 7 "$HEAPDELTA" run --quiet --follow all -o out -- sh -c "$command"
        lines stderr 0
        grep -qx 'the program' stdout
    done
    [ -z "$(ls out/program.*.hds 2>/dev/null)" ]
    [ -n "$(ls out/python3*.hds)" ]
}

@test "a program with a function that is called like a sanitizer's" {
    printf '#include <stdio.h>\nvoid san_init_x(void) { puts("the program"); }\n' >program.c
    printf 'int main(void) { san_init_x(); return 7; }\n' >>program.c
    gcc -rdynamic program.c -o program
    ends_with 7 traced sh -c 'exec ./program'
    lines stderr 0
    grep -qx 'the program' stdout
    [ -f out/program.*.hds ]
}
