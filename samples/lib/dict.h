/* dict.h - attributes by name: what `__dict__` is to a Python object.
 *
 * Any name can be set at any time, and that is paid for in each dictionary:
 *
 *   dict { object, entries }
 *             │
 *             ▼
 *           entry { name, value, hash handle } ──▶ entry ──▶ …
 *             │
 *             └──▶ table ──▶ buckets
 *
 * A dictionary is an object: object_release() it. Threads: one at a time.
 */
#ifndef SAMPLES_LIB_DICT_H
#define SAMPLES_LIB_DICT_H

#include "samples/lib/footprint.h"
#include "samples/lib/object.h"

enum value_kind { VALUE_NONE, VALUE_NUMBER, VALUE_TEXT, VALUE_OBJECT };

struct value {
    enum value_kind kind;
    union {
        double number;
        const char *text;
        void *object;
    };
};

static inline struct value value_number(double number)
{
    return (struct value){.kind = VALUE_NUMBER, .number = number};
}

static inline struct value value_text(const char *text)
{
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline struct value value_object(void *object)
{
    return (struct value){.kind = VALUE_OBJECT, .object = object};
}

struct dict;

/* A new dictionary without entries; NULL if there is no memory. */
struct dict *dict_new(void);

/* Let NAME mean VALUE, whatever it meant before. NAME is not copied and must outlive the
 * dictionary: attribute names are literals here, as they are shared in Python. A text is
 * copied, an object gets one more reference. Returns 0, or -ENOMEM and DICT is as it was. */
int dict_set(struct dict *dict, const char *name, struct value value);

/* What NAME means; NULL if nothing. Valid until the next change of DICT. */
const struct value *dict_get(const struct dict *dict, const char *name);

/* Forget NAME. False if it meant nothing. */
bool dict_delete(struct dict *dict, const char *name);

size_t dict_count(const struct dict *dict);

/* Call VISIT with each object that a name of DICT means, in the order they were first set. */
void dict_visit_objects(const struct dict *dict, void (*visit)(void *object, void *data),
                        void *data);

/* Add DICT with its entries and texts to FOOTPRINT, not the objects it refers to. */
void dict_footprint(const struct dict *dict, struct footprint *footprint);

#endif
