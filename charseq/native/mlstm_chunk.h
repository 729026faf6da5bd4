/* What the forward and the backward pass of mlstm_chunk.c share: the scratch of a thread, and its products. */
#ifndef CHARSEQ_MLSTM_CHUNK_H
#define CHARSEQ_MLSTM_CHUNK_H

#include "approx.h"
#include "gemm.h"
#include "library.h"

/* One row of the batch, and the scratch of a thread.  S and W are T and H, rounded up to panels. */
typedef struct {
    long T, H, S, W;
    float *q, *k, *v;                          /* [T H] */
    float *log_i, *log_f, *i, *f, *m, *carry; /* [T] */
    float *m_prev;                             /* [T], m of the step before */
    float *last;                               /* [T], decay[T-1] */
    float *scores, *decay;                     /* [T S] */
    float *by_steps, *by_units; /* packed: S columns of depth H; W columns of depth T */
    float *panel;               /* [H PANEL] */
    float *transposed;          /* [max(H, T) S] */
    float *block;               /* [TILE_ROWS max(S, W)] */
    float *num;                 /* [T W] */
    float *d_num;               /* [T H], this and the following for the backward pass only */
    float *d_scores;            /* [T S] */
    float *dq, *dk, *dv;        /* [T W] */
    float *d_norm, *d_carry, *d_decay; /* [T] */
} Row;

/* Lay out the scratch of a thread at `memory`.  Return the floats that it needs. */
long mlstm_lay_out(Row *w, const MLSTMChunk *c, float *memory);

/* Pack x [T H] as T columns of depth H, or as H columns of depth T. */
void pack_steps(Row *w, const float *x);
void pack_units(Row *w, const float *x);

/* transposed [columns S] = in [T columns]. */
void transpose(Row *w, long columns, const float *in, long in_stride);

/* out [T S], where s <= t or both are in one block of PANEL steps: x [T H] times by_steps. */
void causal_product(const Row *w, const float *x, float *out);

/* Fill decay [T S], and replace q k^T by P.  What lies above the diagonal becomes zero. */
void weigh_scores(Row *w);

/* out [T W] += x [T S] times by_units; x is zero where s > t, or where s < t if it is `transposed`. */
void triangular_product(const Row *w, const float *x, int transposed, float *out);

/* out [T W] = x [T H] times a matrix [H H]. */
void matrix_product(const Row *w, const float *x, const float *matrix, float *out);

/* out [T W] += scale[t] times (matrix x[t]), for some rows of a matrix [H H]; x is packed in by_steps. */
void add_read(const Row *w, Range rows, const float *matrix, const float *scale, float *out);

/* next = keep * matrix + the sum of x[t] y[t]^T, for some rows of matrices [H H]; x is in w->transposed, y packed
in by_units.  Without a matrix, it is zero. */
void add_outer(const Row *w, Range rows, float keep, const float *matrix, float *next);

/* Compute the gradients of a row, whose gates, decays and q k^T are in w. */
void mlstm_backward_row(const MLSTMChunk *c, long b, Row *w);

/* The rows from `first` that are multiplied at once. */
static inline Range tile_at(long first, long H) {
    return (Range){first, first + TILE_ROWS < H ? first + TILE_ROWS : H};
}

static inline const float *x_of(const MLSTMChunk *c, long position) {
    return c->x + (c->ids ? c->ids[position] : position) * (4 * c->H + 2);
}

/* The larger of |norm| and exp(-m). */
INLINE float divisor(float norm, float m) {
    float floor = exp_approx(-m), magnitude = norm < 0 ? -norm : norm;
    return magnitude > floor ? magnitude : floor;
}

static inline float dot(long count, const float *restrict x, const float *restrict y) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < count; j++) sum += x[j] * y[j];
    return sum;
}

/* out += scale * x */
static inline void add_scaled(long count, float scale, const float *restrict x, float *restrict out) {
    for (long j = 0; j < count; j++) out[j] += scale * x[j];
}

#endif
