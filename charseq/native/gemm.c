/* Packed matrix products; gemm.h describes them. */
#include "gemm.h"

#include <omp.h>
#include <string.h>

#include "library.h"

#define CACHE_LINE 16 /* floats */
#if defined(__AVX512F__) || defined(__aarch64__)
#define WIDE 8 /* panels at once for one row: their sums take half of the vector registers */
#define FEW_ROWS 3
#else
#define WIDE 4
#define FEW_ROWS 2
#endif
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define UNROLL _Pragma("GCC unroll 8")

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float Four __attribute__((vector_size(16), aligned(4)));

/* Up to four columns of a panel, of `depth` rows. */
INLINE void pack_four(long columns, long depth, const float *w, long stride, float *panel) {
    for (long k = 0; k < depth; k++)
        if (columns >= 4)
            *(Four *)(panel + k * PANEL) = (Four){w[k], w[stride + k], w[2 * stride + k], w[3 * stride + k]};
        else
            for (long j = 0; j < columns; j++) panel[k * PANEL + j] = w[j * stride + k];
}

void pack(Range panels, long columns, long depth, int transposed, const float *w, long stride,
          float *packed) {
    for (long p = panels.first; p < panels.last; p++) {
        float *panel = packed + p * depth * PANEL;
        long first = p * PANEL, count = columns - first < PANEL ? columns - first : PANEL;
        if (count < PANEL) memset(panel, 0, sizeof(float) * depth * PANEL);
        if (transposed)
            for (long k = 0; k < depth; k++)
                memcpy(panel + k * PANEL, w + k * stride + first, sizeof(float) * count);
        else
            for (long block = 0; block < depth; block += CACHE_LINE) {
                const long rows = depth - block < CACHE_LINE ? depth - block : CACHE_LINE;
                for (long j = 0; j < count; j += 4)
                    pack_four(count - j, rows, w + (first + j) * stride + block, stride,
                              panel + block * PANEL + j);
            }
    }
}

typedef Vector Sums[TILE_ROWS][2 * WIDE];

/* Add the products of `steps` adjacent rows of each panel, from row k. */
INLINE void add_products(const int rows, const int count, const int steps, long k, const float *a,
                         long row_stride, long depth_stride, const float *const *panels, Sums sums) {
    UNROLL for (int p = 0; p < count; p++)
        UNROLL for (int step = 0; step < steps; step++) {
            const Vector *w = (const Vector *)(panels[p] + (k + step) * PANEL);
            Vector first = w[0], second = w[1];
            UNROLL for (int i = 0; i < rows; i++) {
                float x = a[i * row_stride + (k + step) * depth_stride];
                sums[i][2 * p] += x * first;
                sums[i][2 * p + 1] += x * second;
            }
        }
}

/* A product of `count` panels whose sums all stay in registers; `rows`, `count` and `steps` are constants
once it is inlined. */
INLINE void tile(const int rows, const int count, const int steps, const long *numbers, long depth,
                 const float *a, long row_stride, long depth_stride, const float *packed, float *c,
                 long c_stride) {
    Sums sums;
    const float *panels[WIDE];
    UNROLL for (int p = 0; p < count; p++) panels[p] = packed + numbers[p] * depth * PANEL;
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * count; j++)
            sums[i][j] = *(const Vector *)(c + i * c_stride + numbers[j / 2] * PANEL + j % 2 * LANES);
    long k = 0;
    for (; k + steps <= depth; k += steps)
        add_products(rows, count, steps, k, a, row_stride, depth_stride, panels, sums);
    if (steps > 1)
        for (; k < depth; k++)
            add_products(rows, count, 1, k, a, row_stride, depth_stride, panels, sums);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * count; j++)
            *(Vector *)(c + i * c_stride + numbers[j / 2] * PANEL + j % 2 * LANES) = sums[i][j];
}

INLINE void panel_product(long rows, long depth, const float *a, long row_stride, long depth_stride,
                          const float *panel, float *c, long c_stride) {
    const long number = 0;
#define TILE(count) tile(count, 1, 1, &number, depth, a, row_stride, depth_stride, panel, c, c_stride)
    for (; rows > 0; rows -= TILE_ROWS, a += TILE_ROWS * row_stride, c += TILE_ROWS * c_stride) switch (rows) {
            case 1: TILE(1); break;
            case 2: TILE(2); break;
            case 3: TILE(3); break;
#if TILE_ROWS > 4
            case 4: TILE(4); break;
            case 5: TILE(5); break;
#endif
#if TILE_ROWS > 6
            case 6: TILE(6); break;
            case 7: TILE(7); break;
#endif
            default: TILE(TILE_ROWS); break;
        }
#undef TILE
}

/* Products of one panel.  Inlined, they would leave compilers too few registers for addresses. */

static NOINLINE void product_of_rows(long rows, long depth, const float *a, long a_stride, const float *panel,
                                     float *c, long c_stride) {
    panel_product(rows, depth, a, a_stride, 1, panel, c, c_stride);
}

static NOINLINE void product_of_packed(long rows, long depth, const float *a, const float *panel, float *c,
                                       long c_stride) {
    panel_product(rows, depth, a, 1, PANEL, panel, c, c_stride);
}

void gemm_of(long rows, long count, const long *panels, long depth, const float *a, long a_stride,
             const float *packed, float *c, long c_stride) {
#define TILE(rows, panel_count, steps) \
    tile(rows, panel_count, steps, panels, depth, a, a_stride, 1, packed, c, c_stride)
    const long half = WIDE / 2, few = a_stride && rows <= FEW_ROWS;
    while (count) {
        const float *panel = packed + *panels * depth * PANEL;
        long wide = few && rows == 1 && count >= WIDE ? WIDE : few && count >= half ? half : 1;
        if (wide == WIDE) TILE(1, WIDE, 8);
        else if (wide == half && rows == 1) TILE(1, half, 1);
        else if (wide == half && rows == 2) TILE(2, half, 8);
        else if (wide == half) TILE(3, half, 1);
        else if (a_stride) product_of_rows(rows, depth, a, a_stride, panel, c + *panels * PANEL, c_stride);
        else product_of_packed(rows, depth, a, panel, c + *panels * PANEL, c_stride);
        panels += wide, count -= wide;
    }
#undef TILE
}

void gemm(long rows, Range panels, long depth, const float *a, long a_stride, const float *packed, float *c,
          long c_stride) {
    for (long p = panels.first; p < panels.last; p += WIDE) {
        long numbers[WIDE], count = panels.last - p < WIDE ? panels.last - p : WIDE;
        for (long i = 0; i < count; i++) numbers[i] = p + i;
        gemm_of(rows, count, numbers, depth, a, a_stride, packed, c, c_stride);
    }
}

void charseq_pack(long columns, long depth, const float *w, float *packed) {
    pack((Range){0, panels_for(columns)}, columns, depth, 0, w, depth, packed);
}

long charseq_packed_size(long columns, long depth) { return panels_for(columns) * PANEL * depth; }

void charseq_linear(long rows, long columns, long depth, const float *x, const float *packed,
                    const float *bias, float *scratch, float *out, long threads) {
    long panels = panels_for(columns), width = panels * PANEL;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        Range mine = range_of(panels, omp_get_thread_num(), omp_get_num_threads());
        long first = mine.first * PANEL, last = mine.last * PANEL < columns ? mine.last * PANEL : columns;
        for (long row = 0; row < rows && first < last; row++)
            memcpy(scratch + row * width + first, bias + first, sizeof(float) * (last - first));
        gemm(rows, mine, depth, x, depth, packed, scratch, width);
        for (long row = 0; row < rows && first < last; row++)
            memcpy(out + row * columns + first, scratch + row * width + first,
                   sizeof(float) * (last - first));
    }
}
