#include "preload/snapshot_file.h"

#include "preload/arena.h"
#include "preload/config.h"
#include "preload/identity.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------------------ */

/* Make file->name, where it goes. */
static bool make_name(struct snapshot_file *file, const char *path, const char *label,
                      uint32_t sequence)
{
    const size_t size = sizeof file->name;
    char *name = file->name;

    name[0] = '\0';
    if (path)
        return path_append(name, size, path);
    return (!config->out ||
            (path_append(name, size, config->out) && path_append(name, size, "/"))) &&
           path_append(name, size, identity->program) && path_append(name, size, ".") &&
           path_append_number(name, size, identity->pid, 1) && path_append(name, size, ".") &&
           path_append_number(name, size, sequence, 4) &&
           (!label[0] || (path_append(name, size, ".") && path_append(name, size, label))) &&
           path_append(name, size, ".hds");
}

/* Make file->hidden: beside the final name, with a dot before and .part behind. */
static bool make_hidden(struct snapshot_file *file)
{
    const char *base = strrchr(file->name, '/');
    size_t directory = base ? (size_t)(base + 1 - file->name) : 0, size = sizeof file->hidden;

    memcpy(file->hidden, file->name, directory);
    file->hidden[directory] = '\0';
    return path_append(file->hidden, size, ".") &&
           path_append(file->hidden, size, file->name + directory) &&
           path_append(file->hidden, size, ".part");
}

/* Choose where the file goes. A number that is taken, by an earlier image of this
 * process, is passed over. */
static bool choose_name(struct snapshot_file *file, const char *path, const char *label,
                        uint32_t *sequence)
{
    for (;; ++*sequence) {
        if (!make_name(file, path, label, *sequence) || !make_hidden(file))
            return false;
        if (path || SYSCALL_3(SYS_faccessat, AT_FDCWD, file->name, F_OK) != 0)
            return true;
    }
}

/* ---- opening and closing ----------------------------------------------------------- */

/* Open the hidden file for us alone, never as descriptor 0 to 2. */
static long open_hidden(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    long file = SYSCALL_4(SYS_openat, AT_FDCWD, path, flags, 0600), moved;

    if (file == -EEXIST) { /* left by a process of our number that was killed */
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, path, 0);
        file = SYSCALL_4(SYS_openat, AT_FDCWD, path, flags, 0600);
    }
    if (file < 0 || file > 2)
        return file;
    moved = SYSCALL_3(SYS_fcntl, file, F_DUPFD_CLOEXEC, 3);
    SYSCALL_1(SYS_close, file);
    return moved;
}

/* Rename FROM to TO unless that exists, on file systems old and new. */
static int rename_new(const char *from, const char *to)
{
    long result = SYSCALL_5(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    if (result == -EINVAL || result == -ENOSYS) {
        result = SYSCALL_5(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
        if (result == 0)
            SYSCALL_3(SYS_unlinkat, AT_FDCWD, from, 0);
    }
    return (int)result;
}

int snapshot_file_open(struct snapshot_file *file, const char *path, const char *label,
                       uint32_t *sequence)
{
    if (!choose_name(file, path, label, sequence))
        return -ENAMETOOLONG;
    file->descriptor = open_hidden(file->hidden);
    return file->descriptor < 0 ? (int)file->descriptor : 0;
}

int snapshot_file_close(struct snapshot_file *file, int result)
{
    SYSCALL_1(SYS_close, file->descriptor);
    if (result == 0)
        result = rename_new(file->hidden, file->name);
    if (result < 0)
        SYSCALL_3(SYS_unlinkat, AT_FDCWD, file->hidden, 0);
    return result;
}

/* ---- keeping some of many ----------------------------------------------------------- */

/* A page of its own each, so that it can be given back. */
struct kept {
    uint64_t time;
    char name[SNAPSHOT_FILE_PATH - sizeof(uint64_t)];
};

#define FIRST_CAPACITY 512u

static struct kept **kept;
static uint32_t kept_count, kept_capacity;

/* Make room for one more. */
static bool make_room(void)
{
    uint32_t capacity = kept_capacity ? kept_capacity * 2 : FIRST_CAPACITY;
    struct kept **larger;

    if (kept_count < kept_capacity)
        return true;
    larger = arena_resize(kept, kept_capacity * sizeof *kept, capacity * sizeof *kept, ARENA_OTHER);
    if (!larger)
        return false;
    kept = larger;
    kept_capacity = capacity;
    return true;
}

/* The file that is missed least. */
static uint32_t most_crowded(void)
{
    uint32_t found = 1;

    for (uint32_t i = 2; i + 1 < kept_count; i++)
        if (kept[i + 1]->time - kept[i - 1]->time < kept[found + 1]->time - kept[found - 1]->time)
            found = i;
    return found;
}

static void remove_kept(uint32_t index)
{
    SYSCALL_3(SYS_unlinkat, AT_FDCWD, kept[index]->name, 0);
    arena_unmap(kept[index], sizeof **kept, ARENA_OTHER);
    memmove(&kept[index], &kept[index + 1], (kept_count - index - 1) * sizeof(struct kept *));
    kept_count--;
}

void snapshot_file_keep(const char *name, uint64_t time, uint32_t limit)
{
    struct kept *made;

    if (limit == 0 || strlen(name) >= sizeof made->name || !make_room())
        return;
    made = arena_map(sizeof *made, ARENA_OTHER);
    if (!made)
        return;
    made->time = time;
    strcpy(made->name, name);
    kept[kept_count++] = made;
    while (kept_count > limit && kept_count > 2)
        remove_kept(most_crowded());
}

void snapshot_file_forget(void)
{
    kept_count = 0;
}
