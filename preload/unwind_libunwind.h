/* unwind_libunwind.h - the second engine: stacks as libunwind walks them.
 *
 * Chosen by HEAPDELTA_UNWINDER=libunwind, to compare, or where ours is in doubt. Many
 * times slower: each frame costs microseconds and system calls.
 *
 * The library is opened when chosen, out of the program's sight: it exports _Unwind_*,
 * which would take the program's exceptions over. It gets an address space of its own, in
 * which descriptions are found by object.h (its own way takes the loader's lock) and memory
 * is read by stack.h. Its cache is for all threads; the one per thread would be a
 * thread-local variable that may take memory by malloc, and is gone before the thread is.
 *
 * It needs several KiB of stack, so it runs on one of ours, with all signals blocked: no
 * handler of the program is to find itself there, nor libunwind interrupted.
 */
#ifndef PRELOAD_UNWIND_LIBUNWIND_H
#define PRELOAD_UNWIND_LIBUNWIND_H

#include "preload/stack.h"

/* Open the library; takes memory of the program's, so not from a hook. NULL if that can't
 * be: then OUT_WHY says why, as a text that stays. */
const struct stack_engine *unwind_libunwind_load(const char **out_why);

#endif
