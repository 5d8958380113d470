/* elf_file.h - the files of a module: the one that ran, the one with its debug info.
 *
 * Either is used only if it is of the build that ran. Nothing is fetched from
 * anywhere. A file that is no ELF file, cut or damaged counts as not there.
 */
#ifndef MODEL_ELF_FILE_H
#define MODEL_ELF_FILE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct build_id {
    const void *data;
    size_t size; /* 0: none */
};

struct elf_file {
    Elf *elf; /* NULL: not open */
    int descriptor;
};

enum elf_file_result {
    ELF_FILE_OPEN,
    ELF_FILE_MISSING,     /* not there, not readable, not ELF */
    ELF_FILE_OTHER_BUILD, /* there, but of another build-id */
};

/* Open the regular file PATH, if its build-id is BUILD_ID or both have none. On
 * ELF_FILE_OPEN, OUT_FILE is for elf_file_close(). */
enum elf_file_result elf_file_open(const char *path, struct build_id build_id,
                                   struct elf_file *out_file);

/* Find and open the separate debug file of the build BUILD_ID below DIRECTORY
 * ("/usr/lib/debug"); or the one that MAIN, which lies at PATH and may be NULL, names
 * in .gnu_debuglink: beside it, in .debug beside it, or at its path below DIRECTORY. */
bool elf_file_open_debug(const char *directory, struct build_id build_id, const char *path,
                         Elf *main, struct elf_file *out_file);

/* Close FILE, which may be zeroed. */
void elf_file_close(struct elf_file *file);

/* The build-id that ELF has; the data are its own. */
struct build_id elf_file_build_id(Elf *elf);

/* True if ELF has a section NAME with contents in the file. */
bool elf_file_has_section(Elf *elf, const char *name);

#endif
