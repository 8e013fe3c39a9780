/* The float64 sums that decide, as Python calls them. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "_entries.h"
#include "_rounded.h"

#define TOGETHER (10 * ABREAST) /* rows that share a visit of the matrix */

/* a table twice as large as the lists of any one vector */
static struct met *
room_to_meet(struct lists *p)
{
    long together = 0, most = 0;
    for (long i = 0; i < p->count; i++) {
        together = i > 0 && p->asking[i] == p->asking[i - 1] ? together + 1 : 1;
        most = together > most ? together : most;
    }
    p->met_bits = 4;
    while (1L << p->met_bits < 2 * most * p->listed)
        p->met_bits++;
    struct met *met = malloc(sizeof *met << p->met_bits);
    for (long i = 0; met != NULL && i < 1L << p->met_bits; i++)
        met[i].pair = -1;
    return met;
}

/* products(wide, d, listed, vectors, items, asking, kinds, rows, product, squares) */
PyObject *
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
        p.met = room_to_meet(&p);
        p.due = malloc(sizeof *p.due * (size_t)(p.listed + 1));
        good = p.met != NULL && p.due != NULL;
        if (!good)
            PyErr_NoMemory();
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        unit->products(&p);
        Py_END_ALLOW_THREADS
    }
    free(p.met);
    free(p.due);
    return finished(b, 7, good);
}

/* squares(x, wide, d, out): the squared length of each row */
PyObject *
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

/* rounded(scores, limits, scales, near_half, out): data_types/neighbours.py, one score after the other;
   NaN where the decimals have to be asked */
PyObject *
rounded(PyObject *self, PyObject *args)
{
    Py_buffer b[4];
    double near_half;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*dw*", &b[0], &b[1], &b[2], &near_half, &b[3]))
        return NULL;
    long count = b[0].len / 8;
    int good = fits(&b[1], 2048, 8) && fits(&b[2], 2 * 2048, 8) && fits(&b[3], count, 8);
    const double *scores = b[0].buf, *limits = b[1].buf, *scales = b[2].buf;
    double *out = b[3].buf;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (long i = 0; i < count; i++)
            out[i] = rounded_score(scores[i], limits, scales, near_half);
        Py_END_ALLOW_THREADS
    }
    return finished(b, 4, good);
}

int
move(const float *x, long rows, long d, const double *offset, const double *panels,
     const int64_t *starts, long r, double *out)
{
    double *room = malloc(sizeof(double) * (size_t)(TOGETHER * d));
    if (room == NULL)
        return 0;
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
    free(room);
    return 1;
}

/* moved(x, d, offset, panels, starts, r, out): (x - offset) times a matrix, in panels of 8 columns
   that are zero before their start */
PyObject *
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
    int moved_all = 1;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        moved_all = move(b[0].buf, rows, d, b[1].buf, b[2].buf, starts, r, b[4].buf);
        Py_END_ALLOW_THREADS
    }
    if (!moved_all) {
        PyErr_NoMemory();
        good = 0;
    }
    return finished(b, 5, good);
}
