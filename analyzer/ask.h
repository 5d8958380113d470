/* ask.h - what the commands have in common that ask a running process for something. */
#ifndef ASK_H
#define ASK_H

#include "command.h"
#include "format/control.h"

#include <sys/types.h>

/* Read TEXT as the PID of a process. Returns it, or -1. */
pid_t ask_read_pid(const char *text);

/* Be COMMAND: read its command line, `[OPTION…] PID` with the SETS of options.h, ask
 * that process for VERB, and print the path of the snapshot, if there is one. Returns
 * the exit status: COMMAND_BAD_INPUT if there is nobody to be asked, COMMAND_NEGATIVE
 * if who was asked did not do it. */
int ask_process(const struct command *command, enum control_verb verb, unsigned sets, int argc,
                char **argv);

#endif
