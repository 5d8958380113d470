#include "output.h"

#include "leaving.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

/* What stdio calls to write to the file of the output CONTEXT. */
static ssize_t write_out(void *context, const char *data, size_t size)
{
    struct output *output = context;

    for (size_t done = 0; done < size;) {
        ssize_t written = write(output->fd, data + done, size - done);

        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            if (!output->failed)
                output->failed = written < 0 ? -errno : -EIO;
            return 0; /* the error, for stdio */
        }
    }
    return (ssize_t)size;
}

static int close_out(void *context)
{
    struct output *output = context;

    /* stdout is closed by itself, or not yet. */
    if (output->path && close(output->fd) < 0 && !output->failed)
        output->failed = -errno;
    return output->failed ? -1 : 0;
}

/* Let stdio write to FD, which is its own then, but for stdout. Returns 0 or -errno. */
static int open_stream(struct output *output, int fd)
{
    const cookie_io_functions_t functions = {.write = write_out, .close = close_out};

    if (isatty(fd)) { /* as views want to know of it */
        output->file = output->path ? fdopen(fd, "w") : stdout;
    } else {
        output->fd = fd;
        output->file = fopencookie(output, "w", functions);
    }
    return output->file ? 0 : -errno;
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
    result = fd >= 0 && fchmod(fd, mode) == 0 ? open_stream(output, fd) : -errno;
    if (result == 0)
        return 0;
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

/* Open the device or pipe PATH. Returns 0 or -errno. */
static int open_device(struct output *output, const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result = fd >= 0 ? open_stream(output, fd) : -errno;

    if (result != 0 && fd >= 0)
        close(fd);
    return result;
}

int output_open(struct output *output, const char *path, struct error *error)
{
    struct stat status;
    bool exists;
    int result = 0;

    if (path && strcmp(path, "-") == 0)
        path = NULL;
    *output = (struct output){.file = stdout, .path = path, .fd = -1};
    signal(SIGXFSZ, SIG_IGN); /* programs that we start were started before */
    if (!path) {
        fflush(stdout);
        result = open_stream(output, STDOUT_FILENO);
        return result ? error_set(error, result, "can't write to stdout: %s", strerror(-result)) : 0;
    }
    exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        result = open_device(output, path);
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

/* Write out and close the stream, but not stdout. Returns 0 or -errno. */
static int close_stream(struct output *output)
{
    int result = ferror(output->file) ? -EIO : 0;

    errno = 0;
    if ((output->file == stdout ? fflush : fclose)(output->file) != 0)
        result = errno ? -errno : -EIO;
    return output->failed ? output->failed : result;
}

int output_flush(struct output *output, struct error *error)
{
    int result = close_stream(output);

    return result ? fail(output, result, error) : 0;
}

int output_close(struct output *output, struct error *error)
{
    int result = close_stream(output);

    errno = 0;
    if (!output->path && fclose(stdout) != 0 && !result)
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
    if (output->file != stdout)
        fclose(output->file);
    finish(output);
}
