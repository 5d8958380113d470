/* thumbnails.c - an extension of Python with a cache that nobody empties, and a reference too many.
 *
 *   render(name)   a picture, which stays in a static dictionary and a static table
 *   size(name)     a number; each call keeps a reference to a string of its own, by mistake
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct picture {
    struct picture *next;
    char *pixels;
    size_t size;
};

static PyObject *cache;            /* name → number of its picture */
static struct picture *pictures;   /* newest first */

static struct picture *picture_new(size_t size)
{
    struct picture *picture = malloc(sizeof(*picture));

    picture->pixels = calloc(1, size);
    picture->size = size;
    picture->next = pictures;
    pictures = picture;
    return picture;
}

static PyObject *render(PyObject *self, PyObject *name)
{
    PyObject *known = PyDict_GetItemWithError(cache, name);

    (void)self;
    if (!known) {
        struct picture *picture = picture_new(5000);

        known = PyLong_FromVoidPtr(picture);
        PyDict_SetItem(cache, name, known);
        return known;
    }
    Py_INCREF(known);
    return known;
}

static PyObject *key_of(PyObject *name)
{
    return PyUnicode_FromFormat("%U: the size of what is shown of it", name);
}

static PyObject *size(PyObject *self, PyObject *name)
{
    PyObject *key = key_of(name);
    Py_hash_t hash = PyObject_Hash(key);

    (void)self;
    return PyLong_FromSsize_t(hash % 1000); /* KEY is ours, and not given back */
}

static PyMethodDef functions[] = {
    {"render", render, METH_O, NULL},
    {"size", size, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "thumbnails", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_thumbnails(void);

PyMODINIT_FUNC PyInit_thumbnails(void)
{
    cache = PyDict_New();
    return cache ? PyModule_Create(&module) : NULL;
}
