# common.bash - what the tests of the course share.

load ../cli/run_common

SAMPLES=$BUILD_ROOT/samples
SANITIZED=$BUILD_ROOT/tests/samples
TRUTH=$SOURCE_ROOT/tests/samples/truth.py

# The snapshot in ./out with this LABEL.
snapshot() {
    echo out/*".$1.hds"
}

# Print "BLOCKS BYTES USABLE": by how much the heap grew from snapshot OLD to NEW.
growth() {
    "$PYTHON" "$TRUTH" growth "$HEAPDELTA" "$1" "$2"
}

# Print, sorted, "LINE BLOCKS BYTES" for each line of SOURCE (its path's end) that grew.
growth_of_lines() {
    "$PYTHON" "$TRUTH" lines "$HEAPDELTA" "$1" "$2" "$3"
}

# The number of the line of SOURCE, in samples/, that contains TEXT.
line_of() {
    grep -nF "$2" "$SOURCE_ROOT/samples/$1" | cut -d: -f1
}

# COMMAND… under valgrind leaves nothing behind and touches nothing it must not.
valgrind_clean() {
    valgrind -q --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \
        --error-exitcode=99 "$@" >/dev/null
}
