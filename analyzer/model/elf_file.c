#include "model/elf_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open PATH as ELF if it is a regular file: the path comes from a snapshot and may be
 * anything, and to open a device can do things. */
static bool open_elf(const char *path, struct elf_file *out_file)
{
    struct elf_file file = {.descriptor = -1};
    struct stat status;

    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    file.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file.descriptor < 0)
        return false;
    elf_version(EV_CURRENT);
    if (fstat(file.descriptor, &status) == 0 && S_ISREG(status.st_mode))
        file.elf = elf_begin(file.descriptor, ELF_C_READ_MMAP, NULL);
    if (!file.elf || elf_kind(file.elf) != ELF_K_ELF) {
        if (file.elf)
            elf_end(file.elf);
        close(file.descriptor);
        return false;
    }
    *out_file = file;
    return true;
}

void elf_file_close(struct elf_file *file)
{
    if (!file->elf)
        return;
    elf_end(file->elf);
    close(file->descriptor);
    file->elf = NULL;
}

struct build_id elf_file_build_id(Elf *elf)
{
    const void *data = NULL;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &data);

    return size > 0 ? (struct build_id){data, (size_t)size} : (struct build_id){0};
}

static bool same_build(struct build_id left, struct build_id right)
{
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

enum elf_file_result elf_file_open(const char *path, struct build_id build_id,
                                   struct elf_file *out_file)
{
    struct elf_file file;

    if (!open_elf(path, &file))
        return ELF_FILE_MISSING;
    if (!same_build(build_id, elf_file_build_id(file.elf))) {
        elf_file_close(&file);
        return ELF_FILE_OTHER_BUILD;
    }
    *out_file = file;
    return ELF_FILE_OPEN;
}

bool elf_file_has_section(Elf *elf, const char *name)
{
    size_t names;

    if (elf_getshdrstrndx(elf, &names) != 0)
        return false;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        const char *own;

        if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
            continue;
        own = elf_strptr(elf, names, header.sh_name);
        if (own && strcmp(own, name) == 0)
            return true;
    }
    return false;
}

/* Open the debug file of BUILD_ID below DIRECTORY, as "aa/bbcc….debug". */
static bool open_by_build_id(const char *directory, struct build_id build_id,
                             struct elf_file *out_file)
{
    const unsigned char *bytes = build_id.data;
    char path[PATH_MAX];
    int length;

    if (build_id.size < 2)
        return false;
    length = snprintf(path, sizeof(path), "%s/.build-id/%02x/", directory, bytes[0]);
    for (size_t i = 1; i < build_id.size && length > 0 && (size_t)length < sizeof(path); i++)
        length += snprintf(path + length, sizeof(path) - (size_t)length, "%02x", bytes[i]);
    if (length < 0 || (size_t)length + sizeof(".debug") > sizeof(path))
        return false;
    strcpy(path + length, ".debug");
    return elf_file_open(path, build_id, out_file) == ELF_FILE_OPEN;
}

/* True if the file has the CRC-32 EXPECTED, which .gnu_debuglink gives. */
static bool has_crc(int descriptor, uint32_t expected)
{
    unsigned char buffer[1 << 16];
    uint32_t table[256];
    uint32_t crc = ~0u;
    off_t at = 0;

    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (;;) {
        ssize_t got = pread(descriptor, buffer, sizeof(buffer), at);

        if (got <= 0)
            return got == 0 && ~crc == expected;
        for (ssize_t i = 0; i < got; i++)
            crc = crc >> 8 ^ table[(crc ^ buffer[i]) & 0xff];
        at += got;
    }
}

/* Open PATH if it is the debug file of MAIN: by their build-ids, else by CRC. */
static bool open_linked(const char *path, Elf *main, uint32_t crc, struct elf_file *out_file)
{
    struct build_id wanted = elf_file_build_id(main), found;
    struct elf_file file;
    bool same;

    if (!open_elf(path, &file))
        return false;
    found = elf_file_build_id(file.elf);
    if (wanted.size > 0 && found.size > 0)
        same = same_build(wanted, found);
    else
        same = has_crc(file.descriptor, crc);
    if (same)
        *out_file = file;
    else
        elf_file_close(&file);
    return same;
}

static bool open_by_link(const char *directory, const char *path, Elf *main,
                         struct elf_file *out_file)
{
    char candidate[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) : 0;
    const struct {
        const char *before, *after;
    } places[] = {{"", "/"}, {"", "/.debug/"}, {directory, "/"}};
    GElf_Word crc;
    const char *name = dwelf_elf_gnu_debuglink(main, &crc);

    if (!name || *name == 0 || strchr(name, '/') || !slash)
        return false;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        int length = snprintf(candidate, sizeof(candidate), "%s%.*s%s%s", places[i].before, folder,
                              path, places[i].after, name);

        if (length < 0 || (size_t)length >= sizeof(candidate) || strcmp(candidate, path) == 0)
            continue;
        if (open_linked(candidate, main, crc, out_file))
            return true;
    }
    return false;
}

bool elf_file_open_debug(const char *directory, struct build_id build_id, const char *path,
                         Elf *main, struct elf_file *out_file)
{
    if (open_by_build_id(directory, build_id, out_file))
        return true;
    return main && open_by_link(directory, path, main, out_file);
}
