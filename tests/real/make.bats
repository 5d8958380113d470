#!/usr/bin/env bats
# ./configure && make -j2 && make check: hundreds of short processes, all followed.

load real

# A package as autoconf and automake make them: a static library, a program, a test.
make_package() {
    mkdir package
    cd package
    cat >configure.ac <<'END'
AC_INIT([greeting], [1.0])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
AC_PROG_RANLIB
AM_PROG_AR
AC_CHECK_HEADERS([unistd.h nonexistent.h])
AC_CHECK_FUNCS([strndup no_such_function])
AC_CONFIG_HEADERS([config.h])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
    cat >Makefile.am <<'END'
noinst_LIBRARIES = libgreeting.a
libgreeting_a_SOURCES = one.c two.c three.c greeting.h
bin_PROGRAMS = greeting
greeting_SOURCES = main.c
greeting_LDADD = libgreeting.a
check_PROGRAMS = sum
sum_SOURCES = sum.c
sum_LDADD = libgreeting.a
TESTS = sum
END
    echo 'int one(void); int two(void); int three(void);' >greeting.h
    for name in one two three; do
        printf '#include "config.h"\n#include "greeting.h"\nint %s(void) { return %d; }\n' \
            $name ${#name} >$name.c
    done
    echo '#include "greeting.h"
#include <stdio.h>
int main(void) { return printf("%d\n", one() + two()) < 0; }' >main.c
    echo '#include "greeting.h"
int main(void) { return one() + two() + three() == 11 ? 0 : 1; }' >sum.c
    autoreconf --install >/dev/null 2>&1
    cd ..
}

# Build and check a copy of the package as WHAT, each time in the same place, for its path
# gets into the products; COMMAND… runs the shell that does it.
build_as() {
    local what=$1 ours=0

    shift
    cp -a package build
    cd build
    "$@" /bin/sh -c './configure && make -j2 && make check && ./greeting' \
        >"../$what.out" 2>"../$what.err" || ours=$?
    cd ..
    mv build "$what"
    status=$ours
}

@test "./configure && make -j2 && make check, all processes followed" {
    make_package
    export SOURCE_DATE_EPOCH=1700000000 LC_ALL=C
    build_as native env
    [ "$status" -eq 0 ]
    build_as traced "$HEAPDELTA" run --quiet --follow all -o "$OUT" --
    [ "$status" -eq 0 ]

    # With -j2 it is chance which of two lines is first.
    for output in out err; do
        diff <(sort native.$output) <(sort traced.$output)
    done
    # Object files, archives, programs, Makefile, config.h, config.status …; config.log has
    # times and process numbers in it.
    diff -r --exclude=config.log native traced
    [ "$(ls -A native/*.o native/*.a native/greeting | wc -l)" -eq 7 ]

    "$PYTHON" "$SOURCE_ROOT/tests/real/tree_adds_up.py" "$HEAPDELTA" "$OUT"
}
