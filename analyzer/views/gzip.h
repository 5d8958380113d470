/* gzip.h - bytes compressed. */
#ifndef VIEWS_GZIP_H
#define VIEWS_GZIP_H

#include <stddef.h>

/* Compress the SIZE bytes at DATA as a gzip file, without a name or a time, into OUT_DATA, which
 * the caller frees, and OUT_SIZE. Returns 0 or -ENOMEM. */
int gzip_compress(const void *data, size_t size, void **out_data, size_t *out_size);

#endif
