/* MaxSim, the sum over the tokens of a query of the largest product with a token of an item. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "_entries.h"

#define TOKEN_BYTES (512 * 1024) /* item tokens that stay in the second cache as queries pass by */
#define BEST_BYTES (256 * 1024)  /* and what the queries found in their items */
#define MOST_ROWS 16

/* whether ends ascend from 0, each by one at least */
static int
ascend(const int64_t *ends, long count)
{
    int good = count >= 0 && ends[0] == 0;
    for (long i = 0; good && i < count; i++)
        good = ends[i] < ends[i + 1];
    if (!good)
        PyErr_SetString(PyExc_ValueError, "offsets that do not ascend from 0");
    return good;
}

/* what both entries take: packed queries, item tokens, their ends and their weights (or nothing) */
static int
read_tokens(struct maxsim *m, Py_buffer *b)
{
    m->packed = b[0].buf, m->tokens = b[1].buf, m->ends = b[2].buf;
    m->weights = b[3].len ? b[3].buf : NULL;
    m->items = b[2].len / 8 - 1;
    if (m->d <= 0 || !ascend(m->ends, m->items))
        return 0;
    m->blocks = b[0].len / (4 * TOKENS * m->d);
    long tokens = m->ends[m->items];
    return fits(&b[0], m->blocks * TOKENS * m->d, 4) && fits(&b[1], tokens * m->d, 4)
        && (m->weights == NULL || fits(&b[3], tokens, 4));
}

/* maxsim(d, stride, packed, tokens, ends, weights, query_ends, out): a row of out for each query */
PyObject *
maxsim(PyObject *self, PyObject *args)
{
    Py_buffer b[6];
    struct maxsim m = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "lly*y*y*y*y*w*", &m.d, &m.stride, &b[0], &b[1], &b[2], &b[3],
                          &b[4], &b[5]))
        return NULL;
    m.query_ends = b[4].buf, m.out = b[5].buf;
    m.queries = b[4].len / 8 - 1;
    int good = ascend(m.query_ends, m.queries) && read_tokens(&m, b);
    if (good && (m.query_ends[m.queries] > m.blocks * TOKENS || m.stride < m.items)) {
        PyErr_SetString(PyExc_ValueError, "more tokens or items than there is room for");
        good = 0;
    }
    /* the last row may end with the last of these items */
    good = good && m.items > 0
        && (b[5].len / 4 >= (m.queries - 1) * m.stride + m.items || fits(&b[5], -1, 4));
    if (good) {
        m.tokens_together = TOKEN_BYTES / (4 * m.d);
        m.together = BEST_BYTES / (4 * TOKENS * m.blocks) + 1;
        m.room = malloc(sizeof(float) * (size_t)(MOST_ROWS * (m.d + 1)));
        m.best = malloc(sizeof(float) * (size_t)(m.together * m.blocks * TOKENS));
        if (m.room == NULL || m.best == NULL) {
            PyErr_NoMemory();
            good = 0;
        } else {
            Py_BEGIN_ALLOW_THREADS
            unit->maxsim(&m);
            Py_END_ALLOW_THREADS
        }
        free(m.room);
        free(m.best);
    }
    return finished(b, 6, good);
}

/* largest_exact(d, packed, tokens, ends, weights, items, vectors, inverse, reach, longest, least,
   out): for one query, a row of out for each listed item; inverse may be nothing */
PyObject *
largest_exact(PyObject *self, PyObject *args)
{
    Py_buffer b[11];
    struct maxsim m = {0};
    struct listed_items p = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "ly*y*y*y*y*y*y*y*y*y*w*", &m.d, &b[0], &b[1], &b[2], &b[3], &b[4],
                          &b[5], &b[6], &b[7], &b[8], &b[9], &b[10]))
        return NULL;
    p.items = b[4].buf, p.vectors = b[5].buf, p.inverse = b[6].len ? b[6].buf : NULL;
    p.reach = b[7].buf, p.longest = b[8].buf, p.least = b[9].buf, p.out = b[10].buf;
    p.count = b[4].len / 8, p.tokens = b[7].len / 8;
    int good = read_tokens(&m, b) && fits(&b[5], p.tokens * m.d, 8)
        && (p.inverse == NULL || fits(&b[6], p.tokens, 8)) && fits(&b[8], p.count, 8)
        && fits(&b[9], p.count, 8) && fits(&b[10], p.count * p.tokens, 8);
    long longest = 1;
    for (long i = 0; good && i < p.count; i++) {
        if (p.items[i] < 0 || p.items[i] >= m.items || p.tokens > m.blocks * TOKENS) {
            PyErr_SetString(PyExc_IndexError, "a list names an item that is not there");
            good = 0;
        } else {
            long many = m.ends[p.items[i] + 1] - m.ends[p.items[i]];
            longest = many > longest ? many : longest;
        }
    }
    if (good) {
        m.room = malloc(sizeof(float) * (size_t)(MOST_ROWS * (m.d + 1)));
        m.best = malloc(sizeof(float) * (size_t)(longest * TOKENS));
        if (m.room == NULL || m.best == NULL) {
            PyErr_NoMemory();
            good = 0;
        } else {
            Py_BEGIN_ALLOW_THREADS
            unit->largest_exact(&m, &p);
            Py_END_ALLOW_THREADS
        }
        free(m.room);
        free(m.best);
    }
    return finished(b, 11, good);
}
