/* ending.h - the signals that are to end a command: seen first, so that it can clean up. */
#ifndef ENDING_H
#define ENDING_H

#include <signal.h>

/* The number of INT, TERM or HUP that came since ending_watch(); 0: none. */
extern volatile sig_atomic_t ending_signal;

/* Remember these signals from now on, unless they are ignored, instead of ending by them. */
void ending_watch(void);

/* A descriptor that can be read once ending_signal is not 0, for poll(); -1: there is none. */
int ending_descriptor(void);

/* Let that be read again only once another signal has come. */
void ending_drain(void);

/* End as the signal that came would have ended us; returns if none came. */
void ending_obey(void);

#endif
