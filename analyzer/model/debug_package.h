/* debug_package.h - which Debian package would name the lines of a file. */
#ifndef MODEL_DEBUG_PACKAGE_H
#define MODEL_DEBUG_PACKAGE_H

/* The package with the debug info of the installed file PATH, as "libc6-dbg", by what
 * dpkg has written about it below DIRECTORY ("/var/lib/dpkg/info"). To be freed with
 * free(); NULL if no package owns PATH, or on lack of memory. That the package exists
 * is not certain: it is in Debian's archive of debug packages if anywhere. */
char *debug_package_find(const char *directory, const char *path);

#endif
