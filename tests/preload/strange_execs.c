/* strange_execs.c - prints what execs answer that fail: where the kernel finds nothing at a
 * pointer, nothing is executed, and no descriptor is left open.
 *
 *     strange_execs SCRIPT           a script whose interpreter is SCRIPT
 *     strange_execs PROGRAM WAY      execute PROGRAM with no environment at all: execve, execveat
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

extern char **environ;

static char *text_before_nothing;   /* without an end: behind it nothing can be read */
static char **array_before_nothing; /* the same */

/* The end of a page behind which none can be read, nor be put by anybody. */
static char *page_before_nothing(void)
{
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(pages + PAGE, PAGE, PROT_NONE);
    return pages + PAGE;
}

static void show(const char *call, const char *with, int result, int error)
{
    printf("%s %s: %d %s\n", call, with, result, strerror(error));
    fflush(stdout);
}

#define TRY(call, with, ...)                          \
    do {                                              \
        int result_ = (errno = 0, call(__VA_ARGS__)); \
        show(#call, with, result_, errno);            \
    } while (0)

/* All calls with the environment VARIABLES. */
static void with_environment(const char *with, char **variables)
{
    char *arguments[] = { (char *)"true", NULL }, **before = environ;
    int true_file = open("/bin/true", O_RDONLY | O_CLOEXEC);
    pid_t child;

    TRY(execve, with, "/bin/true", arguments, variables);
    TRY(execvpe, with, "true", arguments, variables);
    TRY(fexecve, with, true_file, arguments, variables);
    TRY(execveat, with, AT_FDCWD, "/bin/true", arguments, variables, 0);
    TRY(execveat, with, true_file, "", arguments, variables, AT_EMPTY_PATH);
    TRY(execle, with, "/bin/true", "true", (char *)NULL, variables);
    show("posix_spawn", with, posix_spawn(&child, "/bin/true", 0, 0, arguments, variables), 0);
    show("posix_spawnp", with, posix_spawnp(&child, "true", 0, 0, arguments, variables), 0);
    environ = variables;
    TRY(execv, with, "/bin/true", arguments);
    TRY(execvp, with, "/bin/true", arguments);
    TRY(execl, with, "/bin/true", "true", (char *)NULL);
    environ = before;
    close(true_file);
}

static void with_path(const char *with, const char *path)
{
    char *arguments[] = { (char *)"true", NULL };
    pid_t child;

    TRY(execve, with, path, arguments, environ);
    TRY(execv, with, path, arguments);
    TRY(execveat, with, AT_FDCWD, path, arguments, environ, 0);
    TRY(execveat, with, AT_FDCWD, path, arguments, environ, AT_EMPTY_PATH);
    show("posix_spawn", with, posix_spawn(&child, path, NULL, NULL, arguments, environ), 0);
}

int main(int argc, char **argv)
{
    char *no_text[] = { (char *)"A=1", (char *)1, NULL }, *arguments[] = { argv[1], NULL };
    char *endless[] = { (char *)"A=1", NULL, NULL };
    int before, after;

    if (argc < 2)
        return 2;
    if (argc > 2)
        return strcmp(argv[2], "execve") == 0 ? execve(argv[1], arguments, NULL)
                                              : execveat(AT_FDCWD, argv[1], arguments, NULL, 0);
    text_before_nothing = memcpy(page_before_nothing() - 3, "HEA", 3);
    array_before_nothing = (char **)page_before_nothing() - 1;
    *array_before_nothing = (char *)"A=1";
    endless[1] = text_before_nothing;
    with_environment("an environment nowhere", (char **)1);
    with_environment("an environment without an end", array_before_nothing);
    with_environment("a variable nowhere", no_text);
    with_environment("a variable without an end", endless);
    with_path("no path", NULL);
    with_path("a path nowhere", (const char *)1);
    with_path("a path without an end", text_before_nothing);
    TRY(execve, "arguments nowhere", "/bin/true", (char **)1, environ);
    TRY(fexecve, "no environment", 0, arguments, NULL);

    close(before = dup(0));
    for (int i = 0; i < 5; i++)
        TRY(execv, "a script of itself", argv[1], arguments);
    close(after = dup(0));
    printf("%d more descriptors\n", after - before);
    return 0;
}
