#include "model/traceable.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* As the kernel: bytes of a script that are looked at, and scripts in a row. */
#define SCRIPT_LINE_SIZE 256
#define SCRIPT_DEPTH     5

/* What execvp() gives a file to that the kernel does not recognise. */
#define SHELL "/bin/sh"

/* The next two name the same runtimes: linked as a library, and linked in. */
static const char *const sanitizer_libraries[] = {
    "libasan.so",       "libhwasan.so",     "liblsan.so",
    "libtsan.so",       "libclang_rt.asan", "libclang_rt.hwasan",
    "libclang_rt.lsan", "libclang_rt.msan", "libclang_rt.tsan",
};

static const char *const sanitizer_functions[] = {
    "__asan_init", "__hwasan_init", "__lsan_init", "__msan_init", "__tsan_init",
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* 0 if exec would start the file PATH, else its error. */
static int executable(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int traceable_find(const char *name, char out_path[PATH_MAX])
{
    const char *search = getenv("PATH");
    int result = -ENOENT;

    if (strlen(name) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (*name == '\0' || strchr(name, '/')) {
        int code = *name ? executable(name) : -ENOENT;

        if (code == 0)
            strcpy(out_path, name);
        return code;
    }
    if (!search)
        search = "/bin:/usr/bin";
    for (;;) {
        size_t length = strcspn(search, ":");
        char path[PATH_MAX];

        /* An empty entry is the working directory. */
        if (length + strlen(name) + 2 <= sizeof path) {
            memcpy(path, search, length);
            if (length > 0)
                path[length++] = '/';
            strcpy(path + length, name);

            int code = executable(path);

            if (code == 0) {
                strcpy(out_path, path);
                return 0;
            }
            if (code == -EACCES) /* reported if nothing better comes */
                result = code;
        }
        search = strchr(search, ':');
        if (!search)
            return result;
        search++;
    }
}

/* If the SIZE bytes at HEAD begin a script, cut its interpreter's path out of
 * them. NULL if not. */
static char *script_interpreter(char *head, size_t size)
{
    if (size < 2 || head[0] != '#' || head[1] != '!')
        return NULL;
    head[size] = '\0';
    head += 2 + strspn(head + 2, " \t");
    head[strcspn(head, " \t\n")] = '\0';
    return head;
}

/* Whether exec of the open file FD gives it rights its caller lacks: then the
 * loader does not preload anything for us. */
static bool gains_rights(int fd)
{
    struct statvfs filesystem;
    struct stat status;
    char capabilities[64];

    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return false;
    if (fstatvfs(fd, &filesystem) == 0 && filesystem.f_flag & ST_NOSUID)
        return false;
    if (fstat(fd, &status) < 0)
        return false;
    if (status.st_mode & S_ISUID && status.st_uid != getuid())
        return true;
    /* Without S_IXGRP the bit means mandatory locking. */
    if (status.st_mode & S_ISGID && status.st_mode & S_IXGRP && status.st_gid != getgid())
        return true;
    return getuid() != 0 &&
           fgetxattr(fd, "security.capability", capabilities, sizeof capabilities) > 0;
}

/* The sanitizer among the symbols of SECTION, NULL if there is none. */
static const char *sanitizer_in_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

    for (size_t i = 0; data && i < count && i < INT_MAX; i++) {
        GElf_Sym symbol;
        const char *name;

        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (!name || name[0] != '_' || name[1] != '_') /* of some programs there are 100,000 */
            continue;
        for (size_t j = 0; j < LENGTH(sanitizer_functions); j++) {
            if (strcmp(name, sanitizer_functions[j]) == 0)
                return sanitizer_functions[j];
        }
    }
    return NULL;
}

/* What of the dynamic section SECTION matters: the sanitizer that it needs, and
 * whether it is the dynamic loader's own. */
static void read_dynamic(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                         const char **out_sanitizer, bool *out_loader)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

    for (size_t i = 0; data && i < count && i < INT_MAX; i++) {
        GElf_Dyn entry;
        const char *name;

        if (!gelf_getdyn(data, (int)i, &entry) ||
            (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME))
            continue;
        name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (!name)
            continue;
        if (entry.d_tag == DT_SONAME) {
            *out_loader = starts_with(name, "ld-linux");
            continue;
        }
        for (size_t j = 0; j < LENGTH(sanitizer_libraries); j++) {
            if (starts_with(name, sanitizer_libraries[j]))
                *out_sanitizer = name;
        }
    }
}

/* The path in the PT_INTERP segment of ELF, copied to OUT; empty if there is none. */
static void read_interpreter(Elf *elf, int fd, char out[PATH_MAX])
{
    size_t count;

    out[0] = '\0';
    if (elf_getphdrnum(elf, &count) < 0)
        return;
    for (size_t i = 0; i < count && i < INT_MAX; i++) {
        GElf_Phdr segment;
        ssize_t size;

        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_INTERP)
            continue;
        size = segment.p_filesz < PATH_MAX ? (ssize_t)segment.p_filesz : PATH_MAX - 1;
        size = pread(fd, out, (size_t)size, (off_t)segment.p_offset);
        out[size > 0 ? size : 0] = '\0';
        return;
    }
}

static int check_elf(Elf *elf, int fd, struct error *error)
{
    GElf_Ehdr header;
    const char *sanitizer = NULL;
    bool loader = false;
    char interpreter[PATH_MAX];

    if (!gelf_getehdr(elf, &header))
        return 0;
    if (header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return error_set(error, -ENOTSUP, "it is a %d-bit program; build it for %d bits",
                         header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32,
                         (int)(8 * sizeof(void *)));
#ifdef __x86_64__
    if (header.e_machine != EM_X86_64)
        return error_set(error, -ENOTSUP, "it is built for another machine");
#endif

    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr section_header;

        if (!gelf_getshdr(section, &section_header))
            continue;
        if (section_header.sh_type == SHT_DYNAMIC)
            read_dynamic(elf, section, &section_header, &sanitizer, &loader);
        else if (!sanitizer &&
                 (section_header.sh_type == SHT_DYNSYM || section_header.sh_type == SHT_SYMTAB))
            sanitizer = sanitizer_in_symbols(elf, section, &section_header);
    }

    read_interpreter(elf, fd, interpreter);
    /* The loader itself, started as a program, preloads for the one it is given. */
    if (interpreter[0] == '\0' && !loader)
        return error_set(error, -ENOTSUP, "it is statically linked; link it without -static");
    if (strstr(interpreter, "ld-musl") || strstr(interpreter, "ld-uClibc") ||
        strstr(interpreter, "/linker64"))
        return error_set(error, -ENOTSUP, "its C library is not glibc (%s); build it for glibc",
                         interpreter);
    if (sanitizer)
        return error_set(error, -ENOTSUP, "it has a sanitizer's malloc inside (%s); build it without",
                         sanitizer);
    if (gains_rights(fd))
        return error_set(error, -ENOTSUP, "it runs with more rights than you have; start it as the "
                                          "user that it runs as");
    return 0;
}

/* traceable_check() for the file PATH, which the exec of DEPTH scripts led to. */
static int check_file(const char *path, int depth, char out_executable[PATH_MAX],
                      struct error *error)
{
    char head[SCRIPT_LINE_SIZE + 1];
    const char *interpreter = NULL;
    ssize_t size;
    int code = 0;
    Elf *elf = NULL;
    int fd;

    /* The name a program is called by is its own, also if it is a link; but of a
     * script's interpreter the process only has the file. */
    if (depth == 0 || !realpath(path, out_executable))
        strcpy(out_executable, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size = pread(fd, head, SCRIPT_LINE_SIZE, 0);
    if (size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
        elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
        if (elf)
            code = check_elf(elf, fd, error);
        elf_end(elf);
    } else if (size > 0) {
        interpreter = script_interpreter(head, (size_t)size);
        if (interpreter)
            depth++;
        else
            interpreter = SHELL;
    }
    close(fd);
    if (interpreter && depth <= SCRIPT_DEPTH && strcmp(path, SHELL) != 0 &&
        strlen(interpreter) < PATH_MAX)
        code = check_file(interpreter, depth, out_executable, error);
    return code;
}

int traceable_check(const char *path, char out_executable[PATH_MAX], struct error *error)
{
    return check_file(path, 0, out_executable, error);
}
