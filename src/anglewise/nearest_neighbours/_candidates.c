/* The candidates of each query and measure, in C what candidates.py is in NumPy. */

#include <math.h>
#include <string.h>

#include "_units.h"

static int
is_hidden(const struct scan *s, long query, int32_t row)
{
    const int64_t *hidden = s->hidden + s->hidden_ends[query];
    int64_t many = s->hidden_ends[query + 1] - s->hidden_ends[query];
    if (many == 0)
        return 0;
    for (; many > 1; many -= many / 2) /* no branch: which half it is cannot be foreseen */
        hidden += (hidden[many / 2 - 1] < row) * (many / 2);
    return *hidden == row;
}

/* whether an item still exceeds the cut of a measure, which may have risen since it was found */
static int
exceeds(const struct scan *s, long query, struct hit hit)
{
    const float *cut = s->cut + query * s->measures;
    for (long j = 0; j < s->measures; j++) {
        long at = j * s->blocks * COLUMNS + hit.column;
        if (!(hit.product * s->weights[at] + s->biases[at] <= cut[j]))
            return 1;
    }
    return 0;
}

/* a value and a row as one number: the higher the value, the smaller */
static uint64_t
entry_of(float value, int32_t row)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits ^= 0x7fffffffu & ~(uint32_t)((int32_t)bits >> 31);
    return (uint64_t)bits << 32 | (uint32_t)row;
}

static float
value_of(uint64_t entry)
{
    uint32_t bits = (uint32_t)(entry >> 32);
    float value;
    bits = bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* the smaller of two entries first */
static void
order(uint64_t *a, uint64_t *b)
{
    uint64_t first = *a < *b ? *a : *b, second = *a < *b ? *b : *a;
    *a = first, *b = second;
}

/* the `keep` smallest of `count` entries to the front; the largest of them is returned */
static uint64_t
select_best(uint64_t *entries, long count, long keep)
{
    long low = 0, high = count - 1;
    while (low < high) {
        long middle = low + (high - low) / 2;
        order(entries + low, entries + middle);
        order(entries + middle, entries + high);
        order(entries + low, entries + middle);
        uint64_t pivot = entries[middle];
        entries[middle] = entries[high];
        long less = low; /* no branch: which side an entry falls on cannot be foreseen */
        for (long i = low; i < high; i++) {
            uint64_t entry = entries[i];
            entries[i] = entries[less];
            entries[less] = entry;
            less += entry < pivot;
        }
        entries[high] = entries[less];
        entries[less] = pivot;
        if (less == keep - 1)
            break;
        if (less < keep - 1)
            low = less + 1;
        else
            high = less - 1;
    }
    return entries[keep - 1];
}

void
compact(const struct scan *s, long at)
{
    if (s->counts[at] <= s->keep)
        return;
    float last = value_of(select_best(s->entries + at * s->room, s->counts[at], s->keep));
    s->counts[at] = (int32_t)s->keep;
    if (last > s->cut[at])
        s->cut[at] = last;
}

/* those that wait without those that the query may not be shown; their rows are written down */
static long
shown(const struct scan *s, long query, struct waiting *waiting, int32_t *rows)
{
    long count = 0;
    int any_hidden = s->hidden_ends[query] < s->hidden_ends[query + 1];
    for (long i = 0; i < waiting->count; i++) {
        struct hit hit = waiting->hits[i];
        int32_t row = s->item_rows[hit.column];
        waiting->hits[count] = hit;
        rows[count] = row;
        count += row >= 0 && !(any_hidden && (!exceeds(s, query, hit) || is_hidden(s, query, row)));
    }
    return count;
}

void
consider(const struct scan *s, long query, struct waiting *waiting)
{
    int32_t rows[WAITING];
    long many = shown(s, query, waiting, rows), width = s->blocks * COLUMNS;
    for (long j = 0; j < s->measures; j++) {
        long at = query * s->measures + j;
        const float *weights = s->weights + j * width, *biases = s->biases + j * width;
        for (long i = 0; i < many;) {
            if (s->counts[at] == s->room)
                compact(s, at);
            long count = s->counts[at], last = i + s->room - count;
            uint64_t *entries = s->entries + at * s->room;
            float cut = s->cut[at];
            for (last = last < many ? last : many; i < last; i++) {
                struct hit hit = waiting->hits[i];
                float value = hit.product * weights[hit.column] + biases[hit.column];
                entries[count] = entry_of(isnan(value) ? INFINITY : value, rows[i]);
                count += !(value <= cut); /* no branch: it could not be foreseen */
            }
            s->counts[at] = (int32_t)count;
        }
    }
    waiting->count = 0;
}
