/* MaxSim for one kind of vector unit; included once for each, behind _scan.h and _exact.h.

   Lanes are query tokens: TOKENS of them meet ROWS item tokens in registers, and the largest
   product of each query token stays in a register until the item ends. So items need no layout of
   their own and may be of any length; the float32 sums are BLAS's with one comparison a product.
*/

#define floats NAME(floats)
#define ints NAME(ints)
#define ABREAST_TOKENS (LANES == 16 ? 32 : 16)
#define SIDE (ABREAST_TOKENS / LANES)

static inline __attribute__((always_inline)) TARGET floats
NAME(larger)(floats a, floats b)
{
#ifdef MAX
    return MAX(a, b);
#else
    ints above = (ints)(a > b);
    return (floats)(((ints)a & above) | ((ints)b & ~above));
#endif
}

/* the products of ROWS item tokens with some query tokens, each times the weight of the token */
static inline __attribute__((always_inline)) TARGET void
NAME(tokens)(const float *restrict q, const float *restrict x, long d, const float *weights,
             floats sum[ROWS][SIDE])
{
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < SIDE; v++)
            sum[r][v] = (floats){0};
    for (long c = 0; c < d; c++, q += TOKENS) {
        floats query[SIDE];
        for (int v = 0; v < SIDE; v++)
            memcpy(&query[v], q + v * LANES, sizeof(floats));
        for (int r = 0; r < ROWS; r++) {
            floats item = x[r * d + c] - (floats){0};
            for (int v = 0; v < SIDE; v++)
                sum[r][v] = FMA(item, query[v], sum[r][v]);
        }
    }
    if (weights != NULL)
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < SIDE; v++)
                sum[r][v] *= weights[r] - (floats){0};
}

/* ROWS tokens from one on, and their weights; the last ones of all are copied and padded */
static inline const float *
NAME(panel)(const struct maxsim *m, long token, long stop, const float **weights)
{
    *weights = m->weights == NULL ? NULL : m->weights + token;
    if (token + ROWS <= stop)
        return m->tokens + token * m->d;
    size_t many = (size_t)(stop - token);
    memset(m->room, 0, sizeof(float) * (size_t)(ROWS * (m->d + 1)));
    memcpy(m->room, m->tokens + token * m->d, sizeof(float) * many * (size_t)m->d);
    if (m->weights != NULL) {
        memcpy(m->room + ROWS * m->d, m->weights + token, sizeof(float) * many);
        *weights = m->room + ROWS * m->d;
    }
    return m->room;
}

/* the largest product of each query token of a block with the tokens of each of some items */
static inline __attribute__((always_inline)) TARGET void
NAME(largest)(const struct maxsim *m, long block, int half, long first, long last)
{
    const float *q = m->packed + block * TOKENS * m->d + half;
    long stop = m->ends[last], item = first, width = m->blocks * TOKENS;
    float *best = m->best + block * TOKENS + half;
    floats most[SIDE];
    for (int v = 0; v < SIDE; v++)
        most[v] = (floats){0} - INFINITY;
    for (long token = m->ends[first]; token < stop; token += ROWS) {
        floats sum[ROWS][SIDE];
        const float *weights, *x = NAME(panel)(m, token, stop, &weights);
        long many = stop - token < ROWS ? stop - token : ROWS;
        NAME(tokens)(q, x, m->d, weights, sum);
        if (token + ROWS < m->ends[item + 1]) {
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < SIDE; v++)
                    most[v] = NAME(larger)(sum[r][v], most[v]);
            continue;
        }
        for (long r = 0; r < many; r++) {
            for (int v = 0; v < SIDE; v++)
                most[v] = NAME(larger)(sum[r][v], most[v]);
            if (token + r + 1 < m->ends[item + 1])
                continue;
            for (int v = 0; v < SIDE; v++) {
                memcpy(best + (item - first) * width + v * LANES, &most[v], sizeof(floats));
                most[v] = (floats){0} - INFINITY;
            }
            item++;
        }
    }
}

static inline __attribute__((always_inline)) TARGET float
NAME(total)(const float *values, long many)
{
    floats sum = {0};
    float rest = 0;
    long i = 0;
    for (; i + LANES <= many; i += LANES) {
        floats some;
        memcpy(&some, values + i, sizeof some);
        sum += some;
    }
    for (; i < many; i++)
        rest += values[i];
    for (int lane = 0; lane < LANES; lane++)
        rest += sum[lane];
    return rest;
}

/* the score of every query with every item, in float32 */
static TARGET void
NAME(maxsim)(const struct maxsim *m)
{
    for (long first = 0, last; first < m->items; first = last) {
        for (last = first + 1; last < m->items && last - first < m->together
             && m->ends[last + 1] - m->ends[first] <= m->tokens_together;)
            last++;
        for (long block = 0; block < m->blocks; block++)
            for (int half = 0; half < TOKENS; half += ABREAST_TOKENS)
                NAME(largest)(m, block, half, first, last);
        for (long query = 0; query < m->queries; query++)
            for (long item = first; item < last; item++)
                m->out[query * m->stride + item] =
                    NAME(total)(m->best + (item - first) * m->blocks * TOKENS
                                    + m->query_ends[query],
                                m->query_ends[query + 1] - m->query_ends[query]);
    }
}

/* the largest exact value of each token of one query with the tokens of some items: summed in
   float64 for those alone whose float32 product is as near the largest as rounding allows */
static TARGET void
NAME(largest_exact)(const struct maxsim *m, const struct listed_items *p)
{
    for (long at = 0; at < p->count; at++) {
        long start = m->ends[p->items[at]], stop = m->ends[p->items[at] + 1];
        for (long first = 0; first < p->tokens; first += TOKENS) {
            long many = p->tokens - first < TOKENS ? p->tokens - first : TOKENS;
            float limit[TOKENS];
            for (int lane = 0; lane < TOKENS; lane++)
                limit[lane] = -INFINITY;
            for (int half = 0; half < TOKENS; half += ABREAST_TOKENS)
                for (long token = start; token < stop; token += ROWS) {
                    floats sum[ROWS][SIDE];
                    const float *weights, *x = NAME(panel)(m, token, stop, &weights);
                    long rows = stop - token < ROWS ? stop - token : ROWS;
                    NAME(tokens)(m->packed + first * m->d + half, x, m->d, weights, sum);
                    for (long r = 0; r < rows; r++)
                        memcpy(m->best + (token - start + r) * TOKENS + half, sum[r],
                               sizeof sum[r]);
                }
            for (long token = 0; token < stop - start; token++)
                for (int lane = 0; lane < TOKENS; lane++) {
                    float value = m->best[token * TOKENS + lane];
                    limit[lane] = value > limit[lane] ? value : limit[lane];
                }
            for (long lane = 0; lane < many; lane++) {
                double reach = p->reach[first + lane] * p->longest[at] + p->least[at];
                p->out[at * p->tokens + first + lane] = -INFINITY;
                limit[lane] = nextafterf((float)(limit[lane] - 2 * reach), -INFINITY);
            }
            for (long token = 0; token < stop - start; token++)
                for (long lane = 0; lane < many; lane++) {
                    if (m->best[token * TOKENS + lane] < limit[lane])
                        continue;
                    double product, squares, *best = p->out + at * p->tokens + first + lane;
                    NAME(pair)(p->vectors + (first + lane) * m->d,
                               m->tokens + (start + token) * m->d, m->d, 0, DOT, &product,
                               &squares);
                    if (p->inverse != NULL)
                        product *= p->inverse[first + lane]
                            * (squares > 0 ? 1 / sqrt(squares) : 0.0);
                    *best = product > *best ? product : *best;
                }
        }
    }
}

#undef floats
#undef ints
#undef SIDE
#undef ABREAST_TOKENS

/* the last of the files included for a unit */
#undef NAME
#undef TARGET
#undef LANES
#undef ROWS
#undef FMA
#undef BITS
#undef MAX
