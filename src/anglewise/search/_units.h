/* What the search computes, whatever the processor. */

#ifndef ANGLEWISE_UNITS_H
#define ANGLEWISE_UNITS_H

#include <stdint.h>

#define COLUMNS 16 /* items of a block */
#define ABREAST 6  /* rows that are moved together */
#define AHEAD 4    /* rows that are fetched before their turn */
#define LINE 64    /* bytes that are fetched at once */

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

/* vectors, and for each a list of rows (-1: none) whose products with it are wanted */
struct lists {
    long d, count, listed;
    int wide;
    const double *vectors;
    const void *items;
    const int64_t *asking;
    const int8_t *kinds;
    const int32_t *rows;
    double *product, *squares;
};

/* a kind of vector unit: what is written once and compiled for each */
struct unit {
    const char *name;
    int rows; /* queries that are in registers together */
    void (*scan)(const struct scan *, float *limits, long strip);
    void (*products)(const struct lists *);
    void (*squares)(const void *x, long rows, long d, int wide, double *out);
    void (*moved)(const double *rows, const double *panel, long d, double out[ABREAST][8]);
};

/* the unit of this name, or the widest; NULL if this processor has none */
const struct unit *unit_called(const char *name);

/* no more than `keep` candidates stay at this place, and the cut rises */
void compact(const struct scan *s, long at);

#endif
