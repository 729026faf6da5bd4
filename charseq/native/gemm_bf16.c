/* Products of bfloat16 values; gemm_bf16.h describes them. */
#include "gemm_bf16.h"

#include <string.h>

#include "library.h"

#if BUILT_BF16
#include <immintrin.h>

/* Only these functions contain instructions of AVX512-BF16, so the build runs without it. */
#define BF16 __attribute__((target("avx512bf16")))
#define INLINE static inline __attribute__((always_inline)) BF16
#define UNROLL _Pragma("GCC unroll 8")

/* `count` floats, at most LANES; zeros follow. */
INLINE __m512 load(const float *values, long count) {
    if (count >= LANES) return _mm512_loadu_ps(values);
    return count > 0 ? _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), values) : _mm512_setzero_ps();
}

/* LANES pairs of 2 * LANES adjacent values, of which `count` exist. */
INLINE __m512i adjacent_pairs(const float *values, long count) {
    return (__m512i)_mm512_cvtne2ps_pbh(load(values + LANES, count - LANES), load(values, count));
}

BF16 void convert_rows(long rows, long depth, const float *a, long stride, Pair *pairs) {
    const long count = pairs_for(depth);
    for (long row = 0; row < rows; row++) {
        const float *values = a + row * stride;
        Pair *out = pairs + row * count;
        for (long k = 0; k < count; k += LANES) {
            __m512i converted = adjacent_pairs(values + 2 * k, depth - 2 * k);
            if (count - k >= LANES) _mm512_storeu_si512(out + k, converted);
            else _mm512_mask_storeu_epi32(out + k, (__mmask16)((1u << (count - k)) - 1), converted);
        }
    }
}

/* One panel of w [columns depth]: pairs of a row of w go to one column of the panel. */
INLINE void pack_rows(long columns, long depth, const float *w, long stride, Pair *panel) {
    const long count = pairs_for(depth);
    if (columns < PANEL) memset(panel, 0, sizeof(Pair) * count * PANEL);
    for (long k = 0; k < count; k += LANES) {
        long block = count - k < LANES ? count - k : LANES;
        for (long j = 0; j < columns; j++) {
            Pair pairs[LANES] __attribute__((aligned(64)));
            _mm512_store_si512(pairs, adjacent_pairs(w + j * stride + 2 * k, depth - 2 * k));
            for (long i = 0; i < block; i++) panel[(k + i) * PANEL + j] = pairs[i];
        }
    }
}

/* One panel of w [depth columns]: two rows of w are interleaved. */
INLINE void pack_columns(long columns, long depth, const float *w, long stride, Pair *panel) {
    const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                                23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (long k = 0; k < pairs_for(depth); k++)
        for (long j = 0; j < PANEL; j += LANES) {
            const float *first = w + 2 * k * stride + j;
            __m512 second = 2 * k + 1 < depth ? load(first + stride, columns - j) : _mm512_setzero_ps();
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, load(first, columns - j));
            _mm512_storeu_si512(panel + k * PANEL + j, _mm512_permutexvar_epi16(interleave, both));
        }
}

BF16 void pack_bf16(Range panels, long columns, long depth, int transposed, const float *w, long stride,
                    Pair *packed) {
    for (long p = panels.first; p < panels.last; p++) {
        Pair *panel = packed + p * pairs_for(depth) * PANEL;
        long first = p * PANEL, count = columns - first < PANEL ? columns - first : PANEL;
        if (transposed) pack_columns(count, depth, w + first, stride, panel);
        else pack_rows(count, depth, w + first * stride, stride, panel);
    }
}

/* A product of one panel whose sums all stay in registers; `rows` is a constant once it is inlined. */
INLINE void tile(const int rows, long pairs, const Pair *a, long row_stride, long pair_stride,
                 const Pair *panel, float *c, long c_stride) {
    __m512 sums[TILE_ROWS][2];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2; j++) sums[i][j] = _mm512_loadu_ps(c + i * c_stride + j * LANES);
    for (long k = 0; k < pairs; k++) {
        __m512bh w0 = (__m512bh)_mm512_loadu_si512(panel + k * PANEL);
        __m512bh w1 = (__m512bh)_mm512_loadu_si512(panel + k * PANEL + LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[i * row_stride + k * pair_stride]);
            sums[i][0] = _mm512_dpbf16_ps(sums[i][0], x, w0);
            sums[i][1] = _mm512_dpbf16_ps(sums[i][1], x, w1);
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2; j++) _mm512_storeu_ps(c + i * c_stride + j * LANES, sums[i][j]);
}

/* A tile of at most TILE_ROWS of the rows. */
INLINE void some_rows(long rows, long pairs, const Pair *a, long row_stride, long pair_stride,
                      const Pair *panel, float *c, long c_stride) {
    switch (rows) {
        case 1: tile(1, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 2: tile(2, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 3: tile(3, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 4: tile(4, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 5: tile(5, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 6: tile(6, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        case 7: tile(7, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
        default: tile(8, pairs, a, row_stride, pair_stride, panel, c, c_stride); break;
    }
}

BF16 void gemm_bf16(long rows, Range panels, long depth, const Pair *a, long a_stride, const Pair *packed,
                    float *c, long c_stride) {
    const long pairs = pairs_for(depth);
    for (long p = panels.first; p < panels.last; p++)
        for (long row = 0; row < rows; row += TILE_ROWS) {
            const Pair *panel = packed + p * pairs * PANEL;
            float *out = c + row * c_stride + p * PANEL;
            if (a_stride)
                some_rows(rows - row, pairs, a + row * a_stride, a_stride, 1, panel, out, c_stride);
            else some_rows(rows - row, pairs, a + row, 1, PANEL, panel, out, c_stride);
        }
}

int charseq_has_bf16(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") != 0;
}

#else

int charseq_has_bf16(void) { return 0; }

#endif
