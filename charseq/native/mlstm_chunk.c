/* An mLSTM over a chunk of steps at once, forward and backward; the cell is in charseq/cells/exponential.py.

With f[t] = exp(log_f[t] + m[t-1] - m[t]) and i[t] = exp(log_i[t] - m[t]) as in the step, and t, s from 0 to T - 1:

    decay[t][s] = i[s] f[s+1] ... f[t] where s <= t, else 0
    carry[t] = f[0] ... f[t]
    P[t][s] = decay[t][s] q[t] . k[s]
    norm[t] = sum_s P[t][s] + carry[t] n . q[t]
    r[t] = (sum_s P[t][s] v[s] + carry[t] C q[t]) / max(|norm[t]|, exp(-m[t]))
    h[t] = o[t] r[t]
    final C = carry[T-1] C + sum_s decay[T-1][s] v[s] k[s]^T; the final n alike, with 1 for v[s]

h does not depend on m, so the backward pass takes m for a constant there; the final state does depend on it.
Each thread takes rows of its own.  Nothing of size T T is kept for the backward pass, which computes it again. */
#include "mlstm_chunk.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "sum_by_id.h"

/* Compute the gates, decays and q k^T of a row. */
static void read_inputs(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    float m = c->m[b], carry = 1.0f, decay = 1.0f;
    for (long t = 0; t < T; t++) {
        const float *x = x_of(c, b * T + t);
        memcpy(w->q + t * H, x, sizeof(float) * H);
        for (long j = 0; j < H; j++) w->k[t * H + j] = c->k_scale * x[H + j];
        memcpy(w->v + t * H, x + 2 * H, sizeof(float) * H);
        float log_i = x[4 * H], log_f = log_sigmoid_approx(x[4 * H + 1]), log_fm = log_f + m;
        w->log_i[t] = log_i, w->log_f[t] = log_f, w->m_prev[t] = m;
        w->m[t] = m = log_fm > log_i ? log_fm : log_i;
        w->i[t] = exp_approx(log_i - m), w->f[t] = exp_approx(log_fm - m);
        w->carry[t] = carry *= w->f[t];
    }
    for (long s = T - 1; s >= 0; s--) {
        w->last[s] = decay * w->i[s];
        decay *= w->f[s];
    }
    pack_steps(w, w->k);
    causal_product(w, w->q, w->scores);
}

static void forward_row(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    const float *C = c->C + b * H * H, *n = c->n + b * H, keep = w->carry[T - 1];
    float *norm = c->norm + b * T, *n_next = c->n_next + b * H;
    weigh_scores(w);
    memset(w->num, 0, sizeof(float) * T * w->W);
    pack_units(w, w->v);
    triangular_product(w, w->scores, 0, w->num);
    for (long t = 0; t < T; t++) {
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long s = 0; s <= t; s++) sum += w->scores[t * w->S + s];
        norm[t] = sum + w->carry[t] * dot(H, n, w->q + t * H);
    }
    pack_steps(w, w->q);
    pack_units(w, w->k);
    for (long t = 0; t < T; t++)
        for (long j = 0; j < H; j++) w->v[t * H + j] *= w->last[t];
    transpose(w, H, w->v, H);
    for (long first = 0; first < H; first += TILE_ROWS) {
        const Range rows = tile_at(first, H);
        add_read(w, rows, C, w->carry, w->num);
        add_outer(w, rows, keep, C, c->C_next + b * H * H);
    }
    for (long j = 0; j < H; j++) n_next[j] = keep * n[j];
    for (long t = 0; t < T; t++) add_scaled(H, w->last[t], w->k + t * H, n_next);
    c->m_next[b] = w->m[T - 1];
    for (long t = 0; t < T; t++) {
        const float *o = x_of(c, b * T + t) + 3 * H, scale = 1.0f / divisor(norm[t], w->m[t]);
        float *restrict r = c->r + (b * T + t) * H, *restrict h = c->h + (b * T + t) * H;
        for (long j = 0; j < H; j++) {
            r[j] = scale * w->num[t * w->W + j];
            h[j] = sigmoid_approx(o[j]) * r[j];
        }
    }
}

/* Run all rows, each thread some of them. */
static int run(const MLSTMChunk *c, void (*run_row)(const MLSTMChunk *, long, Row *)) {
    Row sizes;
    const long count = mlstm_lay_out(&sizes, c, NULL);
    float *scratch = aligned_alloc(64, (sizeof(float) * count * c->threads + 63) / 64 * 64);
    if (!scratch) return 1;
#pragma omp parallel num_threads(c->threads) if (c->threads > 1)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        Range rows = range_of(c->B, thread, threads);
        Row w;
        mlstm_lay_out(&w, c, scratch + thread * count);
        for (long b = rows.first; b < rows.last; b++) {
            read_inputs(c, b, &w);
            run_row(c, b, &w);
        }
        if (c->d_table) {
            const long width = 4 * c->H + 2;
#pragma omp barrier
            sum_by_id(range_of(width, thread, threads), c->V, width, c->d_table, c->B * c->T, c->ids, c->d_x,
                      width);
        }
    }
    free(scratch);
    return 0;
}

/* Ask for pages of 2 MiB in new memory: filling it with pages of 4 KiB takes as long as the products. */
static void use_huge_pages(float *memory, long count) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 1 << 21, first = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t last = (uintptr_t)(memory + count) / page * page;
    if (first < last) madvise((void *)first, last - first, MADV_HUGEPAGE);
#else
    (void)memory, (void)count;
#endif
}

int charseq_mlstm_forward(const MLSTMChunk *c) {
    use_huge_pages(c->C_next, c->B * c->H * c->H);
    return run(c, forward_row);
}

int charseq_mlstm_backward(const MLSTMChunk *c) {
    use_huge_pages(c->d_x, c->B * c->T * (4 * c->H + 2));
    if (c->d_C) use_huge_pages(c->d_C, c->B * c->H * c->H);
    return run(c, mlstm_backward_row);
}
