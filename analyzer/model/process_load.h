/* process_load.h - what a snapshot says of its process, or of those it was merged from.
 *
 * Steps of heap.c, which has their order; callers of the model load a heap.
 */
#ifndef MODEL_PROCESS_LOAD_H
#define MODEL_PROCESS_LOAD_H

struct loader;

/* Load the texts that all others name. */
int process_load_strings(struct loader *loader);

/* Load the process, then its account. */
int process_load_process(struct loader *loader);
int process_load_account(struct loader *loader);

/* Load the processes it was merged from, else make it the only part. */
int process_load_parts(struct loader *loader);

/* Find out what each program was called as; without a word about it, as its file. */
int process_load_names(struct loader *loader);

/* Load what its memory is used for, by kind. */
int process_load_memory(struct loader *loader);

/* Load which blocks were recorded, where not all were. */
int process_load_sampling(struct loader *loader);

int process_load_epochs(struct loader *loader);
int process_load_threads(struct loader *loader);

#endif
