#include "views/gzip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS (15 + 16) /* the largest; and zlib is to make a gzip file */
#define MEMORY_LEVEL 9

int gzip_compress(const void *data, size_t size, void **out_data, size_t *out_size)
{
    z_stream stream = {0};
    unsigned char *room;
    size_t bound;
    int result;

    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    bound = deflateBound(&stream, size);
    if (size > UINT32_MAX || bound > UINT32_MAX || !(room = malloc(bound))) {
        deflateEnd(&stream);
        return -ENOMEM;
    }
    stream.next_in = (unsigned char *)(size_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = room;
    stream.avail_out = (uInt)bound;
    result = deflate(&stream, Z_FINISH);
    *out_size = bound - stream.avail_out;
    deflateEnd(&stream);
    if (result != Z_STREAM_END) {
        free(room);
        return -ENOMEM;
    }
    *out_data = room;
    return 0;
}
