/* auxiliary.c - looks behind its environment, on the stack that the kernel made: what it tells each
 * process lies there (Go and others look for it so). */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(int argc, char **argv, char **environment)
{
    char **variable = argv + argc + 1;
    const Elf64_auxv_t *entry;

    while (*variable)
        variable++;
    entry = (const Elf64_auxv_t *)(variable + 1);
    while (entry->a_type != AT_NULL && entry->a_type != AT_PAGESZ)
        entry++;
    printf("page size %s\n",
           entry->a_type == AT_PAGESZ && entry->a_un.a_val == getauxval(AT_PAGESZ) ? "found" : "lost");

    /* Of ours only one that no test has set for itself. */
    printf("main has %s\n", environment == environ ? "the environment" : "another environment");
    for (variable = environ; *variable; variable++)
        if (strncmp(*variable, "HEAPDELTA_", 10) != 0 || strncmp(*variable + 10, "OUT=", 4) == 0)
            puts(*variable);
    return 0;
}
