#include "model/debug_package.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Packages whose debug info is not in PACKAGE-dbgsym. */
static const struct {
    const char *prefix; /* of the package's name */
    const char *debug_package;
} exceptions[] = {
    {"libc6", "libc6-dbg"},
    {"libpython3.11", "python3.11-dbg"},
    {"python3.11", "python3.11-dbg"},
};

/* True if the SIZE bytes at TEXT have LINE as one of their lines. */
static bool has_line(const char *text, size_t size, const char *line)
{
    size_t length = strlen(line);
    const char *end = text + size, *at = text;

    while (at && (size_t)(end - at) >= length) {
        if (memcmp(at, line, length) == 0 && ((size_t)(end - at) == length || at[length] == '\n'))
            return true;
        at = memchr(at, '\n', (size_t)(end - at));
        if (at)
            at++;
    }
    return false;
}

/* True if the list NAME in DIRECTORY has one of the COUNT paths. */
static bool list_has(int directory, const char *name, char (*paths)[PATH_MAX], size_t count)
{
    int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *text = MAP_FAILED;
    bool found = false;

    if (descriptor < 0)
        return false;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (text == MAP_FAILED)
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = has_line(text, (size_t)status.st_size, paths[i]);
    munmap(text, (size_t)status.st_size);
    return found;
}

/* The debug package of the package whose list is called NAME, "libc6:amd64.list". */
static char *debug_package_of(const char *name)
{
    size_t length = strcspn(name, ":");
    char *package;

    if (name[length] == 0)
        length -= strlen(".list");
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++) {
        size_t prefix = strlen(exceptions[i].prefix);

        if (length >= prefix && strncmp(name, exceptions[i].prefix, prefix) == 0 &&
            (length == prefix || name[prefix] == '-'))
            return strdup(exceptions[i].debug_package);
    }
    package = malloc(length + sizeof("-dbgsym"));
    if (package)
        sprintf(package, "%.*s-dbgsym", (int)length, name);
    return package;
}

char *debug_package_find(const char *directory, const char *path)
{
    /* A file in /usr/lib may be listed in /lib, for one is a link to the other. */
    char paths[2][PATH_MAX];
    int length = strncmp(path, "/usr/", 5) == 0
                     ? snprintf(paths[1], sizeof(paths[1]), "%s", path + 4)
                     : snprintf(paths[1], sizeof(paths[1]), "/usr%s", path);
    DIR *lists;
    const struct dirent *entry;
    char *package = NULL;

    if (*path != '/' || length >= PATH_MAX || strchr(path, '\n') || !(lists = opendir(directory)))
        return NULL;
    snprintf(paths[0], sizeof(paths[0]), "%s", path);
    while (!package && (entry = readdir(lists))) {
        size_t size = strlen(entry->d_name);

        if (size > 5 && strcmp(entry->d_name + size - 5, ".list") == 0 &&
            list_has(dirfd(lists), entry->d_name, paths, 2))
            package = debug_package_of(entry->d_name);
    }
    closedir(lists);
    return package;
}
