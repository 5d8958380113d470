/* roster.h - the threads that have allocated, with numbers, where these are told apart.
 *
 * A thread is entered once, and stays when it has ended, for its blocks may stay. Numbers
 * count from 1; there are ROSTER_MAX at most: threads beyond have none.
 *
 * Names may be written while they are read: then they are of both, but end.
 */
#ifndef PRELOAD_ROSTER_H
#define PRELOAD_ROSTER_H

#include <stdint.h>

#define ROSTER_MAX 65535u
#define ROSTER_NAME_SIZE 16u /* as the kernel keeps them, with the NUL */

struct roster_thread {
    uint32_t tid;
    char name[ROSTER_NAME_SIZE];
};

/* Enter the thread TID. Returns its number, 0 if there is none left, or no memory. */
uint32_t roster_enter(uint32_t tid);

/* The number of the thread that was entered last as TID; 0: none. */
uint32_t roster_find(uint32_t tid);

/* Thread NUMBER is called NAME, of which SIZE bytes are there, no NUL needed. */
void roster_name(uint32_t number, const char *name, uint32_t size);

/* How many there are; thread NUMBER, from 1 to that. */
uint32_t roster_count(void);
const struct roster_thread *roster_thread(uint32_t number);

#endif
