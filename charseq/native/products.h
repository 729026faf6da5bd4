/* Products of few rows with a matrix that is used again and again: it is packed into panels once. */
#ifndef CHARSEQ_PRODUCTS_H
#define CHARSEQ_PRODUCTS_H

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#elif defined(__AVX__)
#define LANES 8
#define ROWS 6
#elif defined(__aarch64__)
#define LANES 4
#define ROWS 8
#else
#define LANES 4
#define ROWS 4
#endif
#define PANEL (2 * LANES)
#define LINE 16
#define UNROLLED _Pragma("GCC unroll 8")

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4)));

INLINE long panels_for(long columns) { return (columns + PANEL - 1) / PANEL; }

static float *reserve(long count) { return aligned_alloc(64, (sizeof(float) * count + 63) / 64 * 64 + 64); }

/* The rows, or the panels of columns, that are a thread's own. */
typedef struct {
    long first, last;
} Share;

static Share share_of(long whole, long thread, long team) {
    return (Share){whole * thread / team, whole * (thread + 1) / team};
}

/* w [columns depth] -> packed [panels depth PANEL], or, transposed, w [depth columns]. */
static void pack(long columns, long depth, int transposed, const float *w, float *packed, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long panel = 0; panel < panels_for(columns); panel++) {
        float *to = packed + panel * depth * PANEL;
        long first = panel * PANEL, there = columns - first < PANEL ? columns - first : PANEL;
        if (there < PANEL) memset(to, 0, sizeof(float) * depth * PANEL);
        if (transposed)
            for (long k = 0; k < depth; k++)
                memcpy(to + k * PANEL, w + k * columns + first, sizeof(float) * there);
        else
            for (long block = 0; block < depth; block += LINE) /* a line of the cache at a time */
                for (long j = 0; j < there; j++)
                    for (long k = block; k < block + LINE && k < depth; k++)
                        to[k * PANEL + j] = w[(first + j) * depth + k];
    }
}

/* c [rows, panels * PANEL] += a [rows depth] times some panels, everything in registers. */
INLINE void tile(const int rows, const int panels, long depth, const float *a, long a_stride, const float *packed,
                 float *c, long c_stride) {
    Lanes sums[ROWS][8];
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < 2 * panels; j++)
            sums[i][j] = *(const Lanes *)(c + i * c_stride + j * LANES);
    for (long k = 0; k < depth; k++) {
        Lanes w[8];
        UNROLLED for (int j = 0; j < 2 * panels; j++)
            w[j] = *(const Lanes *)(packed + (j / 2) * depth * PANEL + k * PANEL + (j % 2) * LANES);
        UNROLLED for (int i = 0; i < rows; i++) {
            float x = a[i * a_stride + k];
            UNROLLED for (int j = 0; j < 2 * panels; j++) sums[i][j] += x * w[j];
        }
    }
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < 2 * panels; j++)
            *(Lanes *)(c + i * c_stride + j * LANES) = sums[i][j];
}

/* The same for any number of rows up to ROWS, and one panel. */
INLINE void tile_of(long rows, long depth, const float *a, long a_stride, const float *packed, float *c,
                    long c_stride) {
    switch (rows) {
        case 1: tile(1, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 2: tile(2, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 3: tile(3, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 4: tile(4, 1, depth, a, a_stride, packed, c, c_stride); break;
#if ROWS > 4
        case 5: tile(5, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 6: tile(6, 1, depth, a, a_stride, packed, c, c_stride); break;
#endif
#if ROWS > 6
        case 7: tile(7, 1, depth, a, a_stride, packed, c, c_stride); break;
        case 8: tile(8, 1, depth, a, a_stride, packed, c, c_stride); break;
#endif
    }
}

/* c [rows, panels * PANEL] += a [rows depth] times packed [panels depth PANEL], from panel `first` to before `last`.

Every sum runs over k in the same order, however many rows there are: a row's result does not depend on the
others, nor on how rows are dealt out to threads. */
static void product(long rows, long first, long last, long depth, const float *a, long a_stride, const float *packed,
                    float *c, long c_stride) {
    for (long panel = first; panel < last;) {
        int wide = rows <= 2 && panel + 4 <= last; /* of few rows more columns at once keep the units busy */
        const float *w = packed + panel * depth * PANEL;
        float *to = c + panel * PANEL;
        if (wide && rows == 1) tile(1, 4, depth, a, a_stride, w, to, c_stride);
        else if (wide) tile(2, 4, depth, a, a_stride, w, to, c_stride);
        else
            for (long row = 0; row < rows; row += ROWS)
                tile_of(rows - row < ROWS ? rows - row : ROWS, depth, a + row * a_stride, a_stride, w,
                        to + row * c_stride, c_stride);
        panel += wide ? 4 : 1;
    }
}

#endif
