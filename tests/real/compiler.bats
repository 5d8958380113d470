#!/usr/bin/env bats
# gcc, which starts others, and the compiler proper.

load real

# A C file of some 1500 lines.
make_source() {
    awk 'BEGIN {
        print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>"
        for (i = 0; i < 150; i++) {
            printf "struct s%d { int a, b[%d]; struct s%d *next; };\n", i, i % 7 + 1, i
            printf "static int f%d(struct s%d *s, int n)\n{\n    int sum = %d;\n", i, i, i
            printf "    for (int i = 0; i < n; i++) {\n        sum += s->b[i %% %d] * %d;\n", i % 7 + 1, i
            printf "        if (sum > %d && s->next)\n            s = s->next;\n    }\n    return sum;\n}\n", i * 3
        }
        print "int main(int argc, char **argv)\n{\n    (void)argv;\n    int unused, sum = 0;"
        for (i = 0; i < 150; i++)
            printf "    struct s%d v%d = {argc, {%d}, 0};\n    sum += f%d(&v%d, argc);\n", i, i, i, i, i
        print "    return sum;\n}"
    }' >source.c
}

@test "gcc -O2 compiles to the same object file" {
    between() { mv source.o native.o; }
    make_source
    alike gcc -O2 -Wall -c source.c
    grep -q unused native.err
    cmp native.o source.o
    accounted
}

@test "gcc with an error" {
    echo 'int main(void) { return nothing; }' >source.c
    alike gcc -c source.c
    [ "$status" -eq 1 ]
    accounted
}

@test "cc1 itself" {
    between() { mv source.s native.s; }
    make_source
    gcc -E source.c -o source.i
    alike "$(gcc -print-prog-name=cc1)" -fpreprocessed -quiet -O2 -Wall source.i -o source.s
    grep -q unused native.err
    cmp native.s source.s
    accounted
}
