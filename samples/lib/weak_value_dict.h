/* weak_value_dict.h - a dictionary whose entries vanish with their objects, as Python's
 * WeakValueDictionary.
 *
 * It finds objects by key and keeps none of them alive. When an object loses its last
 * reference, its entry goes with it, at once and in the same call.
 *
 *   weak_value_dict ──▶ entry { weakref, key } ┄┄▶ object
 *           ▲              ┊                         │ dies: callback
 *           └┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘ ◀───────────────────────┘
 *
 * It is an object: object_release() it; its objects may outlive it. Threads: any may do
 * anything, also release the objects.
 */
#ifndef SAMPLES_LIB_WEAK_VALUE_DICT_H
#define SAMPLES_LIB_WEAK_VALUE_DICT_H

#include "samples/lib/footprint.h"
#include "samples/lib/object.h"

struct weak_value_dict;

/* A new dictionary without entries; NULL if there is no memory. */
struct weak_value_dict *weak_value_dict_new(void);

/* Let KEY, which is copied, lead to OBJECT, wherever it led before. The caller holds
 * OBJECT, whose type allows weak references. Returns 0, or -ENOMEM and DICT is as it was. */
int weak_value_dict_set(struct weak_value_dict *dict, const char *key, void *object);

/* The object of KEY, with a reference that is the caller's; NULL if there is none. */
void *weak_value_dict_get(struct weak_value_dict *dict, const char *key);

/* Forget KEY. False if there was none. */
bool weak_value_dict_remove(struct weak_value_dict *dict, const char *key);

/* Forget the key that was set first. False if there is none. */
bool weak_value_dict_remove_oldest(struct weak_value_dict *dict);

/* The objects of all keys, each with a reference that is the caller's, in an array that
 * the caller frees. Returns NULL if there is no memory. */
void **weak_value_dict_values(struct weak_value_dict *dict, size_t *out_count);

/* Forget all keys. */
void weak_value_dict_clear(struct weak_value_dict *dict);

size_t weak_value_dict_count(struct weak_value_dict *dict);

/* Add DICT with its entries to FOOTPRINT, not the objects they lead to. */
void weak_value_dict_footprint(struct weak_value_dict *dict, struct footprint *footprint);

#endif
