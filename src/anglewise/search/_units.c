/* Finding candidates in float32 and summing in float64, compiled for each kind of vector unit. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "_units.h"

static int
is_hidden(const struct scan *s, long query, int32_t row)
{
    int64_t low = s->hidden_ends[query], high = s->hidden_ends[query + 1];
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (s->hidden[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->hidden_ends[query + 1] && s->hidden[low] == row;
}

/* a value and a row as one number: the higher the value, the smaller */
static uint64_t
entry_of(float value, int32_t row)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint64_t)(bits & 0x80000000u ? bits : ~bits & 0x7fffffffu) << 32 | (uint32_t)row;
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

/* the `keep` smallest of `count` entries to the front; the largest of them is returned */
static uint64_t
select_best(uint64_t *entries, long count, long keep)
{
    long low = 0, high = count - 1;
    while (low < high) {
        uint64_t pivot = entries[low + (high - low) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (entries[i] < pivot)
                i++;
            while (entries[j] > pivot)
                j--;
            if (i <= j) {
                uint64_t entry = entries[i];
                entries[i++] = entries[j];
                entries[j--] = entry;
            }
        }
        if (keep - 1 <= j)
            high = j;
        else if (keep - 1 >= i)
            low = i;
        else
            break;
    }
    uint64_t last = entries[0];
    for (long i = 1; i < keep; i++)
        last = entries[i] > last ? entries[i] : last;
    return last;
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

/* look at those of 16 items whose product is of interest to a query, measure by measure */
static void
consider(const struct scan *s, long query, long column, const float *products, unsigned above)
{
    long width = s->blocks * COLUMNS;
    for (; above; above &= above - 1) {
        int c = __builtin_ctz(above);
        int32_t row = s->item_rows[column + c];
        int shown = -1;
        for (long j = 0; j < s->measures; j++) {
            long at = query * s->measures + j, place = j * width + column + c;
            float value = products[c] * s->weights[place] + s->biases[place];
            if (value <= s->cut[at])
                continue;
            if (shown < 0)
                shown = row >= 0 && !is_hidden(s, query, row);
            if (!shown)
                break;
            if (s->counts[at] == s->room) {
                compact(s, at);
                if (value <= s->cut[at])
                    continue;
            }
            s->entries[at * s->room + s->counts[at]++] =
                entry_of(isnan(value) ? INFINITY : value, row);
        }
    }
}

#define UNIT(name, rows, x) {name, rows, scan_##x, products_##x, squares_##x, moved_##x}

#if defined(__x86_64__)

#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx2,fma")))
#define LANES 16
#define ROWS 12
#define FMA(a, b, c) ((floats)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define BITS(v) ((unsigned)_mm512_cmplt_epi32_mask((__m512i)(v), _mm512_setzero_si512()))
#include "_scan.h"
#include "_exact.h"

#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 6
#define FMA(a, b, c) ((floats)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define BITS(v) ((unsigned)_mm256_movemask_ps((__m256)(v)))
#include "_scan.h"
#include "_exact.h"

#define NAME(x) x##_sse2
#define TARGET
#define LANES 4
#define ROWS 2
#define FMA(a, b, c) ((a) * (b) + (c))
#define BITS(v) ((unsigned)_mm_movemask_ps((__m128)(v)))
#include "_scan.h"
#include "_exact.h"

static const struct unit units[] = {
    UNIT("avx512", 12, avx512),
    UNIT("avx2", 6, avx2),
    UNIT("sse2", 2, sse2),
};

static int
runs_here(int i)
{
    __builtin_cpu_init();
    if (i == 0)
        return __builtin_cpu_supports("avx512f") != 0;
    return i > 1 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

#else

#if defined(__aarch64__)
#define UNIT_NAME "neon"
#define FMA(a, b, c) ((floats)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#else
#define UNIT_NAME "plain"
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
#define NAME(x) x##_plain
#define TARGET
#define LANES 4
#define ROWS 6
#define BITS(v) (((v)[0] & 1u) | ((v)[1] & 2u) | ((v)[2] & 4u) | ((v)[3] & 8u))
#include "_scan.h"
#include "_exact.h"

static const struct unit units[] = {UNIT(UNIT_NAME, 6, plain)};

static int
runs_here(int i)
{
    return i == 0;
}

#endif

const struct unit *
unit_called(const char *name)
{
    for (int i = 0; i < (int)(sizeof units / sizeof *units); i++)
        if (runs_here(i) && (name == NULL || strcmp(name, units[i].name) == 0))
            return &units[i];
    return NULL;
}
