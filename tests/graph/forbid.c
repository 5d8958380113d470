/* forbid.c - starts a program that may not do everything.
 *
 *     forbid ptrace CMD…      ptrace() fails, as a sandbox has it
 *     forbid copy CMD…        process_vm_readv() too
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define FORBID             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SKIP_UNLESS(what)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, what, 0, 1)

static struct sock_filter no_ptrace[] = { LOAD(nr), SKIP_UNLESS(SYS_ptrace), FORBID, ALLOW };
static struct sock_filter no_copy[] = { LOAD(nr), SKIP_UNLESS(SYS_ptrace), FORBID,
                                        SKIP_UNLESS(SYS_process_vm_readv), FORBID, ALLOW };

static const struct {
    const char *name;
    struct sock_fprog program;
} filters[] = {
    { "ptrace", { sizeof no_ptrace / sizeof *no_ptrace, no_ptrace } },
    { "copy", { sizeof no_copy / sizeof *no_copy, no_copy } },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof filters / sizeof *filters; i++) {
        if (strcmp(filters[i].name, argv[1]) != 0)
            continue;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filters[i].program) != 0)
            return 77;
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        return 127;
    }
    fputs("usage: forbid ptrace|copy COMMAND…\n", stderr);
    return 2;
}
