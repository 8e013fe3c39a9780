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

/* whether this product is known from one of the earlier lists of the vector: then it is copied; if
   not, it will be */
static int
is_known(const struct lists *p, long first, long list, long pair)
{
    uint32_t last = (1u << p->met_bits) - 1, row = (uint32_t)p->rows[pair];
    uint32_t at = (row * 2654435761u) >> (32 - p->met_bits);
    for (; p->met[at].pair >= first * p->listed; at = (at + 1) & last) {
        struct met met = p->met[at];
        if (met.row == p->rows[pair] && met.kind == p->kinds[list] && met.pair < list * p->listed) {
            p->product[pair] = p->product[met.pair];
            p->squares[pair] = p->squares[met.pair];
            return 1;
        }
    }
    p->met[at] = (struct met){pair, p->rows[pair], p->kinds[list]};
    return 0;
}

/* how many pairs of a list are not known yet, when its vector has lists from the first on */
static long
find_due(const struct lists *p, long first, long list)
{
    long many = 0;
    for (long pair = list * p->listed; pair < (list + 1) * p->listed; pair++)
        if (p->rows[pair] >= 0 && !is_known(p, first, list, pair))
            p->due[many++] = pair;
    return many;
}

#define UNIT(name, rows, x)                                                                        \
    {name, rows, scan_##x, products_##x, squares_##x, moved_##x, maxsim_##x, largest_exact_##x}

#if defined(__x86_64__)

#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx2,fma")))
#define LANES 16
#define ROWS 12
#define FMA(a, b, c) ((floats)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define MAX(a, b) ((floats)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define BITS(v) ((unsigned)_mm512_cmplt_epi32_mask((__m512i)(v), _mm512_setzero_si512()))
#include "_scan.h"
#include "_exact.h"
#include "_maxsim.h"

#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define ROWS 6
#define FMA(a, b, c) ((floats)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define MAX(a, b) ((floats)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define BITS(v) ((unsigned)_mm256_movemask_ps((__m256)(v)))
#include "_scan.h"
#include "_exact.h"
#include "_maxsim.h"

#define NAME(x) x##_sse2
#define TARGET
#define LANES 4
#define ROWS 2
#define FMA(a, b, c) ((a) * (b) + (c))
#define MAX(a, b) ((floats)_mm_max_ps((__m128)(a), (__m128)(b)))
#define BITS(v) ((unsigned)_mm_movemask_ps((__m128)(v)))
#include "_scan.h"
#include "_exact.h"
#include "_maxsim.h"

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
#define MAX(a, b) ((floats)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
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
#include "_maxsim.h"

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
