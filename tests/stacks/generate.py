#!/usr/bin/python3
"""Write functions with frames of all kinds, by chance, as a C source.

    generate.py SEED COUNT NAME >FILE

NAME is the array that lists them, ending with NULL (walk.h).
"""
import random
import sys

HEAD = """/* Made by generate.py {arguments}. */
#include "walk.h"

#include <stddef.h>

#define NOINLINE __attribute__((noinline, noclone))

typedef long vector __attribute__((vector_size(32)));
"""


class Function:
    """A function NAME: lines before its calls, the calls, and lines behind them, which
    keep alive what was there before."""

    def __init__(self, rng, name):
        self.rng = rng
        self.name = name
        self.before, self.after = [], []

    def values(self):
        """More values alive than there are registers, or fewer."""
        for i in range(self.rng.choice([0, 0, 1, 2, 4, 7, 12])):
            self.before.append(f"long a{i} = walk_sink + {self.rng.randrange(99)};")
            self.after.append(f"walk_sink ^= a{i};")
        for i in range(self.rng.choice([0, 0, 0, 1, 3])):
            self.before.append(f"double d{i} = (double)walk_sink * {i + 1.5};")
            self.after.append(f"walk_sink += (long)d{i} & 1;")
        if self.rng.random() < 0.15:
            self.before.append("vector v = { walk_sink, 1, 2, 3 };")
            self.before.append("walk_use(&v);")
            self.after.append("v *= v; walk_sink += v[1] & v[3];")

    def rooms(self):
        """Arrays on the stack: fixed, aligned, of a size that is known only then."""
        if self.rng.random() < 0.5:
            size = self.rng.choice([8, 17, 64, 200, 1000, 1000, 5000])
            align = self.rng.choice(["", "", "", " __attribute__((aligned(32)))",
                                     " __attribute__((aligned(64)))",
                                     " __attribute__((aligned(256)))"])
            self.before += [f"char room[{size}]{align};", "walk_use(room);"]
            self.after.append("walk_use(room);")
        if self.rng.random() < 0.2:
            limit = self.rng.choice([30, 300, 300, 5000])
            self.before += [f"char *more = __builtin_alloca(walk_below({limit}) + 1);",
                            "walk_use(more);"]
            self.after.append("walk_use(more);")
        if self.rng.random() < 0.2:
            self.before += [f"int array[walk_below({self.rng.choice([9, 90])}) + 1];",
                            "walk_use(array);"]
            self.after.append("walk_use(array);")

    def call(self):
        kind = self.rng.randrange(9)
        call = "walk_next(depth)(depth - 1)"
        if kind < 4:
            return [f"result += {call};"]
        if kind == 4:
            return ["if (walk_below(2))", f"    result -= {call};"]
        if kind == 5: # call sites of one loop in turn
            return ["for (int i = 0; i < 2 + (int)walk_below(4); i++)", "    if (i % 2)", f"        result += {call};",
                    "    else", f"        result ^= {call};"]
        if kind == 6:
            return ["for (int i = 0; i < 1 + (int)walk_below(4); i++)", "    result += walk_end(i);"]
        if kind == 7: # an epilogue of its own
            return ["if (walk_below(4) == 0)", "    return 3;"]
        return ["if (walk_below(3) == 0) {", "    char here[150];", "    walk_use(here);",
                f"    result += {call};", "    walk_use(here);", "}"]

    def body(self, parameters=()):
        self.values()
        self.rooms()
        calls = [line for _ in range(self.rng.choice([1, 1, 2, 3])) for line in self.call()]
        after = [f"walk_sink += (long){parameter};" for parameter in parameters] + self.after
        if self.rng.random() < 0.08: # the last instruction is a call
            after.append("if (walk.way_out && walk_below(2))\n        walk_leave(depth);")
            after = after[-1:] + after[:-1] if self.rng.random() < 0.5 else after
        return "\n".join("    " + line for line in
                         ["int result = 0;"] + self.before + calls + after + ["return result;"])

    def write(self):
        if self.rng.random() < 0.2:
            count = self.rng.choice([3, 6, 9, 14])
            names = [f"p{i}" for i in range(count)]
            types = [self.rng.choice(["long", "long", "double", "char"]) for _ in names]
            arguments = "".join(f", {type} {name}" for type, name in zip(types, names))
            values = "".join(f", ({type})(walk_sink + {i})" for i, type in enumerate(types))
            print(f"static NOINLINE int {self.name}_with(int depth{arguments})\n{{\n"
                  f"{self.body(names)}\n}}\n")
            print(f"static NOINLINE int {self.name}(int depth)\n{{\n"
                  f"    return {self.name}_with(depth{values}) + (int)walk_sink;\n}}\n")
        else:
            print(f"static NOINLINE int {self.name}(int depth)\n{{\n{self.body()}\n}}\n")


def main():
    seed, count, array = sys.argv[1:]
    rng = random.Random(int(seed))
    print(HEAD.format(arguments=" ".join(sys.argv[1:])))
    names = [f"generated_{i}" for i in range(int(count))]
    for name in names:
        Function(rng, name).write()
    print(f"walk_shape *const {array}[] = {{")
    for name in names:
        print(f"    {name},")
    print("    NULL,\n};")


if __name__ == "__main__":
    main()
