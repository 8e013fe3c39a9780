/* The float32 pass for one kind of vector unit; included once for each.

   The includer defines NAME(x), TARGET, LANES, ROWS, FMA(a, b, c), BITS(v).

   A block of COLUMNS items meets ROWS queries in registers: an inner product for each pair, then
   one comparison with the least product that would be of interest under any measure. Only if one
   passes are the measures looked at, one pair at a time.
*/

#define VECTORS (COLUMNS / LANES)
#define FULL ((1u << LANES) - 1u)

typedef float NAME(floats) __attribute__((vector_size(4 * LANES)));
typedef int NAME(ints) __attribute__((vector_size(4 * LANES)));
#define floats NAME(floats)
#define ints NAME(ints)

/* sum over coordinates of q * x, or minus the sum of |q - x|, for the first so many of ROWS queries */
static inline __attribute__((always_inline)) TARGET void
NAME(sums)(const float *restrict q, const float *restrict x, long d, int manhattan, int rows,
           floats sum[ROWS][VECTORS])
{
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = (floats){0};
    for (long c = 0; c < d; c++, q += ROWS, x += COLUMNS) {
        floats item[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            memcpy(&item[v], x + v * LANES, sizeof(floats));
        for (int r = 0; r < rows; r++) {
            floats query = q[r] - (floats){0};
            for (int v = 0; v < VECTORS; v++) {
                if (manhattan)
                    sum[r][v] -= (floats)((ints)(query - item[v]) & 0x7fffffff);
                else
                    sum[r][v] = FMA(query, item[v], sum[r][v]);
            }
        }
    }
}

/* the least product of interest, for each block of a strip and one query */
static TARGET void
NAME(interesting)(const struct scan *s, long query, long first, long blocks, float *restrict out)
{
    for (long b = 0; b < blocks; b++)
        out[b] = INFINITY;
    if (query >= s->queries)
        return;
    for (long j = 0; j < s->measures; j++) {
        float cut = s->cut[query * s->measures + j];
        const float *restrict bias = s->block_bias + j * s->blocks + first;
        const float *restrict least = s->least_step + j * s->blocks + first;
        const float *restrict most = s->most_step + j * s->blocks + first;
        for (long b = 0; b < blocks; b++) {
            float due = cut - bias[b], up = due * least[b], down = due * most[b];
            float value = down < up ? down : up;
            out[b] = value < out[b] ? value : out[b];
        }
    }
}

/* the blocks of a strip for some queries that are in registers together */
static inline __attribute__((always_inline)) TARGET void
NAME(strip_of)(const struct scan *s, long query, long first, long blocks, float *restrict limits,
               struct waiting *waiting, int manhattan, int rows)
{
    for (int r = 0; r < rows; r++)
        NAME(interesting)(s, query + r, first, blocks, limits + r * blocks);
    for (long b = 0; b < blocks; b++) {
        floats sum[ROWS][VECTORS];
        ints below = (ints){0} - 1;
        NAME(sums)(s->packed_queries + query * s->d, s->packed_items + (first + b) * COLUMNS * s->d,
                   s->d, manhattan, rows, sum);
        for (int r = 0; r < rows; r++) {
            floats limit = limits[r * blocks + b] - (floats){0};
            for (int v = 0; v < VECTORS; v++)
                below &= sum[r][v] <= limit;
        }
        if (BITS(below) == FULL)
            continue;
        for (int r = 0; r < rows; r++) {
            floats limit = limits[r * blocks + b] - (floats){0};
            unsigned above = 0;
            for (int v = 0; v < VECTORS; v++)
                above |= (FULL & ~BITS(sum[r][v] <= limit)) << (v * LANES);
            if (above && query + r < s->queries) {
                float row[COLUMNS];
                memcpy(row, sum[r], sizeof row);
                await(s, query + r, (first + b) * COLUMNS, row, above, waiting + query + r);
            }
        }
    }
}

/* a query that is alone need not pay for ROWS */
static inline __attribute__((always_inline)) TARGET void
NAME(strip)(const struct scan *s, long first, long blocks, float *restrict limits,
            struct waiting *waiting, int manhattan)
{
    for (long query = 0; query < s->queries; query += ROWS)
        if (s->queries - query == 1)
            NAME(strip_of)(s, query, first, blocks, limits, waiting, manhattan, 1);
        else
            NAME(strip_of)(s, query, first, blocks, limits, waiting, manhattan, ROWS);
}

static TARGET void
NAME(scan)(const struct scan *s, float *limits, struct waiting *waiting, long strip)
{
    for (long first = 0; first < s->blocks; first += strip) {
        long blocks = s->blocks - first < strip ? s->blocks - first : strip;
        if (s->manhattan)
            NAME(strip)(s, first, blocks, limits, waiting, 1);
        else
            NAME(strip)(s, first, blocks, limits, waiting, 0);
    }
    for (long query = 0; query < s->queries; query++)
        consider(s, query, waiting + query);
}

#undef floats
#undef ints
#undef VECTORS
#undef FULL
