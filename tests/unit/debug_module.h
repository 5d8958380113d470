/* debug_module.h - a program as a module of a heap, for tests that read its debug info. */
#ifndef TESTS_DEBUG_MODULE_H
#define TESTS_DEBUG_MODULE_H

#include "model/elf_file.h"
#include "model/heap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fill in the path and build-id of MODULE, zeroed, for the program at PATH, which must stay. Returns 0
 * or -1; free the build-id. */
static inline int debug_module_open(struct heap_module *module, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct build_id build_id = {0};
    Elf *elf;

    elf_version(EV_CURRENT);
    elf = elf_begin(descriptor, ELF_C_READ, NULL);
    if (!elf)
        return -1;
    build_id = elf_file_build_id(elf);
    module->path = path;
    module->build_id =
        memcpy(malloc(build_id.size + 1), build_id.data ? build_id.data : "", build_id.size);
    module->build_id_size = (uint32_t)build_id.size;
    elf_end(elf);
    close(descriptor);
    return 0;
}

#endif
