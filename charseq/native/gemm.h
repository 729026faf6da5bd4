/* Products of few rows with a matrix that is used many times, and is therefore packed once.

A packed matrix consists of panels of PANEL columns, [panels depth PANEL]; the last is padded with zeros. */
#ifndef CHARSEQ_GEMM_H
#define CHARSEQ_GEMM_H

#include "range.h"

#if defined(__AVX512F__)
#define LANES 16 /* floats in a vector register */
#define TILE_ROWS 8
#elif defined(__AVX__)
#define LANES 8
#define TILE_ROWS 6
#elif defined(__aarch64__)
#define LANES 4
#define TILE_ROWS 8
#else
#define LANES 4
#define TILE_ROWS 4
#endif
#define PANEL (2 * LANES)

static inline long panels_for(long columns) { return (columns + PANEL - 1) / PANEL; }

/* w [columns depth], or w [depth columns] if transposed, whose rows are `stride` floats apart -> a range of
panels, packed [panels depth PANEL]. */
void pack(Range panels, long columns, long depth, int transposed, const float *w, long stride, float *packed);

/* c [rows, panels * PANEL] += a [rows depth] times packed, for a range of panels.  Strides are in floats; an
a_stride of 0 means that a is packed, too: one panel of at most PANEL rows.

Each sum runs over the depth in one order.  So the result of a row depends neither on the other rows nor on
the number of threads. */
void gemm(long rows, Range panels, long depth, const float *a, long a_stride, const float *packed, float *c,
          long c_stride);

/* As gemm, for `count` panels with these numbers. */
void gemm_of(long rows, long count, const long *panels, long depth, const float *a, long a_stride,
             const float *packed, float *c, long c_stride);

#endif
