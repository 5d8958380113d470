/* executable.h - whether a program that is about to be executed bears our library.
 *
 * What is not glibc's, of this machine, or has an allocator that must come first (a sanitizer)
 * does not: the loader would complain, or the program not start, crash or hang. Its file is looked
 * at as the analyzer does it for the program that `heapdelta run` starts. Callable anywhere; a file
 * that can't be read is not objected to.
 */
#ifndef PRELOAD_EXECUTABLE_H
#define PRELOAD_EXECUTABLE_H

/* Why the program of the file PATH, which may be a script, is to run without us; NULL: it need
 * not. PATH and DIRECTORY are as openat() has them. */
const char *executable_objection(int directory, const char *path);

/* The same of the open file DESCRIPTOR. */
const char *executable_objection_to(int descriptor);

/* The same of FILE, looked for as execvp() does it. */
const char *executable_objection_in_path(const char *file);

#endif
