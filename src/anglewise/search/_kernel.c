/* The compiled part of the search: a float32 pass that finds candidates, float64 sums that decide.

   Plain C with the vector types of GCC and Clang; one binary serves every processor of a family,
   the widest unit is chosen when the module is loaded. Only the stable part of Python's interface
   is used, so one binary also serves every Python from 3.11 on.
*/

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

#include "_units.h"

#define STRIP_BYTES (192 * 1024) /* items that stay in the second cache while queries pass by */
#define TOGETHER (10 * ABREAST) /* rows that share a visit of the matrix */

static const struct unit *unit;

/* Everything below takes arrays as buffers, looks at their sizes once, and lets go of the GIL. */

static int
fits(const Py_buffer *buffer, long count, size_t size)
{
    if (count >= 0 && (size_t)buffer->len == (size_t)count * size)
        return 1;
    PyErr_Format(PyExc_ValueError, "a buffer of %zd bytes came, one of %ld x %zd was due",
                 buffer->len, count, (Py_ssize_t)size);
    return 0;
}

static void
release(Py_buffer *buffers, int count)
{
    for (int i = 0; i < count; i++)
        PyBuffer_Release(&buffers[i]);
}

static PyObject *
finished(Py_buffer *buffers, int count, int good)
{
    release(buffers, count);
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}

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
        if (limits == NULL) {
            PyErr_NoMemory();
            good = 0;
        } else {
            Py_BEGIN_ALLOW_THREADS
            unit->scan(&s, limits, strip);
            Py_END_ALLOW_THREADS
            free(limits);
        }
    }
    return finished(b, 13, good);
}

/* products(wide, d, listed, vectors, items, asking, kinds, rows, product, squares) */
static PyObject *
products(PyObject *self, PyObject *args)
{
    Py_buffer b[7];
    struct lists p = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "plly*y*y*y*y*w*w*", &p.wide, &p.d, &p.listed, &b[0], &b[1], &b[2],
                          &b[3], &b[4], &b[5], &b[6]))
        return NULL;
    p.count = b[2].len / 8;
    p.vectors = b[0].buf, p.items = b[1].buf, p.asking = b[2].buf, p.kinds = b[3].buf;
    p.rows = b[4].buf, p.product = b[5].buf, p.squares = b[6].buf;
    long size = p.wide ? 8 : 4, pairs = p.count * p.listed;
    long vectors = p.d > 0 ? b[0].len / 8 / p.d : 0, items = p.d > 0 ? b[1].len / size / p.d : 0;
    int good = fits(&b[0], vectors * p.d, 8) && fits(&b[1], items * p.d, size)
        && fits(&b[2], p.count, 8) && fits(&b[3], p.count, 1) && fits(&b[4], pairs, 4)
        && fits(&b[5], pairs, 8) && fits(&b[6], pairs, 8);
    int inside = 1;
    for (long i = 0; good && i < p.count; i++)
        inside &= p.asking[i] >= 0 && p.asking[i] < vectors && p.kinds[i] >= 0 && p.kinds[i] < 3;
    for (long i = 0; good && i < pairs; i++)
        inside &= p.rows[i] < items;
    if (!inside) {
        PyErr_SetString(PyExc_IndexError, "a list names a row that is not there");
        good = 0;
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        unit->products(&p);
        Py_END_ALLOW_THREADS
    }
    return finished(b, 7, good);
}

/* squares(x, wide, d, out): the squared length of each row */
static PyObject *
squares(PyObject *self, PyObject *args)
{
    Py_buffer b[2];
    int wide;
    long d;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*plw*", &b[0], &wide, &d, &b[1]))
        return NULL;
    long rows = b[1].len / 8;
    int good = fits(&b[1], rows, 8) && fits(&b[0], rows * d, wide ? 8 : 4);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        unit->squares(b[0].buf, rows, d, wide, b[1].buf);
        Py_END_ALLOW_THREADS
    }
    return finished(b, 2, good);
}

static void
move(const float *x, long rows, long d, const double *offset, const double *panels,
     const int64_t *starts, long r, double *out, double *room)
{
    for (long first = 0; first < rows; first += TOGETHER) {
        long some = rows - first < TOGETHER ? rows - first : TOGETHER;
        for (long i = 0; i < TOGETHER; i++)
            for (long c = 0; c < d; c++)
                room[i / ABREAST * ABREAST * d + c * ABREAST + i % ABREAST] =
                    i < some ? (double)x[(first + i) * d + c] - offset[c] : 0;
        for (long column = 0; column < r; column += 8)
            for (long i = 0; i < some; i += ABREAST) {
                double tile[ABREAST][8];
                long width = r - column < 8 ? r - column : 8, start = starts[column / 8];
                unit->moved(room + i * d + start * ABREAST, panels + column * d + start * 8,
                            d - start, tile);
                for (long a = 0; a < ABREAST && i + a < some; a++)
                    memcpy(out + (first + i + a) * r + column, tile[a], 8 * (size_t)width);
            }
    }
}

/* moved(x, d, offset, panels, starts, r, out): (x - offset) times a matrix, in panels of 8 columns
   that are zero before their start */
static PyObject *
moved(PyObject *self, PyObject *args)
{
    Py_buffer b[5];
    long d, r;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*ly*y*y*lw*", &b[0], &d, &b[1], &b[2], &b[3], &r, &b[4]))
        return NULL;
    long rows = d > 0 ? b[0].len / 4 / d : 0, panels = (r + 7) / 8;
    int good = fits(&b[0], rows * d, 4) && fits(&b[1], d, 8) && fits(&b[2], panels * 8 * d, 8)
        && fits(&b[3], panels, 8) && fits(&b[4], rows * r, 8);
    const int64_t *starts = b[3].buf;
    for (long i = 0; good && i < panels; i++)
        if (starts[i] < 0 || starts[i] > d) {
            PyErr_SetString(PyExc_IndexError, "a panel starts at a coordinate that is not there");
            good = 0;
        }
    double *room = good ? malloc(sizeof(double) * (size_t)(TOGETHER * d)) : NULL;
    if (good && room == NULL) {
        PyErr_NoMemory();
        good = 0;
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        move(b[0].buf, rows, d, b[1].buf, b[2].buf, starts, r, b[4].buf, room);
        Py_END_ALLOW_THREADS
    }
    free(room);
    return finished(b, 5, good);
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
    {"moved", moved, METH_VARARGS, NULL},       {"choose", choose, METH_VARARGS, NULL},
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
    return module;
}
