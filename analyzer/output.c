#include "output.h"

#include "leaving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The mode that open() would give a new file. */
static mode_t default_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

/* Make a file beside PATH to be renamed to it. */
static int open_temporary(struct output *output, mode_t mode)
{
    const char *slash = strrchr(output->target, '/');
    int directory = slash ? (int)(slash + 1 - output->target) : 0;
    int fd, result;

    if (asprintf(&output->temporary, "%.*s.heapdelta.XXXXXX", directory, output->target) < 0) {
        output->temporary = NULL;
        return -ENOMEM;
    }
    fd = mkostemp(output->temporary, O_CLOEXEC);
    if (fd >= 0)
        leaving_remove(output->temporary);
    if (fd >= 0 && fchmod(fd, mode) == 0 && (output->file = fdopen(fd, "w")))
        return 0;
    result = -errno;
    if (fd >= 0) {
        close(fd);
        unlink(output->temporary);
        leaving_remove(NULL);
    }
    free(output->temporary);
    output->temporary = NULL;
    return result;
}

/* Free what the output holds, the file beside the target too if it is still there. */
static void finish(struct output *output)
{
    if (output->temporary)
        unlink(output->temporary);
    leaving_remove(NULL);
    free(output->temporary);
    free(output->target);
    output->temporary = output->target = NULL;
}

int output_open(struct output *output, const char *path, struct error *error)
{
    struct stat status;
    bool exists;
    int result = 0;

    if (path && strcmp(path, "-") == 0)
        path = NULL;
    *output = (struct output){.file = stdout, .path = path};
    if (!path)
        return 0;
    exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        output->file = fopen(path, "we"); /* a device, a pipe */
        result = output->file ? 0 : -errno;
    } else {
        /* A symbolic link stays one. */
        output->target = exists ? realpath(path, NULL) : strdup(path);
        if (output->target)
            result = open_temporary(output, exists ? status.st_mode & 07777 : default_mode());
        else
            result = -errno;
    }
    if (!result)
        return 0;
    finish(output);
    return error_set(error, result, "can't write %s: %s", path, strerror(-result));
}

/* Say what became of the writing, if that was nothing good. */
static int fail(const struct output *output, int result, struct error *error)
{
    if (result == -EPIPE)
        return error_set(error, result, "%s", "");
    return error_set(error, result, "can't write %s: %s", output->path ? output->path : "to stdout",
                     strerror(-result));
}

int output_flush(struct output *output, struct error *error)
{
    errno = 0;
    if (fflush(output->file) == 0 && !ferror(output->file))
        return 0;
    return fail(output, errno ? -errno : -EIO, error);
}

int output_close(struct output *output, struct error *error)
{
    int result = ferror(output->file) ? -EIO : 0;

    errno = 0;
    if (fclose(output->file) != 0)
        result = errno ? -errno : -EIO;
    if (!result && output->temporary) {
        if (rename(output->temporary, output->target) == 0) {
            free(output->temporary);
            output->temporary = NULL;
        } else {
            result = -errno;
        }
    }
    finish(output);
    return result ? fail(output, result, error) : 0;
}

void output_discard(struct output *output)
{
    if (output->path)
        fclose(output->file);
    finish(output);
}
