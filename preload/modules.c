#include "preload/modules.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/object.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#define CHUNK 64u /* modules */
#define MAX_MODULES (1u << 16)

static struct module *_Atomic chunks[MAX_MODULES / CHUNK];
static _Atomic uint32_t count;
static uint32_t generation = 1; /* raised whenever modules went */
static uint32_t last_found;

static struct module *get(uint32_t number)
{
    return atomic_load_explicit(&chunks[(number - 1) / CHUNK], memory_order_acquire) +
           (number - 1) % CHUNK;
}

uint32_t modules_count(void)
{
    return atomic_load_explicit(&count, memory_order_acquire);
}

const struct module *modules_get(uint32_t number)
{
    return get(number);
}

bool modules_loaded(uint32_t number)
{
    return !(get(number)->flags & SNAPSHOT_MODULE_UNLOADED);
}

/* ---- what the module says of itself ---------------------------------------- */

/* Copy the build-id from the notes of SIZE bytes at NOTES into MODULE. */
static void read_build_id(struct module *module, const char *notes, size_t size)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)notes;
        size_t name_size = ((size_t)note->n_namesz + 3) & ~(size_t)3;
        size_t total = sizeof *note + name_size + (((size_t)note->n_descsz + 3) & ~(size_t)3);

        if (total > size)
            return;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(notes + sizeof *note, "GNU", 4) == 0 &&
            note->n_descsz <= MODULES_BUILD_ID_MAX) {
            module->build_id_size = note->n_descsz;
            module->build_id_address = (uintptr_t)(notes + sizeof *note + name_size);
            memcpy(module->build_id, notes + sizeof *note + name_size, note->n_descsz);
            return;
        }
        notes += total;
        size -= total;
    }
}

/* Fill in the build-id of MODULE, which OBJECT is. */
static void read_notes(struct module *module, const struct object *object)
{
    for (unsigned i = 0; i < object->header_count && module->build_id_size == 0; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t address = module->bias + header->p_vaddr;

        if (header->p_type == PT_NOTE && address >= module->start && address <= module->end &&
            header->p_memsz <= module->end - address)
            read_build_id(module, (const char *)address, header->p_memsz);
    }
}

/* Fill in the segments of MODULE, which OBJECT is. */
static void read_segments(struct module *module, const struct object *object)
{
    struct module_segment *segments =
        arena_alloc(object->header_count * sizeof *segments, ARENA_STACKS);

    for (unsigned i = 0; segments && i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];

        if (header->p_type == PT_TLS)
            module->tls_size = header->p_memsz;
        if (header->p_type == PT_LOAD)
            segments[module->segment_count++] =
                (struct module_segment){ module->bias + header->p_vaddr, header->p_memsz,
                                         header->p_offset, header->p_flags };
    }
    module->segments = segments;
}

/* The name under which OBJECT was loaded made absolute, in the SIZE bytes at BUFFER. */
static const char *object_path(const struct object *object, char *buffer, size_t size)
{
    const char *name = object->map->l_name;
    long length;

    if (object->is_main) {
        length = SYSCALL_4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buffer, size - 1);
        if (length <= 0)
            return "";
        buffer[length] = '\0';
        return buffer;
    }
    if (strncmp(name, "linux-vdso", 10) == 0 || strncmp(name, "linux-gate", 10) == 0)
        return "[vdso]";
    if (name[0] == '/' || !strchr(name, '/'))
        return name;
    length = SYSCALL_2(SYS_getcwd, buffer, size); /* counts the NUL */
    if (length <= 0 || buffer[0] != '/' || (size_t)length + 1 + strlen(name) > size)
        return name;
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    buffer[length - 1] = '/';
    strcpy(buffer + length, name);
    return buffer;
}

/* ---- finding ---------------------------------------------------------------- */

/* Fill in MODULE, which OBJECT is, but for its path and segments. */
static void describe(struct module *module, const struct object *object)
{
    uintptr_t here = (uintptr_t)describe;

    memset(module, 0, sizeof *module);
    module->start = object->start;
    module->end = object->end;
    module->bias = object->bias;
    module->link_map = object->map;
    module->generation = generation;
    if (object->is_main)
        module->flags |= SNAPSHOT_MODULE_MAIN;
    if (here >= object->start && here < object->end)
        module->flags |= SNAPSHOT_MODULE_OWN;
    read_notes(module, object);
}

/* Whether the module that OBJECT and PATH tell of is the one recorded in KNOWN. */
static bool same_module(const struct module *known, const struct module *found, const char *path)
{
    return known->start == found->start && known->end == found->end &&
           known->build_id_size == found->build_id_size &&
           memcmp(known->build_id, found->build_id, found->build_id_size) == 0 &&
           strcmp(known->path, path) == 0;
}

/* Record FOUND, of PATH, as a new module. Returns its number, 0 on lack of memory. */
static uint32_t record(const struct module *found, const char *path)
{
    uint32_t number = modules_count() + 1;
    size_t size = strlen(path) + 1;
    char *copy = arena_alloc(size, ARENA_STACKS);
    struct module *chunk;

    if (!copy || number > MAX_MODULES)
        return 0;
    memcpy(copy, path, size);
    chunk = atomic_load_explicit(&chunks[(number - 1) / CHUNK], memory_order_relaxed);
    if (!chunk) {
        chunk = arena_map(CHUNK * sizeof *chunk, ARENA_STACKS);
        if (!chunk)
            return 0;
        atomic_store_explicit(&chunks[(number - 1) / CHUNK], chunk, memory_order_release);
    }
    chunk[(number - 1) % CHUNK] = *found;
    chunk[(number - 1) % CHUNK].path = copy;
    atomic_store_explicit(&count, number, memory_order_release);
    return number;
}

/* What modules_find() puts together: too large for a caller's stack, and that is for one
 * thread at a time. */
static char path_buffer[PATH_MAX];
static struct module candidate;

uint32_t modules_find(uintptr_t address, bool *out_back)
{
    uint32_t known = modules_count();
    struct object object;
    const char *path;

    for (uint32_t i = 0; i <= known; i++) {
        uint32_t number = i == 0 ? last_found : i; /* the one found last first */
        struct module *module = number ? get(number) : NULL;

        if (module && address >= module->start && address < module->end &&
            !(module->flags & SNAPSHOT_MODULE_UNLOADED))
            return last_found = number;
    }
    if (!object_find(address, &object))
        return 0;
    describe(&candidate, &object);
    path = object_path(&object, path_buffer, sizeof path_buffer);
    for (uint32_t number = 1; number <= known; number++) {
        struct module *module = get(number);

        if (module->flags & SNAPSHOT_MODULE_UNLOADED && same_module(module, &candidate, path)) {
            module->link_map = candidate.link_map;
            module->flags &= ~(uint32_t)SNAPSHOT_MODULE_UNLOADED;
            *out_back = true;
            return last_found = number;
        }
    }
    read_segments(&candidate, &object);
    return last_found = record(&candidate, path);
}

/* Whether the build-id of MODULE is where it was. The kernel reads it, since another
 * thread may be unloading what is there; where it may not, nothing has changed. */
static bool same_build_id(const struct module *module)
{
    uint8_t found[MODULES_BUILD_ID_MAX];
    struct iovec to = { found, module->build_id_size };
    struct iovec from = { (void *)module->build_id_address, module->build_id_size };
    long size;

    if (module->build_id_size == 0)
        return true;
    size = SYSCALL_6(SYS_process_vm_readv, syscall_getpid(), &to, 1, &from, 1, 0);
    if (size < 0)
        return size != -EFAULT;
    return size == (long)module->build_id_size &&
           memcmp(found, module->build_id, (size_t)size) == 0;
}

/* Whether MODULE is still where it was, and not another one in its place. */
static bool still_there(const struct module *module)
{
    return module->flags & SNAPSHOT_MODULE_MAIN ||
           (object_is(module->start, module->link_map, module->start, module->end) &&
            same_build_id(module));
}

bool modules_check(void)
{
    bool gone = false;

    for (uint32_t number = 1; number <= modules_count(); number++) {
        struct module *module = get(number);

        if (!(module->flags & SNAPSHOT_MODULE_UNLOADED) && !still_there(module)) {
            module->flags |= SNAPSHOT_MODULE_UNLOADED;
            gone = true;
        }
    }
    generation += gone;
    return gone;
}
