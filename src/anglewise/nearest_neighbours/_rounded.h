/* A score to twelve significant digits: what data_types/neighbours.py does, one after the other. */

#ifndef ANGLEWISE_ROUNDED_H
#define ANGLEWISE_ROUNDED_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* NaN where the decimals have to be asked */
static inline double
rounded_score(double score, const double *limits, const double *scales, double near_half)
{
    uint64_t bits;
    double size = fabs(score);
    memcpy(&bits, &size, sizeof bits);
    double scale = scales[2 * (bits >> 52) + (size >= limits[bits >> 52])];
    double scaled = score * scale;
    double whole = (scaled + 0x1.8p52) - 0x1.8p52; /* to the nearest, halves to the even */
    int sure = fabs(scaled - whole) <= near_half && fabs(whole) < 1e12;
    return sure ? whole / scale + 0.0 : NAN;
}

#endif
