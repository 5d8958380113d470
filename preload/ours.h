/* ours.h - a variable of ours that the event path reads.
 *
 * Without this the compiler thinks that another library might have it, and asks for its address
 * first.
 */
#ifndef PRELOAD_OURS_H
#define PRELOAD_OURS_H

#define OURS __attribute__((visibility("hidden")))

#endif
