/* Products of bfloat16 values with sums in float32, for processors with AVX512-BF16.

Two values that are adjacent in depth form a pair of 32 bits, the first in the lower half; an odd depth is
padded with zero.  Values are rounded to the nearest bfloat16, ties to even, and denormal ones to zero.  A sum
runs over the pairs in one order, so it depends neither on the other rows nor on the number of threads. */
#ifndef CHARSEQ_GEMM_BF16_H
#define CHARSEQ_GEMM_BF16_H

#include <stdint.h>

#include "gemm.h"

/* Whether this build contains the products: the compiler knows AVX512-BF16, and the build requires AVX-512.
Whether the processor has it is checked when the program runs. */
#if defined(__x86_64__) && defined(__AVX512F__) && defined(__AVX512BW__)
#if (defined(__clang__) && __clang_major__ >= 9) || (!defined(__clang__) && __GNUC__ >= 11)
#define BUILT_BF16 1
#endif
#endif
#ifndef BUILT_BF16
#define BUILT_BF16 0
#endif

typedef uint32_t Pair;

static inline long pairs_for(long depth) { return (depth + 1) / 2; }

#if BUILT_BF16
/* Rows of float32 [rows depth] -> pairs [rows pairs_for(depth)].  The stride is in floats. */
void convert_rows(long rows, long depth, const float *a, long stride, Pair *pairs);

/* w [columns depth], or w [depth columns] if transposed, whose rows are `stride` floats apart -> the pairs of
a range of panels, packed [panels pairs_for(depth) PANEL]. */
void pack_bf16(Range panels, long columns, long depth, int transposed, const float *w, long stride,
               Pair *packed);

/* c [rows, panels * PANEL] += a [rows pairs_for(depth)] times packed, for a range of panels; an a_stride of 0
means as in gemm. */
void gemm_bf16(long rows, Range panels, long depth, const Pair *a, long a_stride, const Pair *packed,
               float *c, long c_stride);
#endif

#endif
