/* fake_symbols.h - symbols for tests: a frame means what the test says.
 *
 * A test that defines symbols_frame() itself is linked without model/symbols.c.
 */
#ifndef TESTS_FAKE_SYMBOLS_H
#define TESTS_FAKE_SYMBOLS_H

#include "model/symbols.h"

/* Symbols that know the answer for each frame. */
struct symbols {
    const struct symbol_list *lists;
};

/* A symbol with a line, and the list that is only it. */
#define FAKE_SYMBOL(file_, line_, function_)                                                     \
    {                                                                                            \
        .file = (file_), .line = (line_), .function = (function_), .module = "app",              \
        .place = "app(" function_ ")"                                                            \
    }
#define FAKE_LIST(...)                                                                           \
    {                                                                                            \
        .symbols = (const struct symbol[]){__VA_ARGS__},                                         \
        .count = sizeof((const struct symbol[]){__VA_ARGS__}) / sizeof(struct symbol)            \
    }

#endif
