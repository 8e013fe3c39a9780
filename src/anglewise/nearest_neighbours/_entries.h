/* What the entries that Python calls have in common. */

#ifndef ANGLEWISE_ENTRIES_H
#define ANGLEWISE_ENTRIES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_units.h"

/* the vector unit that works */
extern const struct unit *unit;

/* Entries take arrays as buffers, look at their sizes once, and let go of the GIL. */

static inline int
fits(const Py_buffer *buffer, long count, size_t size)
{
    if (count >= 0 && (size_t)buffer->len == (size_t)count * size)
        return 1;
    PyErr_Format(PyExc_ValueError, "a buffer of %zd bytes came, one of %ld x %zd was due",
                 buffer->len, count, (Py_ssize_t)size);
    return 0;
}

static inline void
release(Py_buffer *buffers, int count)
{
    for (int i = 0; i < count; i++)
        PyBuffer_Release(&buffers[i]);
}

static inline PyObject *
finished(Py_buffer *buffers, int count, int good)
{
    release(buffers, count);
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}

/* in _sums.c */
PyObject *products(PyObject *self, PyObject *args);
PyObject *squares(PyObject *self, PyObject *args);
PyObject *rounded(PyObject *self, PyObject *args);
PyObject *moved(PyObject *self, PyObject *args);
/* rows of x less an offset, times a matrix in panels; 0 without memory */
int move(const float *x, long rows, long d, const double *offset, const double *panels,
         const int64_t *starts, long r, double *out);

/* in _single.c */
PyObject *prepare(PyObject *self, PyObject *args);
PyObject *single(PyObject *self, PyObject *args);

/* in _maxsim.c */
PyObject *maxsim(PyObject *self, PyObject *args);
PyObject *largest_exact(PyObject *self, PyObject *args);

#endif
