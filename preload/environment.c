#include "preload/environment.h"

#include "format/control.h"
#include "preload/arena.h"
#include "preload/message.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAX_SAVED 32
#define PAGE_SIZE      ((uintptr_t)4096)
#define PRELOAD_PREFIX CONTROL_ENV_PRELOAD "="
#define COUNT_PREFIX CONTROL_ENV_EXEC_COUNT "="

static const char *saved[MAX_SAVED]; /* "NAME=VALUE", without the exec count */
static size_t saved_count;
static const char *library_path; /* NULL: we did not come by LD_PRELOAD */

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *made = arena_alloc(size, ARENA_OTHER);

    return made ? memcpy(made, text, size) : NULL;
}

/* Where LIBRARY is in LIST, names separated by colons or spaces; NULL if it is not. */
static char *find_in_list(char *list, const char *library)
{
    size_t length = strlen(library);

    for (char *name = list; *name;) {
        size_t size = strcspn(name, ": ");

        if (size == length && memcmp(name, library, length) == 0)
            return name;
        name += size + (name[size] != '\0');
    }
    return NULL;
}

/* The same, also if it goes by another name there: the loader calls it by the first that it
 * was given, in a file of its own perhaps. LIST is as before afterwards. */
static char *find_under_any_name(char *list, const char *library)
{
    char *found = find_in_list(list, library);

    for (char *name = list; *name && !found;) {
        size_t size = strcspn(name, ": ");
        char separator = name[size];

        name[size] = '\0';
        if (strchr(name, '/') && path_same_file(name, library))
            found = name;
        name[size] = separator;
        name += size + (separator != '\0');
    }
    return found;
}

/* Take NAME out of LIST, in which it begins a name. */
static void remove_from_list(char *list, char *name)
{
    char *rest = name + strcspn(name, ": ");

    rest += *rest != '\0';
    memmove(name, rest, strlen(rest) + 1);
    if (!*name && name > list)
        name[-1] = '\0'; /* the separator before it */
}

char **environment_clean(char **variables, const char *library, bool remove, bool keep_end)
{
    char **kept = variables, **variable = variables, **begin;

    for (; *variable; variable++) {
        bool ours = has_prefix(*variable, CONTROL_ENV_PREFIX);

        if (has_prefix(*variable, COUNT_PREFIX))
            continue; /* of this process, not of one that it spawns */
        if (ours && saved_count < MAX_SAVED) {
            saved[saved_count] = copy(*variable);
            saved_count += saved[saved_count] != NULL;
        } else if (has_prefix(*variable, PRELOAD_PREFIX)) {
            char *list = *variable + strlen(PRELOAD_PREFIX), *name;

            name = find_under_any_name(list, library);
            /* "ours:" was an empty variable before. */
            ours = name && !list[strcspn(list, ": ")];
            if (name)
                library_path = copy(library);
            while (name && remove) {
                remove_from_list(list, name);
                name = find_under_any_name(list, library);
            }
        }
        if (!ours || !remove)
            *kept++ = *variable;
    }
    if (!keep_end) {
        *kept = NULL;
        return variables;
    }
    begin = variable - (kept - variables);
    memmove(begin, variables, (size_t)(kept - variables) * sizeof *kept);
    for (kept = variables; kept < begin; kept++)
        *kept = (char *)"";
    return begin;
}

/* One mapping: the array, then the strings that had to be made. */
struct restored {
    size_t size;
    char *variables[];
};

/* "LD_PRELOAD=" our library[:REST], at *TEXT, which moves behind it. REST may be NULL. */
static char *make_preload(char **text, const char *rest)
{
    char *made = *text;

    *text = stpcpy(stpcpy(made, PRELOAD_PREFIX), library_path);
    if (rest)
        *text = stpcpy(stpcpy(*text, ":"), rest);
    ++*text;
    return made;
}

/* VARIABLES without ours, for a program that is not to load our library. PRELOAD is among
 * them. */
static char **environment_without(char *const *variables, size_t count, const char *preload)
{
    size_t size = sizeof(struct restored) + (count + 1) * sizeof(char *) + strlen(preload) + 32;
    struct restored *restored = arena_map(size, ARENA_OTHER);
    char *text, *list;

    if (!restored)
        return (char **)variables;
    restored->size = size;
    text = (char *)&restored->variables[count + 1];
    list = strcpy(stpcpy(text, PRELOAD_PREFIX), preload);
    for (char *name; (name = find_under_any_name(list, library_path));)
        remove_from_list(list, name);
    for (count = 0; *variables; variables++) {
        bool is_preload = *variables + strlen(PRELOAD_PREFIX) == preload;

        if (is_preload ? *list != '\0' : !has_prefix(*variables, CONTROL_ENV_PREFIX))
            restored->variables[count++] = is_preload ? text : *variables;
    }
    return restored->variables;
}

bool environment_has_library(void)
{
    long file = library_path ? SYSCALL_4(SYS_openat, AT_FDCWD, library_path, O_RDONLY | O_CLOEXEC, 0)
                             : -ENOENT;

    if (file >= 0)
        SYSCALL_1(SYS_close, file);
    return file != -ENOENT && file != -EACCES && file != -ENOTDIR;
}

/* Whether the page of ADDRESS can be read, as *PAGE could, which it becomes. */
static bool can_read(uintptr_t address, uintptr_t *page)
{
    if (address / PAGE_SIZE != *page && !syscall_can_read(address & ~(PAGE_SIZE - 1)))
        return false;
    *page = address / PAGE_SIZE;
    return true;
}

/* Whether VARIABLES can be read to their ends. If not, the kernel is to say so, and we live on. */
static bool can_be_read(char *const *variables)
{
    uintptr_t array_page = UINTPTR_MAX, text_page = UINTPTR_MAX; /* none */

    for (;; variables++) {
        uintptr_t at = (uintptr_t)variables, left;

        if (!can_read(at, &array_page) || !can_read(at + sizeof *variables - 1, &array_page))
            return false;
        if (!*variables)
            return true;
        at = (uintptr_t)*variables;
        do {
            if (!can_read(at, &text_page))
                return false;
            left = PAGE_SIZE - at % PAGE_SIZE;
            at += left;
        } while (strnlen((const char *)(at - left), left) == left);
    }
}

char **environment_restored(char *const *given, unsigned long exec_count, bool bears_us)
{
    static char *const none[] = { NULL };
    char *const *variables = given ? given : none;
    size_t count = 0, size = sizeof(struct restored) + 128;
    const char *preload = NULL;
    struct restored *restored;
    char digits[24], *text;

    bool without = !bears_us; /* also where the loader is to list what it would load, and to end */

    if (!library_path || !can_be_read(variables))
        return (char **)given;
    for (; variables[count]; count++) {
        without |= has_prefix(variables[count], "LD_TRACE_LOADED_OBJECTS=");
        if (has_prefix(variables[count], PRELOAD_PREFIX))
            preload = variables[count] + strlen(PRELOAD_PREFIX);
    }
    if (without)
        return preload ? environment_without(variables, count, preload) : (char **)given;
    size += (count + saved_count + 3) * sizeof(char *) + strlen(library_path) +
            (preload ? strlen(preload) : 0);
    restored = arena_map(size, ARENA_OTHER);
    if (!restored)
        return (char **)given;
    restored->size = size;
    text = (char *)&restored->variables[count + saved_count + 3];
    size = 0;
    for (size_t i = 0; i < count; i++)
        if (has_prefix(variables[i], PRELOAD_PREFIX)) { /* keeps its place */
            if (variables[i] + strlen(PRELOAD_PREFIX) != preload)
                continue;
            restored->variables[size++] = find_in_list((char *)preload, library_path)
                                              ? variables[i]
                                              : make_preload(&text, preload);
        } else if (!has_prefix(variables[i], CONTROL_ENV_PREFIX)) {
            restored->variables[size++] = variables[i];
        }
    if (!preload)
        restored->variables[size++] = make_preload(&text, NULL);
    for (size_t i = 0; i < saved_count; i++)
        restored->variables[size++] = (char *)saved[i];
    restored->variables[size] = text;
    stpcpy(stpcpy(text, COUNT_PREFIX), message_number(digits, exec_count));
    return restored->variables;
}

void environment_release(char **restored, char *const *variables)
{
    struct restored *whole;

    if (restored == variables)
        return;
    whole = (struct restored *)((char *)restored - offsetof(struct restored, variables));
    arena_unmap(whole, whole->size, ARENA_OTHER);
}
