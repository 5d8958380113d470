#include "model/root_frames.h"

size_t root_frames_find(const struct heap *heap, uint32_t root, uint64_t address)
{
    size_t low = 0, high = heap->root_frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct heap_root_frame *frame = &heap->root_frames[middle];

        if (frame->root < root || (frame->root == root && frame->end <= address))
            low = middle + 1;
        else
            high = middle;
    }
    return low < heap->root_frame_count && heap->root_frames[low].root == root ? low : SIZE_MAX;
}
