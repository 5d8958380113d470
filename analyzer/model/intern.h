/* intern.h - strings kept once each, for as long as the pool. */
#ifndef MODEL_INTERN_H
#define MODEL_INTERN_H

struct intern;

/* Create an empty pool; NULL: no memory. */
struct intern *intern_create(void);

/* Free POOL, which may be NULL, and all its strings. */
void intern_destroy(struct intern *pool);

/* POOL's own copy of TEXT, the same pointer for equal text. NULL: no memory, or TEXT
 * was NULL. */
const char *intern_string(struct intern *pool, const char *text);

#endif
