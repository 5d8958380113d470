/* amount.h - a number of bytes in a sentence: "96 bytes", "205 KiB". */
#ifndef MODEL_AMOUNT_H
#define MODEL_AMOUNT_H

#define AMOUNT_SIZE 40 /* bytes that always suffice for BUFFER */

/* BYTES as "33.3 bytes", "1152 bytes", "12.5 KiB", "205 KiB", in BUFFER, which is returned. */
char *amount_bytes(char *buffer, double bytes);

#endif
