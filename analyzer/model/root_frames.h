/* root_frames.h - which frame of a stack an address lies in. */
#ifndef MODEL_ROOT_FRAMES_H
#define MODEL_ROOT_FRAMES_H

#include "model/heap.h"

#include <stddef.h>
#include <stdint.h>

/* The index in heap->root_frames of the frame of ROOT that ADDRESS lies in; SIZE_MAX: none is known. */
size_t root_frames_find(const struct heap *heap, uint32_t root, uint64_t address);

#endif
