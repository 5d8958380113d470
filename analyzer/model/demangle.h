/* demangle.h - the name of a function as its programmer wrote it.
 *
 * C++ by the compiler's own library; Rust's older scheme, which is C++'s with a hash
 * and escapes in it, is made readable; Rust's newer one is rust_demangle.h.
 */
#ifndef MODEL_DEMANGLE_H
#define MODEL_DEMANGLE_H

/* NAME demangled, to be freed with free(); NULL if it is not mangled, or on lack of
 * memory. */
char *demangle(const char *name);

#endif
