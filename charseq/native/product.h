/* Packed matrix products in either precision.

A packed matrix consists of 32-bit words: values in float32, or pairs of values in bfloat16 (gemm_bf16.h). */
#ifndef CHARSEQ_PRODUCT_H
#define CHARSEQ_PRODUCT_H

#include "gemm_bf16.h"

/* The words for a row or column of `depth` values. */
static inline long words_for(long bf16, long depth) { return bf16 ? pairs_for(depth) : depth; }

static inline long packed_size(long bf16, long columns, long depth) {
    return panels_for(columns) * PANEL * words_for(bf16, depth);
}

/* As pack and pack_bf16. */
void pack_panels(long bf16, Range panels, long columns, long depth, int transposed, const float *w,
                 long stride, float *packed);

/* As gemm and gemm_bf16; a consists of words, and a_stride is in words. */
void multiply_panels(long bf16, long rows, Range panels, long depth, const float *a, long a_stride,
                     const float *packed, float *c, long c_stride);

#endif
