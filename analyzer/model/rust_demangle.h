/* rust_demangle.h - names in Rust's mangling scheme "v0", which begin with _R.
 *
 * Written after RFC 2603. Prints what rustc-demangle prints without hashes, such as
 * "<alloc::vec::Vec<u8> as core::clone::Clone>::clone". Names in other letters than
 * ASCII stay in punycode.
 */
#ifndef MODEL_RUST_DEMANGLE_H
#define MODEL_RUST_DEMANGLE_H

/* NAME demangled, to be freed with free(); NULL if it is not of this scheme, would
 * be unreasonably long, or on lack of memory. */
char *rust_demangle(const char *name);

#endif
