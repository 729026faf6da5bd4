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

void pack_panels(Range panels, long columns, long depth, int transposed, const float *w, long stride,
                 float *packed) {
    for (long p = panels.first; p < panels.last; p++) {
        float *panel = packed + p * depth * PANEL;
        long first = p * PANEL, count = columns - first < PANEL ? columns - first : PANEL;
        if (count < PANEL) memset(panel, 0, sizeof(float) * depth * PANEL);
        if (transposed)
            for (long k = 0; k < depth; k++)
                memcpy(panel + k * PANEL, w + k * stride + first, sizeof(float) * count);
        else
            for (long block = 0; block < depth; block += CACHE_LINE)
                for (long j = 0; j < count; j++)
                    for (long k = block; k < block + CACHE_LINE && k < depth; k++)
                        panel[k * PANEL + j] = w[(first + j) * stride + k];
    }
}

void pack(long columns, long depth, int transposed, const float *w, float *packed, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long p = 0; p < panels_for(columns); p++)
        pack_panels((Range){p, p + 1}, columns, depth, transposed, w, transposed ? columns : depth, packed);
}

/* A product whose sums all stay in registers; `rows` and `panels` are constants once it is inlined. */
INLINE void tile(const int rows, const int panels, long depth, const float *a, long a_stride,
                 const float *packed, float *c, long c_stride) {
    Vector sums[TILE_ROWS][2 * WIDE];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            sums[i][j] = *(const Vector *)(c + i * c_stride + j * LANES);
    for (long k = 0; k < depth; k++) {
        Vector w[2 * WIDE];
        UNROLL for (int j = 0; j < 2 * panels; j++)
            w[j] = *(const Vector *)(packed + (j / 2) * depth * PANEL + k * PANEL + (j % 2) * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            float x = a[i * a_stride + k];
            UNROLL for (int j = 0; j < 2 * panels; j++) sums[i][j] += x * w[j];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            *(Vector *)(c + i * c_stride + j * LANES) = sums[i][j];
}

/* A tile of one panel and up to TILE_ROWS rows. */
INLINE void narrow_tile(long rows, long depth, const float *a, long a_stride, const float *packed, float *c,
                        long c_stride) {
    switch (rows) {
        case 1: tile(1, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 2: tile(2, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 3: tile(3, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 4: tile(4, 1, depth, a, a_stride, packed, c, c_stride); break;
#if TILE_ROWS > 4
        case 5: tile(5, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 6: tile(6, 1, depth, a, a_stride, packed, c, c_stride); break;
#endif
#if TILE_ROWS > 6
        case 7: tile(7, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 8: tile(8, 1, depth, a, a_stride, packed, c, c_stride); break;
#endif
    }
}

void gemm(long rows, Range panels, long depth, const float *a, long a_stride, const float *packed, float *c,
          long c_stride) {
    for (long p = panels.first; p < panels.last;) {
        int wide = rows <= 2 && p + WIDE <= panels.last; /* one panel would leave arithmetic units idle */
        const float *w = packed + p * depth * PANEL;
        float *out = c + p * PANEL;
        if (wide && rows == 1) tile(1, WIDE, depth, a, a_stride, w, out, c_stride);
        else if (wide) tile(2, WIDE, depth, a, a_stride, w, out, c_stride);
        else
            for (long row = 0; row < rows; row += TILE_ROWS)
                narrow_tile(rows - row < TILE_ROWS ? rows - row : TILE_ROWS, depth, a + row * a_stride,
                            a_stride, w, out + row * c_stride, c_stride);
        p += wide ? WIDE : 1;
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
