/* What the search computes, whatever the processor. */

#ifndef ANGLEWISE_UNITS_H
#define ANGLEWISE_UNITS_H

#include <stdint.h>

#define COLUMNS 16 /* items of a block */
#define TOKENS 32  /* query tokens of a block */
#define WAITING 47 /* items of interest that wait for each query */
#define STRIP_BYTES (192 * 1024) /* items that stay in the second cache as queries pass by */
#define ABREAST 6  /* rows that are moved together */
#define AHEAD 4    /* rows that are fetched before their turn */
#define LINE 64    /* bytes that are fetched at once */
#define FETCHED 512 /* coordinates of a row that are fetched, at most */

enum kind { DOT, SQUARED, MANHATTAN };

/* a tile of items, a block of queries, and the candidates found so far: see candidates.py */
struct scan {
    long d, queries, measures, blocks, keep, room;
    int manhattan;
    const float *packed_items, *packed_queries;
    const int32_t *item_rows;
    const float *weights, *biases, *block_bias, *least_step, *most_step;
    const int64_t *hidden_ends, *hidden;
    uint64_t *entries;
    int32_t *counts;
    float *cut;
};

/* items whose product with one query was of interest: they wait for others, since looking at the
   candidates of a query means fetching them from afar */
struct hit {
    float product;
    int32_t column;
};
struct waiting {
    int64_t count;
    struct hit hits[WAITING];
};

/* a pair of a vector and a row whose product is known, and which kind of product it is */
struct met {
    int64_t pair;
    int32_t row, kind;
};

/* vectors, and for each a list of rows (-1: none) whose products with it are wanted; lists of one
   vector that stand together share what they have in common */
struct lists {
    long d, count, listed;
    int wide;
    const double *vectors;
    const void *items;
    const int64_t *asking;
    const int8_t *kinds;
    const int32_t *rows;
    double *product, *squares;
    struct met *met; /* a table of 2^met_bits, by row */
    int met_bits;
    int64_t *due; /* the pairs of one list whose products are not known yet */
};

/* tokens of queries, TOKENS side by side, and tokens of items, row after row: item i has the tokens
   from ends[i] to ends[i + 1]; weights (or NULL) are what the products with each are multiplied by */
struct maxsim {
    long d, queries, blocks, items, stride;
    long together, tokens_together; /* items, and tokens, that stay in the cache as queries pass */
    const float *packed, *tokens, *weights;
    const int64_t *query_ends, *ends;
    float *best; /* what each token of a query found in each of the items together */
    float *room; /* for the last tokens, padded */
    float *out;  /* queries x stride */
};

/* some items whose exact values are wanted, for the tokens of one query; what float32 may be off by
   is at most reach (of the query's token) times longest, plus least (of the item) */
struct listed_items {
    long count, tokens;
    const int64_t *items;
    const double *vectors, *inverse, *reach, *longest, *least;
    double *out; /* count x tokens */
};

/* a kind of vector unit: what is written once and compiled for each */
struct unit {
    const char *name;
    int rows; /* queries that are in registers together */
    void (*scan)(const struct scan *, float *limits, struct waiting *, long strip);
    void (*products)(const struct lists *);
    void (*squares)(const void *x, long rows, long d, int wide, double *out);
    void (*moved)(const double *rows, const double *panel, long d, double out[ABREAST][8]);
    void (*maxsim)(const struct maxsim *);
    void (*largest_exact)(const struct maxsim *, const struct listed_items *);
};

/* the unit of this name, or the widest; NULL if this processor has none */
const struct unit *unit_called(const char *name);

/* no more than `keep` candidates stay at this place, and the cut rises */
void compact(const struct scan *s, long at);

/* look, measure by measure, at the items that wait for a query */
void consider(const struct scan *s, long query, struct waiting *waiting);

/* let those of 16 items wait whose product is of interest to a query */
static inline void
await(const struct scan *s, long query, long column, const float *products, unsigned of_interest,
      struct waiting *waiting)
{
    if (waiting->count + COLUMNS > WAITING)
        consider(s, query, waiting);
    for (; of_interest; of_interest &= of_interest - 1) {
        int c = __builtin_ctz(of_interest);
        struct hit hit = {products[c], (int32_t)(column + c)};
        waiting->hits[waiting->count++] = hit;
    }
}

#endif
