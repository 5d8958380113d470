/* leave_page - what a process leaves behind that could not clean up: its control page.
 *
 *     leave_page FILE busy|idle [MESSAGE…]
 */
#include "format/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct control_page page = {
        .version = CONTROL_VERSION,
        .size = CONTROL_SIZE,
        .state = CONTROL_TRACING,
    };
    int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (argc < 3 || file < 0)
        return 2;
    memcpy(page.magic, CONTROL_MAGIC, sizeof page.magic);
    page.request = strcmp(argv[2], "busy") == 0 ? CONTROL_BUSY : CONTROL_IDLE;
    for (int i = 3; i < argc; i++)
        snprintf(page.messages[page.message_count++ % CONTROL_MESSAGES], CONTROL_MESSAGE_SIZE, "%s",
                 argv[i]);
    if (write(file, &page, sizeof page) != sizeof page || ftruncate(file, CONTROL_SIZE) < 0)
        return 1;
    return close(file) < 0;
}
