/* The float64 sums that decide, for one kind of vector unit; included once for each.

   The includer defines NAME(x) and TARGET. Nothing is fused: each product is rounded before it is
   added (the file is compiled with -ffp-contract=off), so that NumPy finds the same bits.

   Sums over coordinates run in eight lanes, coordinate c in lane c % 8, which are then halved.
*/

typedef double NAME(doubles) __attribute__((vector_size(32)));
typedef int64_t NAME(longs) __attribute__((vector_size(32)));
typedef float NAME(four) __attribute__((vector_size(16)));
#define doubles NAME(doubles)
#define four NAME(four)

/* lanes 0 to 3, and 4 to 7 */
struct NAME(lanes) {
    doubles low, high;
};
#define lanes struct NAME(lanes)

static inline __attribute__((always_inline)) TARGET double
NAME(halved)(lanes sum)
{
    doubles s = sum.low + sum.high;
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* eight coordinates of a row, from the c-th on */
static inline __attribute__((always_inline)) TARGET lanes
NAME(eight)(const void *row, long c, int wide)
{
    lanes out;
    if (wide) {
        memcpy(&out.low, (const double *)row + c, sizeof out.low);
        memcpy(&out.high, (const double *)row + c + 4, sizeof out.high);
    } else {
        four low, high;
        memcpy(&low, (const float *)row + c, sizeof low);
        memcpy(&high, (const float *)row + c + 4, sizeof high);
        out.low = __builtin_convertvector(low, doubles);
        out.high = __builtin_convertvector(high, doubles);
    }
    return out;
}

/* the last coordinates of a row, fewer than eight, padded with zeros */
static inline __attribute__((always_inline)) TARGET lanes
NAME(rest)(const void *row, long c, long d, int wide)
{
    double rest[8] = {0};
    for (long lane = 0; lane < d - c; lane++)
        rest[lane] = wide ? ((const double *)row)[c + lane] : ((const float *)row)[c + lane];
    return NAME(eight)(rest, 0, 1);
}

static inline __attribute__((always_inline)) TARGET doubles
NAME(term)(doubles query, doubles item, int kind)
{
    if (kind == DOT)
        return query * item;
    doubles step = query - item;
    return kind == SQUARED ? step * step : (doubles)((NAME(longs))step & INT64_MAX);
}

static inline __attribute__((always_inline)) TARGET lanes
NAME(added)(lanes sum, lanes query, lanes item, int kind)
{
    sum.low += NAME(term)(query.low, item.low, kind);
    sum.high += NAME(term)(query.high, item.high, kind);
    return sum;
}

static inline __attribute__((always_inline)) TARGET void
NAME(pair)(const double *q, const void *x, long d, int wide, int kind, double *product,
           double *squares)
{
    lanes total = {{0}, {0}}, length = {{0}, {0}};
    long c = 0;
    for (; c + 8 <= d; c += 8) {
        lanes item = NAME(eight)(x, c, wide);
        length = NAME(added)(length, item, item, DOT);
        total = NAME(added)(total, NAME(eight)(q, c, 1), item, kind);
    }
    if (c < d) {
        lanes item = NAME(rest)(x, c, d, wide);
        length = NAME(added)(length, item, item, DOT);
        total = NAME(added)(total, NAME(rest)(q, c, d, 1), item, kind);
    }
    *product = NAME(halved)(total);
    *squares = NAME(halved)(length);
}

static inline __attribute__((always_inline)) TARGET double
NAME(square)(const void *x, long d, int wide)
{
    lanes length = {{0}, {0}};
    long c = 0;
    for (; c + 8 <= d; c += 8) {
        lanes item = NAME(eight)(x, c, wide);
        length = NAME(added)(length, item, item, DOT);
    }
    if (c < d) {
        lanes item = NAME(rest)(x, c, d, wide);
        length = NAME(added)(length, item, item, DOT);
    }
    return NAME(halved)(length);
}

/* each vector with the rows listed for it */
static TARGET void
NAME(products)(const struct lists *p)
{
#define EACH(WIDE, type, KIND)                                                                    \
    if (p->wide == WIDE && p->kinds[list] == KIND)                                                \
        for (long i = 0; i < many; i++) {                                                         \
            const type *items = p->items;                                                         \
            if (i + AHEAD < many)                                                                 \
                for (long c = 0; c < p->d && c < FETCHED; c += LINE / (long)sizeof(type))         \
                    __builtin_prefetch(items + p->rows[p->due[i + AHEAD]] * p->d + c);            \
            NAME(pair)(vector, items + p->rows[p->due[i]] * p->d, p->d, WIDE, KIND,               \
                       p->product + p->due[i], p->squares + p->due[i]);                           \
        }
    for (long list = 0, first = 0; list < p->count; list++) {
        const double *vector = p->vectors + p->asking[list] * p->d;
        if (list > 0 && p->asking[list] != p->asking[list - 1])
            first = list;
        long many = find_due(p, first, list);
        EACH(1, double, DOT)
        EACH(1, double, SQUARED)
        EACH(1, double, MANHATTAN)
        EACH(0, float, DOT)
        EACH(0, float, SQUARED)
        EACH(0, float, MANHATTAN)
    }
#undef EACH
}

static TARGET void
NAME(squares)(const void *x, long rows, long d, int wide, double *out)
{
    if (wide)
        for (long i = 0; i < rows; i++)
            out[i] = NAME(square)((const double *)x + i * d, d, 1);
    else
        for (long i = 0; i < rows; i++)
            out[i] = NAME(square)((const float *)x + i * d, d, 0);
}

/* ABREAST rows, interleaved, times a panel of 8 columns: coordinates in order, unfused */
static TARGET void
NAME(moved)(const double *restrict rows, const double *restrict panel, long d,
            double out[restrict ABREAST][8])
{
    doubles sum[ABREAST][2];
    for (int r = 0; r < ABREAST; r++)
        sum[r][0] = sum[r][1] = (doubles){0};
    for (long c = 0; c < d; c++, rows += ABREAST, panel += 8) {
        doubles low, high;
        memcpy(&low, panel, sizeof low);
        memcpy(&high, panel + 4, sizeof high);
        for (int r = 0; r < ABREAST; r++) {
            doubles row = rows[r] - (doubles){0};
            sum[r][0] += row * low;
            sum[r][1] += row * high;
        }
    }
    for (int r = 0; r < ABREAST; r++) {
        memcpy(out[r], &sum[r][0], sizeof(doubles));
        memcpy(out[r] + 4, &sum[r][1], sizeof(doubles));
    }
}

#undef doubles
#undef four
#undef lanes
