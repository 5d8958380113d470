#include "model/embedded.h"

#include "format/snapshot.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define CODE_SIZE 32u
#define TEXT_MAX  (1u << 20)

/* The bytes of ELF's file that are loaded at ADDRESS, up to the end of their segment. */
static const uint8_t *bytes_at(Elf *elf, uint64_t address, size_t *out_size)
{
    size_t count = 0, file_size = 0;
    const char *file = elf_rawfile(elf, &file_size);

    if (!file || elf_getphdrnum(elf, &count) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        uint64_t inside;

        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD)
            continue;
        inside = address - segment.p_vaddr;
        if (address < segment.p_vaddr || inside >= segment.p_filesz ||
            segment.p_offset > file_size || segment.p_filesz > file_size - segment.p_offset)
            continue;
        *out_size = (size_t)(segment.p_filesz - inside);
        return (const uint8_t *)file + segment.p_offset + inside;
    }
    return NULL;
}

static bool find_function(Elf *elf, uint64_t *out_address)
{
    Elf_Scn *section = NULL;

    while (elf && (section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        Elf_Data *data;
        size_t count;

        if (!gelf_getshdr(section, &header) || header.sh_entsize == 0 ||
            (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
            continue;
        data = elf_getdata(section, NULL);
        count = data ? data->d_size / header.sh_entsize : 0;
        for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
            GElf_Sym symbol;
            const char *name;

            if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF)
                continue;
            name = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (name && strcmp(name, EMBEDDED_FUNCTION) == 0) {
                *out_address = symbol.st_value;
                return true;
            }
        }
    }
    return false;
}

/* Does CODE at *AT begin with the SIZE bytes of INSTRUCTION? Then *AT is moved behind it. */
static bool skip(const uint8_t *code, size_t *at, const char *instruction, size_t size)
{
    if (memcmp(code + *at, instruction, size) != 0)
        return false;
    *at += size;
    return true;
}

static uint32_t number_at(const uint8_t *code)
{
    uint32_t number;

    memcpy(&number, code, sizeof(number));
    return number;
}

/* What the function with this CODE at ADDRESS returns: [endbr64] [push %rbp; mov %rsp,%rbp], lea
 * N(%rip),%rax or mov $N,%eax, [pop %rbp or leave], ret. 0: something else. */
static uint64_t returned_by(const uint8_t code[CODE_SIZE], uint64_t address)
{
    uint64_t value;
    size_t at = 0;

    skip(code, &at, "\xf3\x0f\x1e\xfa", 4);
    if (skip(code, &at, "\x55", 1) && !skip(code, &at, "\x48\x89\xe5", 3))
        return 0;
    if (skip(code, &at, "\x48\x8d\x05", 3)) {
        at += 4;
        value = address + at + (uint64_t)(int64_t)(int32_t)number_at(code + at - 4);
    } else if (skip(code, &at, "\xb8", 1)) {
        value = number_at(code + at);
        at += 4;
    } else if (skip(code, &at, "\x48\xc7\xc0", 3)) {
        value = (uint64_t)(int64_t)(int32_t)number_at(code + at);
        at += 4;
    } else {
        return 0;
    }
    if (!skip(code, &at, "\x5d", 1))
        skip(code, &at, "\xc9", 1);
    return skip(code, &at, "\xc3", 1) || skip(code, &at, "\xf3\xc3", 2) ? value : 0;
}

static int read_from(Elf *elf, uint64_t function, struct suppressions *suppressions,
                     struct error *error)
{
    uint8_t code[CODE_SIZE] = {0};
    size_t size = 0;
    const uint8_t *bytes = bytes_at(elf, function, &size);
    uint64_t value;

    if (bytes)
        memcpy(code, bytes, size < CODE_SIZE ? size : CODE_SIZE);
    value = returned_by(code, function);
    bytes = value ? bytes_at(elf, value, &size) : NULL;
    if (!bytes || !memchr(bytes, 0, size < TEXT_MAX ? size : TEXT_MAX))
        return error_set(error, -ENOTSUP,
                         EMBEDDED_FUNCTION "() of the program does more than to return a text: what it "
                                           "suppresses is not known, and not suppressed");
    return suppressions_parse(suppressions, (const char *)bytes, strlen((const char *)bytes),
                              EMBEDDED_FUNCTION, error);
}

int embedded_read(struct suppressions *suppressions, const struct heap *heap,
                  struct symbols *symbols, struct error *error)
{
    for (size_t i = 0; i < heap->module_count; i++) {
        struct symbols_files files;
        uint64_t function;
        int result;

        if (!(heap->modules[i].flags & SNAPSHOT_MODULE_MAIN))
            continue;
        files = symbols_files(symbols, i);
        if (!files.main ||
            (!find_function(files.main, &function) && !find_function(files.debug, &function)))
            return 0;
        result = read_from(files.main, function, suppressions, error);
        return result < 0 ? result : 1;
    }
    return 0;
}
