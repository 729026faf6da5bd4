/* Packed matrix products; gemm.h describes them. */
#include "gemm.h"

#include <omp.h>
#include <string.h>

#include "library.h"

#define CACHE_LINE 16 /* floats */
#define WIDE 4        /* panels at once, where there are few rows */
#define INLINE static inline __attribute__((always_inline))
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

/* A product whose sums all stay in registers; `rows` and `panels` are constants once it is inlined. */
INLINE void tile(const int rows, const int panels, long depth, const float *a, long row_stride,
                 long depth_stride, const float *packed, float *c, long c_stride) {
    Vector sums[TILE_ROWS][2 * WIDE];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            sums[i][j] = *(const Vector *)(c + i * c_stride + j * LANES);
    for (long k = 0; k < depth; k++) {
        Vector w[2 * WIDE];
        UNROLL for (int j = 0; j < 2 * panels; j++)
            w[j] = *(const Vector *)(packed + (j / 2) * depth * PANEL + k * PANEL + (j % 2) * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            float x = a[i * row_stride + k * depth_stride];
            UNROLL for (int j = 0; j < 2 * panels; j++) sums[i][j] += x * w[j];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            *(Vector *)(c + i * c_stride + j * LANES) = sums[i][j];
}

/* A tile of one panel and at most TILE_ROWS of the rows. */
INLINE void narrow_tile(long rows, long depth, const float *a, long row_stride, long depth_stride,
                        const float *packed, float *c, long c_stride) {
#define ROWS(count) tile(count, 1, depth, a, row_stride, depth_stride, packed, c, c_stride)
    switch (rows < TILE_ROWS ? rows : TILE_ROWS) {
        case 1: ROWS(1); break;
        case 2: ROWS(2); break;
        case 3: ROWS(3); break;
        case 4: ROWS(4); break;
#if TILE_ROWS > 4
        case 5: ROWS(5); break;
        case 6: ROWS(6); break;
#endif
#if TILE_ROWS > 6
        case 7: ROWS(7); break;
        case 8: ROWS(8); break;
#endif
    }
#undef ROWS
}

void gemm(long rows, Range panels, long depth, const float *a, long a_stride, const float *packed, float *c,
          long c_stride) {
    for (long p = panels.first; p < panels.last;) {
        /* one panel would leave arithmetic units idle */
        int wide = a_stride && rows <= 2 && p + WIDE <= panels.last;
        const float *w = packed + p * depth * PANEL;
        float *out = c + p * PANEL;
        if (wide && rows == 1) tile(1, WIDE, depth, a, a_stride, 1, w, out, c_stride);
        else if (wide) tile(2, WIDE, depth, a, a_stride, 1, w, out, c_stride);
        else if (a_stride)
            for (long row = 0; row < rows; row += TILE_ROWS)
                narrow_tile(rows - row, depth, a + row * a_stride, a_stride, 1, w, out + row * c_stride,
                            c_stride);
        else
            for (long row = 0; row < rows; row += TILE_ROWS)
                narrow_tile(rows - row, depth, a + row, 1, PANEL, w, out + row * c_stride, c_stride);
        p += wide ? WIDE : 1;
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
