/* hooks.h - the one list of functions that the library puts itself in front of.
 *
 * exports.map lets out exactly these and the API; a test compares the three.
 *
 * Not here, with reasons: strdup, getline, asprintf and the like reach malloc and
 * realloc through the PLT, so they are seen already. vfork: a C wrapper would
 * return into a frame that the child has overwritten; what a vfork child allocates
 * is its parent's memory and is recorded as that, and the functions below that end
 * or replace the process ask the kernel who they are. dlopen: the wrapper would be
 * the caller whose RPATH is searched; modules are found when code in them is first
 * seen. fork: pthread_atfork tells of it. prctl and syscall are here for seccomp's sake.
 */
#ifndef PRELOAD_HOOKS_H
#define PRELOAD_HOOKS_H

/* Call the function of the same name in the library below. */
#define HOOKS_WITH_REAL(HOOK)                                                         \
    HOOK(malloc) HOOK(calloc) HOOK(realloc) HOOK(free)                                \
    HOOK(posix_memalign) HOOK(aligned_alloc) HOOK(memalign) HOOK(valloc) HOOK(pvalloc) \
    HOOK(malloc_usable_size)                                                          \
    HOOK(dlclose) HOOK(_Fork) HOOK(_exit)                                             \
    HOOK(execve) HOOK(execvpe) HOOK(fexecve) HOOK(execveat)                           \
    HOOK(posix_spawn) HOOK(posix_spawnp)                                              \
    HOOK(sigaction) HOOK(signal) HOOK(sysv_signal)                                    \
    HOOK(prctl) HOOK(syscall)

/* Are served by one of those. */
#define HOOKS_BY_ANOTHER(HOOK)                                                        \
    HOOK(reallocarray) HOOK(free_sized) HOOK(free_aligned_sized) HOOK(cfree)          \
    HOOK(_Exit)                                                                       \
    HOOK(execv) HOOK(execvp) HOOK(execl) HOOK(execlp) HOOK(execle)                    \
    HOOK(__sigaction) HOOK(__sysv_signal) HOOK(bsd_signal) HOOK(ssignal)

#endif
