/* The compiled part of the search: a float32 pass that finds candidates, float64 sums that decide.

   Plain C with the vector types of GCC and Clang; one binary serves every processor of a family,
   the widest unit is chosen when the module is loaded. Only the stable part of Python's interface
   is used, so one binary also serves every Python from 3.11 on.
*/

#include "_entries.h"

#include <stdlib.h>

const struct unit *unit;

#define PACK(name, type)                                                                          \
    static void name(const type *x, long d, const int64_t *order, float *restrict out)            \
    {                                                                                              \
        const type *row[COLUMNS];                                                                  \
        for (int i = 0; i < COLUMNS; i++)                                                          \
            row[i] = x + order[i] * d;                                                             \
        for (long c = 0; c < d; c++)                                                               \
            for (int i = 0; i < COLUMNS; i++)                                                      \
                out[c * COLUMNS + i] = (float)row[i][c];                                           \
    }
PACK(pack_narrow, float)
PACK(pack_wide, double)

/* pack(x, wide, d, order, out): chosen rows as float32, blocks of COLUMNS side by side */
static PyObject *
pack(PyObject *self, PyObject *args)
{
    Py_buffer b[3];
    int wide;
    long d;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*ply*w*", &b[0], &wide, &d, &b[1], &b[2]))
        return NULL;
    long rows = d > 0 ? b[0].len / (d * (wide ? 8 : 4)) : 0, width = b[1].len / 8;
    int good = fits(&b[0], rows * d, wide ? 8 : 4) && fits(&b[1], width, 8)
        && fits(&b[2], width * d, 4);
    const int64_t *order = b[1].buf;
    for (long i = 0; good && i < width; i++)
        if (order[i] < 0 || order[i] >= rows || width % COLUMNS) {
            PyErr_SetString(PyExc_ValueError, "the order is not one of these rows in blocks");
            good = 0;
        }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (long block = 0; block < width; block += COLUMNS) {
            if (wide)
                pack_wide(b[0].buf, d, order + block, (float *)b[2].buf + block * d);
            else
                pack_narrow(b[0].buf, d, order + block, (float *)b[2].buf + block * d);
        }
        Py_END_ALLOW_THREADS
    }
    return finished(b, 3, good);
}

/* ranges(values, blocks, least, most): the least and the most of each block of COLUMNS values */
static PyObject *
ranges(PyObject *self, PyObject *args)
{
    Py_buffer b[3];
    (void)self;
    if (!PyArg_ParseTuple(args, "y*w*w*", &b[0], &b[1], &b[2]))
        return NULL;
    long blocks = b[1].len / 4;
    int good = fits(&b[0], blocks * COLUMNS, 4) && fits(&b[1], blocks, 4) && fits(&b[2], blocks, 4);
    const float *values = b[0].buf;
    for (long i = 0; good && i < blocks; i++, values += COLUMNS) {
        float least = values[0], most = values[0];
        for (int c = 1; c < COLUMNS; c++) {
            least = values[c] < least ? values[c] : least;
            most = values[c] > most ? values[c] : most;
        }
        ((float *)b[1].buf)[i] = least, ((float *)b[2].buf)[i] = most;
    }
    return finished(b, 3, good);
}

static int
read_candidates(struct scan *s, Py_buffer *b)
{
    s->entries = b[0].buf, s->counts = b[1].buf, s->cut = b[2].buf;
    return fits(&b[0], s->queries * s->measures * s->room, 8)
        && fits(&b[1], s->queries * s->measures, 4) && fits(&b[2], s->queries * s->measures, 4);
}

/* finish(queries, measures, keep, room, entries, counts, cut): no more than `keep` stay */
static PyObject *
finish(PyObject *self, PyObject *args)
{
    Py_buffer b[3];
    struct scan s = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "llllw*w*w*", &s.queries, &s.measures, &s.keep, &s.room, &b[0],
                          &b[1], &b[2]))
        return NULL;
    int good = read_candidates(&s, b);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (long at = 0; at < s.queries * s.measures; at++)
            compact(&s, at);
        Py_END_ALLOW_THREADS
    }
    return finished(b, 3, good);
}

/* scan(d, queries, measures, keep, room, manhattan, then the buffers in the order of the struct) */
static PyObject *
scan(PyObject *self, PyObject *args)
{
    Py_buffer b[13];
    struct scan s = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "lllllpy*y*y*y*y*y*y*y*y*y*w*w*w*", &s.d, &s.queries, &s.measures,
                          &s.keep, &s.room, &s.manhattan, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7], &b[8], &b[9], &b[10], &b[11], &b[12]))
        return NULL;
    s.packed_items = b[0].buf, s.packed_queries = b[1].buf, s.item_rows = b[2].buf;
    s.weights = b[3].buf, s.biases = b[4].buf, s.block_bias = b[5].buf;
    s.least_step = b[6].buf, s.most_step = b[7].buf, s.hidden_ends = b[8].buf, s.hidden = b[9].buf;
    long width = b[2].len / 4, panels = (s.queries + unit->rows - 1) / unit->rows;
    s.blocks = width / COLUMNS;
    int good = width % COLUMNS == 0 && s.d > 0 && s.keep > 0 && s.room > s.keep;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "sizes that do not fit each other");
    good = good && fits(&b[0], width * s.d, 4) && fits(&b[1], panels * unit->rows * s.d, 4)
        && fits(&b[3], s.measures * width, 4) && fits(&b[4], s.measures * width, 4)
        && fits(&b[5], s.measures * s.blocks, 4) && fits(&b[6], s.measures * s.blocks, 4)
        && fits(&b[7], s.measures * s.blocks, 4) && fits(&b[8], s.queries + 1, 8)
        && fits(&b[9], s.hidden_ends[s.queries], 8) && read_candidates(&s, b + 10);
    if (good) {
        long strip = STRIP_BYTES / (COLUMNS * 4 * s.d);
        strip = strip < 8 ? 8 : strip;
        float *limits = malloc(sizeof(float) * (size_t)(strip * unit->rows));
        struct waiting *waiting = calloc((size_t)s.queries + 1, sizeof *waiting);
        if (limits == NULL || waiting == NULL) {
            PyErr_NoMemory();
            good = 0;
        } else {
            Py_BEGIN_ALLOW_THREADS
            unit->scan(&s, limits, waiting, strip);
            Py_END_ALLOW_THREADS
        }
        free(limits);
        free(waiting);
    }
    return finished(b, 13, good);
}

/* choose(name): work with this vector unit (None: the widest); its name and ROWS are returned */
static PyObject *
choose(PyObject *self, PyObject *args)
{
    const char *name;
    (void)self;
    if (!PyArg_ParseTuple(args, "z", &name))
        return NULL;
    const struct unit *chosen = unit_called(name);
    if (chosen == NULL)
        return PyErr_Format(PyExc_ValueError, "this processor has no vector unit %s", name);
    unit = chosen;
    return Py_BuildValue("si", unit->name, unit->rows);
}

static PyMethodDef methods[] = {
    {"pack", pack, METH_VARARGS, NULL},         {"ranges", ranges, METH_VARARGS, NULL},
    {"scan", scan, METH_VARARGS, NULL},         {"finish", finish, METH_VARARGS, NULL},
    {"products", products, METH_VARARGS, NULL}, {"squares", squares, METH_VARARGS, NULL},
    {"rounded", rounded, METH_VARARGS, NULL},   {"moved", moved, METH_VARARGS, NULL},
    {"prepare", prepare, METH_VARARGS, NULL},   {"single", single, METH_VARARGS, NULL},
    {"choose", choose, METH_VARARGS, NULL},
    {"maxsim", maxsim, METH_VARARGS, NULL},     {"largest_exact", largest_exact, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "The compiled part of the search.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__kernel(void)
{
    unit = unit_called(NULL);
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL)
        PyModule_AddIntConstant(module, "COLUMNS", COLUMNS);
    if (module != NULL)
        PyModule_AddIntConstant(module, "TOKENS", TOKENS);
    return module;
}
