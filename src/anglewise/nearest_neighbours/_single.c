/* One query from beginning to end: candidates in float32, scores in float64, the proof.

   What many queries share is worth its price in Python; for one it is most of the price. What is
   not proven here is said to be so, and answered as if it were one of many.
*/

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "_entries.h"
#include "_rounded.h"

#define NAME_OF_PREPARED "anglewise prepared items"
#define OF_TILE 7   /* buffers of a tile, in the order of struct scan */
#define OF_ITEMS 11 /* buffers of all items: see prepare */
#define TOO_LARGE 1e37
#define ROUNDING 1e-11

enum { VECTORS, OFFSET, SCALE, PANELS, STARTS, FACTORS, OFFSETS, POSITIONS, REACH, LIMITS, SCALES };

struct prepared {
    long given, d, items, tiles, sizes; /* columns as they came and in the frame */
    enum kind kind;
    double near_half;
    Py_buffer of_items[OF_ITEMS];
    Py_buffer *of_tiles;
    int held_items, held_tiles;
};

struct asked {
    const double *exact, *shifted;
    double factor, norm; /* of the query, the norm after the shift */
    long k, keep;
    const int64_t *hidden;
    long hidden_count;
};

struct found {
    double score;
    int64_t position, row;
};

static void
let_go(struct prepared *p)
{
    release(p->of_items, p->held_items);
    if (p->of_tiles != NULL)
        release(p->of_tiles, p->held_tiles);
    free(p->of_tiles);
    free(p);
}

static void
forget(PyObject *capsule)
{
    let_go(PyCapsule_GetPointer(capsule, NAME_OF_PREPARED));
}

/* a buffer, or an empty one for None */
static int
hold(PyObject *given, Py_buffer *buffer)
{
    memset(buffer, 0, sizeof *buffer);
    return given == Py_None || PyObject_GetBuffer(given, buffer, PyBUF_C_CONTIGUOUS) == 0;
}

static int
hold_all(struct prepared *p, PyObject *of_items, PyObject *of_tiles)
{
    for (; p->held_items < OF_ITEMS; p->held_items++)
        if (!hold(PyTuple_GetItem(of_items, p->held_items), &p->of_items[p->held_items]))
            return 0;
    for (; p->held_tiles < p->tiles * OF_TILE; p->held_tiles++) {
        PyObject *tile = PyList_GetItem(of_tiles, p->held_tiles / OF_TILE);
        if (!PyTuple_Check(tile) || PyTuple_Size(tile) != OF_TILE) {
            PyErr_SetString(PyExc_ValueError, "a tile is a tuple of its buffers");
            return 0;
        }
        if (!hold(PyTuple_GetItem(tile, p->held_tiles % OF_TILE), &p->of_tiles[p->held_tiles]))
            return 0;
    }
    return 1;
}

static int
fits_or_none(const Py_buffer *buffer, long count, size_t size)
{
    return buffer->buf == NULL || fits(buffer, count, size);
}

static int
all_fit(const struct prepared *p)
{
    const Py_buffer *b = p->of_items;
    long panels = (p->d + 7) / 8;
    int good = p->given > 0 && p->d > 0 && p->sizes >= 0 && fits(&b[VECTORS], p->items * p->given, 4)
        && fits_or_none(&b[OFFSET], p->given, 8) && fits_or_none(&b[SCALE], p->given, 8)
        && fits_or_none(&b[PANELS], panels * 8 * p->given, 8)
        && fits_or_none(&b[STARTS], panels, 8) && fits_or_none(&b[FACTORS], p->items, 8)
        && fits_or_none(&b[OFFSETS], p->items, 8) && fits_or_none(&b[POSITIONS], p->items, 4)
        && fits(&b[REACH], 6 * p->sizes, 8) && fits(&b[LIMITS], 2048, 8)
        && fits(&b[SCALES], 2 * 2048, 8);
    for (long i = 0; good && b[STARTS].buf != NULL && i < panels; i++)
        good = ((const int64_t *)b[STARTS].buf)[i] >= 0
            && ((const int64_t *)b[STARTS].buf)[i] <= p->given;
    for (long i = 0; good && i < p->tiles; i++) {
        const Py_buffer *t = p->of_tiles + i * OF_TILE;
        long width = t[1].len / 4, blocks = width / COLUMNS;
        good = width % COLUMNS == 0 && fits(&t[0], width * p->d, 4) && fits(&t[1], width, 4)
            && fits(&t[2], width, 4) && fits(&t[3], width, 4) && fits(&t[4], blocks, 4)
            && fits(&t[5], blocks, 4) && fits(&t[6], blocks, 4);
        for (long c = 0; good && c < width; c++)
            good = ((const int32_t *)t[1].buf)[c] < p->items;
    }
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "sizes that do not fit each other");
    return good;
}

/* prepare(given, d, items, sizes, kind, near_half, of_items, of_tiles): what single asks again and
   again; of_items are buffers or None in the order of the enum above */
PyObject *
prepare(PyObject *self, PyObject *args)
{
    PyObject *of_items, *of_tiles;
    int kind;
    struct prepared *p = calloc(1, sizeof *p);
    (void)self;
    if (p == NULL)
        return PyErr_NoMemory();
    if (!PyArg_ParseTuple(args, "llllidO!O!", &p->given, &p->d, &p->items, &p->sizes, &kind,
                          &p->near_half, &PyTuple_Type, &of_items, &PyList_Type, &of_tiles)
        || PyTuple_Size(of_items) != OF_ITEMS) {
        free(p);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "buffers of all items are missing");
        return NULL;
    }
    p->kind = kind == SQUARED ? SQUARED : DOT;
    p->tiles = (long)PyList_Size(of_tiles);
    p->of_tiles = calloc((size_t)(p->tiles * OF_TILE) + 1, sizeof *p->of_tiles);
    if (p->of_tiles == NULL)
        PyErr_NoMemory();
    if (p->of_tiles == NULL || !hold_all(p, of_items, of_tiles) || !all_fit(p)) {
        let_go(p);
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(p, NAME_OF_PREPARED, forget);
    if (capsule == NULL)
        let_go(p);
    return capsule;
}

/* the candidates of one query: s holds them and their cut; 0 without memory */
static int
propose(const struct prepared *p, const struct asked *q, struct scan *s)
{
    long strip = STRIP_BYTES / (COLUMNS * 4 * p->d);
    strip = strip < 8 ? 8 : strip;
    int64_t hidden_ends[2] = {0, q->hidden_count};
    float *limits = malloc(sizeof(float) * (size_t)(strip * unit->rows));
    float *packed = calloc((size_t)(p->d * unit->rows), sizeof *packed);
    struct waiting *waiting = calloc(1, sizeof *waiting);
    int good = limits != NULL && packed != NULL && waiting != NULL;
    for (long c = 0; good && c < p->d; c++)
        packed[c * unit->rows] = (float)q->shifted[c];
    s->d = p->d, s->queries = s->measures = 1, s->keep = q->keep, s->room = 2 * q->keep;
    s->packed_queries = packed, s->hidden_ends = hidden_ends, s->hidden = q->hidden;
    for (long i = 0; good && i < p->tiles; i++) {
        const Py_buffer *t = p->of_tiles + i * OF_TILE;
        s->packed_items = t[0].buf, s->item_rows = t[1].buf, s->blocks = t[1].len / 4 / COLUMNS;
        s->weights = t[2].buf, s->biases = t[3].buf, s->block_bias = t[4].buf;
        s->least_step = t[5].buf, s->most_step = t[6].buf;
        unit->scan(s, limits, waiting, strip);
    }
    if (good)
        compact(s, 0);
    free(limits);
    free(packed);
    free(waiting);
    return good;
}

/* rows of the ranked side in the frame: those of these candidates, one after the other */
static int
bring(const struct prepared *p, const int32_t *rows, long count, double *out)
{
    const float *items = p->of_items[VECTORS].buf;
    const double *offset = p->of_items[OFFSET].buf, *scale = p->of_items[SCALE].buf;
    if (p->of_items[PANELS].buf == NULL) {
        for (long i = 0; i < count; i++)
            for (long c = 0; c < p->d; c++) {
                double value = (double)items[rows[i] * p->given + c] - offset[c];
                out[i * p->d + c] = scale == NULL ? value : value * scale[c];
            }
        return 1;
    }
    float *x = malloc(sizeof *x * (size_t)(count * p->given + 1));
    if (x == NULL)
        return 0;
    for (long i = 0; i < count; i++)
        memcpy(x + i * p->given, items + rows[i] * p->given, 4 * (size_t)p->given);
    int good = move(x, count, p->given, offset, p->of_items[PANELS].buf, p->of_items[STARTS].buf,
                    p->d, out);
    free(x);
    return good;
}

/* the products that are scored: exact, as the many are computed */
static int
sum_exactly(const struct prepared *p, const struct asked *q, const int32_t *rows, long count,
            double *product)
{
    int framed = p->of_items[OFFSET].buf != NULL, good = 1;
    int64_t asking = 0;
    int8_t kind = (int8_t)p->kind;
    struct lists l = {.d = p->d, .count = 1, .listed = count, .wide = framed, .vectors = q->exact,
                      .items = p->of_items[VECTORS].buf, .asking = &asking, .kinds = &kind,
                      .rows = rows, .product = product, .met_bits = 4};
    while (1L << l.met_bits < 2 * count)
        l.met_bits++;
    double *moved_rows = framed ? malloc(8 * (size_t)(count * p->d + 1)) : NULL;
    int32_t *numbers = malloc(4 * (size_t)(count + 1));
    l.squares = malloc(8 * (size_t)(count + 1));
    l.due = malloc(8 * (size_t)(count + 1));
    l.met = malloc(sizeof *l.met << l.met_bits);
    good = numbers != NULL && l.squares != NULL && l.due != NULL && l.met != NULL
        && (!framed || (moved_rows != NULL && bring(p, rows, count, moved_rows)));
    if (good) {
        for (long i = 0; i < 1L << l.met_bits; i++)
            l.met[i].pair = -1;
        if (framed) {
            for (long i = 0; i < count; i++)
                numbers[i] = (int32_t)i;
            l.items = moved_rows, l.rows = numbers;
        }
        unit->products(&l);
    }
    free(moved_rows);
    free(numbers);
    free(l.squares);
    free(l.due);
    free(l.met);
    return good;
}

/* Bound.below for one query: whether what is at most the cut scores less */
static int
is_below(const struct prepared *p, const struct asked *q, float cut, double score)
{
    const double *reach = p->of_items[REACH].buf, *norm = reach, *stray = norm + p->sizes;
    const double *lever = stray + p->sizes, *weight = lever + p->sizes;
    const double *bias = weight + p->sizes, *extent = bias + p->sizes;
    double highest = -INFINITY, terms = (double)p->d + 16, unit_ = 0x1p-24;
    for (long i = 0; i < p->sizes; i++) {
        double largest = q->norm * lever[i], size = fabs((double)cut);
        double ceiling = largest + bias[i] + 0x1p-20 * fabs(largest) + 0x1p-20 * extent[i];
        double error = unit_ * (terms * q->norm * lever[i] + 8 * (extent[i] + size));
        double large = fmax(fmax(q->norm * fmax(lever[i], norm[i]), extent[i]), weight[i]);
        double leak = 8 * stray[i] * (weight[i] * q->norm + norm[i]);
        double tiny = (double)p->d * 0x1p-126 * (1 + weight[i]);
        error = large > TOO_LARGE ? INFINITY : 1.01 * error + leak + tiny;
        double reached = (double)cut + error;
        if (isnan(ceiling) || isnan(reached))
            return 0;
        reached = reached < ceiling ? reached : ceiling;
        highest = reached > highest ? reached : highest;
    }
    double squared = p->kind == SQUARED ? q->norm * q->norm : 0;
    highest += terms * 0x1p-50 * (fabs(highest) + squared);
    double reached = p->kind == SQUARED ? -sqrt(fmax(squared - 2 * highest, 0)) : highest * q->factor;
    return reached + ROUNDING * fabs(reached) < score;
}

/* what data_types/neighbours.py does where the decimals are asked; the GIL is held */
static double
by_decimals(double score)
{
    char digits[32], power[16];
    char *text = isfinite(score) ? PyOS_double_to_string(score, 'e', 11, 0, NULL) : NULL;
    if (text == NULL) {
        PyErr_Clear();
        return score;
    }
    long length = 0, exponent = 11 - strtol(strchr(text, 'e') + 1, NULL, 10);
    for (const char *c = text; *c != 'e' && length < 31; c++)
        if (*c != '.')
            digits[length++] = *c;
    digits[length] = 0;
    PyOS_snprintf(power, sizeof power, "1e%ld", exponent);
    double value = exponent > 308 ? PyOS_string_to_double(text, NULL, NULL)
                                  : PyOS_string_to_double(digits, NULL, NULL)
                                        / PyOS_string_to_double(power, NULL, NULL);
    PyMem_Free(text);
    return value;
}

static int
before(const void *a, const void *b)
{
    const struct found *first = a, *second = b;
    if (first->score != second->score)
        return first->score > second->score ? -1 : 1;
    return (first->position > second->position) - (first->position < second->position);
}

/* scores of the candidates, the best first */
static void
rank(const struct prepared *p, const struct asked *q, const int32_t *rows, long count,
     const double *product, struct found *found)
{
    const double *factors = p->of_items[FACTORS].buf, *offsets = p->of_items[OFFSETS].buf;
    const uint32_t *positions = p->of_items[POSITIONS].buf;
    const double *limits = p->of_items[LIMITS].buf, *scales = p->of_items[SCALES].buf;
    for (long i = 0; i < count; i++) {
        int32_t row = rows[i];
        double score = p->kind == SQUARED ? -sqrt(product[i])
                                          : product[i] * (q->factor * (factors ? factors[row] : 1));
        score = offsets ? score + offsets[row] : score;
        double whole = rounded_score(score, limits, scales, p->near_half);
        whole = isnan(whole) ? by_decimals(score) : whole;
        found[i] = (struct found){whole, positions ? (int64_t)positions[row] : row, row};
    }
    qsort(found, (size_t)count, sizeof *found, before);
}

/* the list of one query: how many tie with its last, -1 where that is not proven, -2 without
   memory */
static long
answer(const struct prepared *p, const struct asked *q, int64_t *rows_out, double *scores_out)
{
    float cut = -INFINITY;
    int32_t counts = 0;
    uint64_t *entries = malloc(8 * (size_t)(2 * q->keep));
    int32_t *rows = malloc(4 * (size_t)q->keep);
    double *product = malloc(8 * (size_t)q->keep);
    struct found *found = malloc(sizeof *found * (size_t)q->keep);
    struct scan s = {.entries = entries, .counts = &counts, .cut = &cut};
    long tied = -2;
    int good = entries != NULL && rows != NULL && product != NULL && found != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        good = propose(p, q, &s);
        for (long i = 0; good && i < counts; i++)
            rows[i] = (int32_t)(uint32_t)entries[i];
        good = good && sum_exactly(p, q, rows, counts, product);
        Py_END_ALLOW_THREADS
    }
    if (good) {
        long count = counts, k = q->k < count ? q->k : count;
        int whole = count >= p->items - q->hidden_count;
        rank(p, q, rows, count, product, found);
        tied = -1;
        if (whole || (count >= q->k && is_below(p, q, cut, found[q->k - 1].score))) {
            for (long i = 0; i < q->k; i++) {
                rows_out[i] = i < k ? found[i].row : -1;
                scores_out[i] = i < k ? found[i].score : -INFINITY;
            }
            tied = 0;
            for (long i = q->k; i < count; i++)
                tied += found[i].score == found[q->k - 1].score;
        }
    }
    free(entries);
    free(rows);
    free(product);
    free(found);
    return tied;
}

/* a query in float64: as it came, or converted */
static double *
widened(const Py_buffer *given, int wide, long d)
{
    double *out = malloc(8 * (size_t)d);
    for (long c = 0; out != NULL && c < d; c++)
        out[c] = wide ? ((const double *)given->buf)[c] : ((const float *)given->buf)[c];
    return out;
}

static double
length_of(const double *x, long d)
{
    double square;
    unit->squares(x, 1, d, 1, &square);
    return sqrt(square);
}

/* single(prepared, wide, exact, shifted, factor, k, keep, hidden, rows, scores): the nearest of one
   query, and how many tie with the last; None where this is not proven, and where hidden rows do not
   ascend. A factor that is NaN is one
   over the query's length. */
PyObject *
single(PyObject *self, PyObject *args)
{
    PyObject *capsule;
    Py_buffer b[5];
    struct asked q = {0};
    int wide;
    (void)self;
    if (!PyArg_ParseTuple(args, "Opy*y*dlly*w*w*", &capsule, &wide, &b[0], &b[1], &q.factor, &q.k,
                          &q.keep, &b[2], &b[3], &b[4]))
        return NULL;
    struct prepared *p = PyCapsule_GetPointer(capsule, NAME_OF_PREPARED);
    int good = p != NULL && fits(&b[0], p->d, wide ? 8 : 4) && fits(&b[1], p->d, wide ? 8 : 4)
        && fits(&b[3], q.k, 8) && fits(&b[4], q.k, 8);
    q.hidden = b[2].buf, q.hidden_count = b[2].len / 8;
    if (good && (q.k < 1 || q.keep < q.k)) {
        PyErr_SetString(PyExc_ValueError, "sizes that do not fit each other");
        good = 0;
    }
    int ascending = 1;
    for (long i = 0; good && i < q.hidden_count; i++)
        ascending &= q.hidden[i] > (i > 0 ? q.hidden[i - 1] : -1) && q.hidden[i] < p->items;
    if (good && !ascending) {
        release(b, 5);
        Py_RETURN_NONE;
    }
    double *exact = good ? widened(&b[0], wide, p->d) : NULL;
    double *shifted = good ? widened(&b[1], wide, p->d) : NULL;
    long tied = -2;
    if (exact != NULL && shifted != NULL) {
        q.exact = exact, q.shifted = shifted;
        q.norm = length_of(shifted, p->d);
        if (isnan(q.factor))
            q.factor = q.norm > 0 ? 1 / q.norm : 0;
        tied = answer(p, &q, b[3].buf, b[4].buf);
    }
    free(exact);
    free(shifted);
    release(b, 5);
    if (!good)
        return NULL;
    if (tied == -2)
        return PyErr_NoMemory();
    if (tied == -1)
        Py_RETURN_NONE;
    return PyLong_FromLong(tied);
}
