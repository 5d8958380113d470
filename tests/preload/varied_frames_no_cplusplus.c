/* varied_frames_no_cplusplus.c - in the place of varied_frames_cplusplus.cpp where
 * there is no C++ compiler. */
#include "varied_frames.h"

#include <stddef.h>

int (*const cplusplus_frames[])(int depth) = {NULL};
const unsigned cplusplus_frame_count = 0;
