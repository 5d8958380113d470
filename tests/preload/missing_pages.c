/* missing_pages.c - has a thread that fills in its pages when they are missed, and that is told of each
 * fork, which waits for it (userfaultfd). Ends with 77 where that can't be had. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

static int faults;

static void *fill_in(void *unused)
{
    static char page[PAGE] __attribute__((aligned(PAGE)));
    struct uffd_msg message;

    (void)unused;
    while (read(faults, &message, sizeof message) == sizeof message) {
        free(malloc(33));
        if (message.event == UFFD_EVENT_FORK) {
            close((int)message.arg.fork.ufd);
        } else if (message.event == UFFD_EVENT_PAGEFAULT) {
            struct uffdio_copy copy = {
                .dst = message.arg.pagefault.address & ~(uint64_t)(PAGE - 1),
                .src = (uintptr_t)page,
                .len = PAGE,
            };

            ioctl(faults, UFFDIO_COPY, &copy);
        }
    }
    return NULL;
}

int main(void)
{
    struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_EVENT_FORK };
    char *memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register where = {
        .range = { (uintptr_t)memory, (size_t)PAGES * PAGE },
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    pthread_t thread;

    faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (faults < 0 || ioctl(faults, UFFDIO_API, &api) < 0 ||
        ioctl(faults, UFFDIO_REGISTER, &where) < 0 ||
        pthread_create(&thread, NULL, fill_in, NULL) != 0)
        return 77;
    for (int i = 0; i < PAGES; i++)
        memory[i * PAGE] = 1;
    *(void *volatile *)memory = malloc(100);
    puts("filled in");
    return 0;
}
