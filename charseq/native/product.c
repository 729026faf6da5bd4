/* Packed matrix products in either precision, and large products that pack their factors. */
#include "product.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

#define DEPTH_BLOCK 512 /* words of a panel that are packed at once */

void pack_panels(long bf16, Range panels, long columns, long depth, int transposed, const float *w,
                 long stride, float *packed) {
#if BUILT_BF16
    if (bf16) {
        pack_bf16(panels, columns, depth, transposed, w, stride, (Pair *)packed);
        return;
    }
#endif
    pack(panels, columns, depth, transposed, w, stride, packed);
}

void multiply_panels(long bf16, long rows, Range panels, long depth, const float *a, long a_stride,
                     const float *packed, float *c, long c_stride) {
#if BUILT_BF16
    if (bf16) {
        gemm_bf16(rows, panels, depth, (const Pair *)a, a_stride, (const Pair *)packed, c, c_stride);
        return;
    }
#endif
    gemm(rows, panels, depth, a, a_stride, packed, c, c_stride);
}

/* The values of the depth that are packed at once. */
static long depth_block(const Product *p) { return p->bf16 ? 2 * DEPTH_BLOCK : DEPTH_BLOCK; }

/* Whether a is packed; rows of float32 are read where they lie. */
static int packs_a(const Product *p) { return p->bf16 || p->a_transposed; }

static long least(long x, long y) { return x < y ? x : y; }

/* Add the product of rows a and one panel of columns b to c, of which `columns` are inside. */
static void add_block(const Product *p, long rows, long columns, long depth, const float *a, const float *b,
                      float *c) {
    float inside[PANEL * PANEL] __attribute__((aligned(64)));
    const int whole = columns == PANEL;
    for (long i = 0; i < rows && !whole; i++)
        memcpy(inside + i * PANEL, c + i * p->N, sizeof(float) * columns);
    multiply_panels(p->bf16, rows, (Range){0, 1}, depth, a, packs_a(p) ? 0 : p->a_stride, b,
                    whole ? c : inside, whole ? p->N : PANEL);
    for (long i = 0; i < rows && !whole; i++)
        memcpy(c + i * p->N, inside + i * PANEL, sizeof(float) * columns);
}

/* The part of a product that belongs to one of `threads` threads; a and b are scratch that they share. */
static void product_part(const Product *p, float *packed_a, float *packed_b, long thread, long threads) {
    const long m_panels = panels_for(p->M), n_panels = panels_for(p->N), most = depth_block(p);
    const Range rows = range_of(p->M, thread, threads);
    const Range blocks = range_of(m_panels * n_panels, thread, threads);
    for (long i = rows.first; i < rows.last; i++) {
        if (p->bias) memcpy(p->c + i * p->N, p->bias, sizeof(float) * p->N);
        else memset(p->c + i * p->N, 0, sizeof(float) * p->N);
    }
    for (long first = 0; first < p->K; first += most) {
        const long depth = least(p->K - first, most), words = words_for(p->bf16, depth);
        const float *a = p->a + first * (p->a_transposed ? p->a_stride : 1);
        const float *b = p->b + first * (p->b_transposed ? 1 : p->b_stride);
        if (packs_a(p))
            pack_panels(p->bf16, range_of(m_panels, thread, threads), p->M, depth, p->a_transposed, a,
                        p->a_stride, packed_a);
        pack_panels(p->bf16, range_of(n_panels, thread, threads), p->N, depth, !p->b_transposed, b,
                    p->b_stride, packed_b);
#pragma omp barrier
        for (long block = blocks.first; block < blocks.last; block++) {
            const long m = block / n_panels * PANEL, n = block % n_panels * PANEL;
            add_block(p, least(p->M - m, PANEL), least(p->N - n, PANEL), depth,
                      packs_a(p) ? packed_a + m * words : a + m * p->a_stride, packed_b + n * words,
                      p->c + m * p->N + n);
        }
#pragma omp barrier
    }
}

int charseq_product(const Product *p) {
    const long words = words_for(p->bf16, least(p->K, depth_block(p)));
    const long a_size = packs_a(p) ? panels_for(p->M) * PANEL * words : 0;
    const long b_size = panels_for(p->N) * PANEL * words;
    float *scratch = aligned_alloc(64, (sizeof(float) * (a_size + b_size) + 63) / 64 * 64);
    if (!scratch) return 1;
#pragma omp parallel num_threads(p->threads) if (p->threads > 1)
    product_part(p, scratch, scratch + a_size, omp_get_thread_num(), omp_get_num_threads());
    free(scratch);
    return 0;
}

int charseq_products_are_fast(void) {
#if defined(__AVX512F__)
    __builtin_cpu_init();
    return __builtin_cpu_is("amd") != 0;
#else
    return 0;
#endif
}
