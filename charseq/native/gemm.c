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
#define UNROLL _Pragma("GCC unroll 8")

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

void pack(long columns, long depth, int transposed, const float *w, float *packed, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long p = 0; p < panels_for(columns); p++) {
        float *panel = packed + p * depth * PANEL;
        long first = p * PANEL, count = columns - first < PANEL ? columns - first : PANEL;
        if (count < PANEL) memset(panel, 0, sizeof(float) * depth * PANEL);
        if (transposed)
            for (long k = 0; k < depth; k++)
                memcpy(panel + k * PANEL, w + k * columns + first, sizeof(float) * count);
        else
            for (long block = 0; block < depth; block += CACHE_LINE)
                for (long j = 0; j < count; j++)
                    for (long k = block; k < block + CACHE_LINE && k < depth; k++)
                        panel[k * PANEL + j] = w[(first + j) * depth + k];
    }
}

typedef Vector Sums[TILE_ROWS][2 * WIDE];

/* Add the products of `steps` adjacent rows of each panel, from row k. */
INLINE void add_products(const int rows, const int count, const int steps, long k, const float *a,
                         long a_stride, const float *const *panels, Sums sums) {
    UNROLL for (int p = 0; p < count; p++)
        UNROLL for (int step = 0; step < steps; step++) {
            const Vector *w = (const Vector *)(panels[p] + (k + step) * PANEL);
            Vector first = w[0], second = w[1];
            UNROLL for (int i = 0; i < rows; i++) {
                float x = a[i * a_stride + k + step];
                sums[i][2 * p] += x * first;
                sums[i][2 * p + 1] += x * second;
            }
        }
}

/* A product of `count` panels whose sums all stay in registers; `rows`, `count` and `steps` are constants
once it is inlined. */
INLINE void tile(const int rows, const int count, const int steps, const long *numbers, long depth,
                 const float *a, long a_stride, const float *packed, float *c, long c_stride) {
    Sums sums;
    const float *panels[WIDE];
    UNROLL for (int p = 0; p < count; p++) panels[p] = packed + numbers[p] * depth * PANEL;
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * count; j++)
            sums[i][j] = *(const Vector *)(c + i * c_stride + numbers[j / 2] * PANEL + j % 2 * LANES);
    long k = 0;
    for (; k + steps <= depth; k += steps) add_products(rows, count, steps, k, a, a_stride, panels, sums);
    if (steps > 1)
        for (; k < depth; k++) add_products(rows, count, 1, k, a, a_stride, panels, sums);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * count; j++)
            *(Vector *)(c + i * c_stride + numbers[j / 2] * PANEL + j % 2 * LANES) = sums[i][j];
}

/* A product of one panel.  Inlined, it would leave compilers too few registers for addresses. */
static __attribute__((noinline)) void narrow_product(long rows, long depth, const float *a, long a_stride,
                                                     const float *panel, float *c, long c_stride) {
    const long number = 0;
    for (; rows > 0; rows -= TILE_ROWS, a += TILE_ROWS * a_stride, c += TILE_ROWS * c_stride) switch (rows) {
            case 1: tile(1, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
            case 2: tile(2, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
            case 3: tile(3, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
#if TILE_ROWS > 4
            case 4: tile(4, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
            case 5: tile(5, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
#endif
#if TILE_ROWS > 6
            case 6: tile(6, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
            case 7: tile(7, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
#endif
            default: tile(TILE_ROWS, 1, 1, &number, depth, a, a_stride, panel, c, c_stride); break;
        }
}

void gemm_of(long rows, long count, const long *panels, long depth, const float *a, long a_stride,
             const float *packed, float *c, long c_stride) {
    const long half = WIDE / 2;
    while (count) {
        long wide = rows == 1 && count >= WIDE ? WIDE : rows <= FEW_ROWS && count >= half ? half : 1;
        if (wide == WIDE) tile(1, WIDE, 8, panels, depth, a, a_stride, packed, c, c_stride);
        else if (wide == half && rows == 1) tile(1, half, 1, panels, depth, a, a_stride, packed, c, c_stride);
        else if (wide == half && rows == 2) tile(2, half, 8, panels, depth, a, a_stride, packed, c, c_stride);
        else if (wide == half) tile(3, half, 1, panels, depth, a, a_stride, packed, c, c_stride);
        else
            narrow_product(rows, depth, a, a_stride, packed + *panels * depth * PANEL, c + *panels * PANEL,
                           c_stride);
        panels += wide, count -= wide;
    }
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
    pack(columns, depth, 0, w, packed, 1);
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
