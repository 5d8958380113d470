#include "preload/executable.h"

#include "preload/arena.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define HEAD_SIZE    4096 /* has a script's first line, or the program headers */
#define NAMES_SIZE   ((size_t)64 * 1024)
#define LONGEST_NAME ((size_t)32) /* of what is looked for among the names */
#define SCRIPT_DEPTH 5            /* as the kernel: scripts in a row */

/* A look at one file. */
struct look {
    long file;
    size_t size; /* of head */
    union {
        char head[HEAD_SIZE + 1];
        Elf64_Ehdr header;
    };
    char interpreter[PATH_MAX];
    char names[NAMES_SIZE];
};

static long read_at(const struct look *look, void *buffer, size_t size, uint64_t offset)
{
    return SYSCALL_4(SYS_pread64, look->file, buffer, size, offset);
}

/* Whether the SIZE bytes at NAMES have the name of a sanitizer's runtime: a library, or the function
 * that starts it, as __asan_init. */
static bool has_sanitizer(const char *names, size_t size)
{
    const char *at = names, *end = names + size;

    if (memmem(names, size, "liblsan.so", strlen("liblsan.so")))
        return true; /* that alone leaves no other trace */
    for (; (at = memmem(at, (size_t)(end - at), "san_init", strlen("san_init"))); at++)
        if (at > names && memchr("almt", at[-1], 4)) /* a name may begin there, behind a '\0' */
            return true;
    return false;
}

/* The program headers of an ELF file, as far as they are in its head. */
static const Elf64_Phdr *segments(const struct look *look, size_t *out_count)
{
    uint64_t offset = look->header.e_phoff, count = look->header.e_phnum;

    *out_count = offset % 8 == 0 && offset <= look->size &&
                         count <= (look->size - offset) / sizeof(Elf64_Phdr)
                     ? count
                     : 0;
    return (const Elf64_Phdr *)(look->head + (offset <= look->size ? offset : 0));
}

/* Where in the file ADDRESS lies; 0: not there. */
static uint64_t offset_of(const struct look *look, uint64_t address)
{
    size_t count;
    const Elf64_Phdr *segment = segments(look, &count);

    for (; count > 0; count--, segment++)
        if (segment->p_type == PT_LOAD && address - segment->p_vaddr < segment->p_filesz)
            return segment->p_offset + (address - segment->p_vaddr);
    return 0;
}

/* Whether among the names that the loader reads, by the dynamic section DYNAMIC, is a sanitizer's. */
static bool needs_sanitizer(struct look *look, const Elf64_Phdr *dynamic)
{
    Elf64_Dyn *entries = (Elf64_Dyn *)look->names;
    long size = read_at(look, entries, dynamic->p_filesz < NAMES_SIZE ? dynamic->p_filesz : NAMES_SIZE,
                        dynamic->p_offset);
    uint64_t at = 0, left = 0;

    for (long i = 0; i < size / (long)sizeof *entries; i++)
        if (entries[i].d_tag == DT_STRTAB)
            at = offset_of(look, entries[i].d_un.d_ptr);
        else if (entries[i].d_tag == DT_STRSZ)
            left = entries[i].d_un.d_val;
    while (at && (size = read_at(look, look->names, left < NAMES_SIZE ? left : NAMES_SIZE, at)) > 0) {
        if (has_sanitizer(look->names, (size_t)size))
            return true;
        if ((uint64_t)size >= left || (size_t)size <= LONGEST_NAME)
            return false;
        at += (size_t)size - LONGEST_NAME;
        left -= (size_t)size - LONGEST_NAME;
    }
    return false;
}

static const char *objection_to_elf(struct look *look)
{
    size_t count;
    const Elf64_Phdr *segment = segments(look, &count), *dynamic = NULL;

    look->interpreter[0] = '\0';
    if (look->header.e_ident[EI_CLASS] != ELFCLASS64)
        return "it is a 32-bit program; build it for 64 bits";
    if (look->header.e_machine != EM_X86_64)
        return "it is built for another machine";
    for (; count > 0; count--, segment++)
        if (segment->p_type == PT_DYNAMIC) {
            dynamic = segment;
        } else if (segment->p_type == PT_INTERP) {
            long size = read_at(look, look->interpreter,
                                segment->p_filesz < PATH_MAX ? segment->p_filesz : PATH_MAX - 1,
                                segment->p_offset);

            look->interpreter[size > 0 ? size : 0] = '\0';
        }
    if (!look->interpreter[0])
        return NULL; /* nothing is loaded into it, but its children may be others */
    if (strstr(look->interpreter, "ld-musl") || strstr(look->interpreter, "ld-uClibc") ||
        strstr(look->interpreter, "/linker64"))
        return "its C library is not glibc; build it for glibc";
    return dynamic && needs_sanitizer(look, dynamic)
               ? "it has a sanitizer's malloc inside; build it without"
               : NULL;
}

/* If LOOK is at a script, its interpreter's path, cut out of the head. */
static const char *script_interpreter(struct look *look)
{
    char *path = look->head + 2;

    if (look->size < 2 || look->head[0] != '#' || look->head[1] != '!')
        return NULL;
    look->head[look->size] = '\0';
    path += strspn(path, " \t");
    path[strcspn(path, " \t\n")] = '\0';
    return path;
}

/* The objection to FILE, which is closed if it is OWN. *OUT_KNOWN: it can be executed, as far as can
 * be seen. */
static const char *objection(struct look *look, long file, bool own, bool *out_known)
{
    const char *found = NULL, *interpreter = NULL;

    for (int depth = 0; file >= 0; depth++) {
        long size;

        look->file = file;
        size = read_at(look, look->head, HEAD_SIZE, 0);
        look->size = size > 0 ? (size_t)size : 0;
        *out_known |= size > 0;
        interpreter = script_interpreter(look);
        if (!interpreter && look->size >= sizeof look->header &&
            memcmp(look->head, ELFMAG, SELFMAG) == 0)
            found = objection_to_elf(look);
        if (own)
            SYSCALL_1(SYS_close, file);
        if (!interpreter || depth == SCRIPT_DEPTH)
            break;
        file = SYSCALL_4(SYS_openat, AT_FDCWD, interpreter, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
        own = true;
    }
    return found;
}

static const char *look_at(long file, bool own)
{
    struct look *look = arena_map(sizeof *look, ARENA_OTHER);
    const char *found = NULL;
    bool known = false;

    if (look)
        found = objection(look, file, own, &known);
    else if (own && file >= 0)
        SYSCALL_1(SYS_close, file);
    arena_unmap(look, sizeof *look, ARENA_OTHER);
    return found;
}

const char *executable_objection(int directory, const char *path)
{
    return look_at(SYSCALL_4(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0), true);
}

const char *executable_objection_to(int descriptor)
{
    return look_at(descriptor, false);
}

const char *executable_objection_in_path(const char *file)
{
    const char *search = "/bin:/usr/bin", *found = NULL;
    struct look *look;
    bool known = false;

    if (!file || !*file || strchr(file, '/'))
        return executable_objection(AT_FDCWD, file);
    for (char **variable = environ; variable && *variable; variable++)
        if (strncmp(*variable, "PATH=", 5) == 0) {
            search = *variable + 5;
            break;
        }
    look = arena_map(sizeof *look, ARENA_OTHER);
    if (!look)
        return NULL;
    for (;; search++) {
        size_t length = strcspn(search, ":");

        if (length + 1 < sizeof look->interpreter) {
            memcpy(look->interpreter, search, length);
            look->interpreter[length] = '\0';
            if ((length == 0 || path_append(look->interpreter, PATH_MAX, "/")) &&
                path_append(look->interpreter, PATH_MAX, file))
                found = objection(look,
                                  SYSCALL_4(SYS_openat, AT_FDCWD, look->interpreter,
                                            O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0),
                                  true, &known);
        }
        search += length;
        if (known || !*search)
            break;
    }
    arena_unmap(look, sizeof *look, ARENA_OTHER);
    return found;
}
