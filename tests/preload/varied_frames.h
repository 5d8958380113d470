/* varied_frames.h - what the frames of varied_frames.c and .cpp have in common. */
#ifndef VARIED_FRAMES_H
#define VARIED_FRAMES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Go on from this frame with a random one, DEPTH more; the last one leaks. */
int next_frame(int depth);

/* A random number below LIMIT. */
unsigned random_below(unsigned limit);

/* Frames written in C++; NULL where there is no C++. */
extern int (*const cplusplus_frames[])(int depth);
extern const unsigned cplusplus_frame_count;

#ifdef __cplusplus
}
#endif

#endif
