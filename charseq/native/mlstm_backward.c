/* The gradients of an mLSTM over a chunk; the equations are in mlstm_chunk.c. */
#include <string.h>

#include "mlstm_chunk.h"

/* Compute the gradients of the numerators, the norms and o (to d_x) from dL/dh. */
static void backward_outputs(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    for (long t = 0; t < T; t++) {
        const long position = b * T + t;
        const float *restrict o = x_of(c, position) + 3 * H, *restrict r = c->r + position * H;
        const float *restrict d_h = c->d_h + position * H;
        float *restrict d_o = c->d_x + position * (4 * H + 2) + 3 * H, *restrict d_num = w->d_num + t * H;
        const float norm = c->norm[position], denominator = divisor(norm, w->m[t]);
        const float scale = 1.0f / denominator;
        float d_denominator = 0.0f;
#pragma omp simd reduction(+ : d_denominator)
        for (long j = 0; j < H; j++) {
            float s = sigmoid_approx(o[j]), d_r = d_h[j] * s;
            d_o[j] = d_h[j] * r[j] * s * (1.0f - s);
            d_num[j] = d_r * scale;
            d_denominator -= d_num[j] * r[j];
        }
        w->d_norm[t] = denominator == norm ? d_denominator : denominator == -norm ? -d_denominator : 0.0f;
    }
}

/* Gradients through the initial state: dq, d_carry (times carry), and those of C and n. */
static void backward_initial(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    const float *C = c->C + b * H * H, *n = c->n + b * H, keep = w->carry[T - 1];
    matrix_product(w, w->d_num, C, w->dq);
    for (long t = 0; t < T; t++) {
        float *restrict dq = w->dq + t * w->W;
        for (long j = 0; j < H; j++) dq[j] = w->carry[t] * (dq[j] + w->d_norm[t] * n[j]);
        w->d_carry[t] = dot(H, dq, w->q + t * H);
    }
    if (c->d_n) {
        float *d_n = c->d_n + b * H;
        for (long j = 0; j < H; j++) d_n[j] = c->d_n_next ? keep * c->d_n_next[b * H + j] : 0.0f;
        for (long t = 0; t < T; t++) add_scaled(H, w->carry[t] * w->d_norm[t], w->q + t * H, d_n);
    }
    if (!c->d_C) return;
    pack_units(w, w->q);
    for (long t = 0; t < T; t++)
        for (long j = 0; j < H; j++) w->transposed[j * w->S + t] = w->carry[t] * w->d_num[t * H + j];
    for (long first = 0; first < H; first += TILE_ROWS)
        add_outer(w, tile_at(first, H), keep,
                  c->d_C_next ? c->d_C_next + b * H * H : NULL, c->d_C + b * H * H);
}

/* Gradients through the final state: dk, dv and d_decay (times decay).  Return that of carry[T-1], times it. */
static float backward_final(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    const float *d_C = c->d_C_next + b * H * H, *d_n = c->d_n_next + b * H;
    matrix_product(w, w->v, d_C, w->dk);
    for (long t = 0; t < T; t++) {
        float *restrict dk = w->dk + t * w->W;
        for (long j = 0; j < H; j++) dk[j] = w->last[t] * (dk[j] + d_n[j]);
        w->d_decay[t] = dot(H, dk, w->k + t * H);
    }
    for (long first = 0; first < H; first += TILE_ROWS) /* k is packed in by_steps */
        add_read(w, tile_at(first, H), d_C, w->last, w->dv);
    return w->carry[T - 1] * (dot(H * H, c->C + b * H * H, d_C) + dot(H, c->n + b * H, d_n));
}

/* Gradients through P: replace d_scores, which is d_num v^T, by the gradient of q k^T, and the gates by their
gradients, less those through m.  `d_carry` is that of carry[T-1] through the final state.  Return that of m before
the chunk. */
static float backward_scores(Row *w, float d_carry) {
    const long S = w->S;
    for (long t = w->T - 1; t >= 0; t--) {
        const float *restrict scores = w->scores + t * S, *restrict decay = w->decay + t * S;
        float *restrict d_scores = w->d_scores + t * S, *restrict d_decay = w->d_decay; /* times decay */
        const float d_norm = w->d_norm[t];
        float d_earlier = 0.0f;
        for (long s = 0; s <= t; s++) {
            float d = d_scores[s] + d_norm;
            d_decay[s] += d * scores[s];
            d_scores[s] = d * decay[s];
        }
#pragma omp simd reduction(+ : d_earlier)
        for (long s = 0; s < t; s++) d_earlier += d_decay[s];
        for (long s = t + 1; s < (t / PANEL + 1) * PANEL; s++) d_scores[s] = 0.0f;
        d_carry += w->d_carry[t];
        w->log_i[t] = d_decay[t];
        w->log_f[t] = d_earlier + d_carry;
    }
    return d_carry;
}

/* Gradients through m, the maximum of log_f + m_prev and log_i, from that of the final m: replace i and f by those
of log_i and log_f.  Where both are equal, each gets half.  Return that of m before the chunk. */
static float backward_stabilizer(Row *w, float d_m) {
    for (long t = w->T - 1; t >= 0; t--) {
        float log_fm = w->log_f[t] + w->m_prev[t];
        w->f[t] = (log_fm > w->log_i[t] ? 1.0f : log_fm == w->log_i[t] ? 0.5f : 0.0f) * d_m;
        w->i[t] = d_m - w->f[t];
        d_m = w->f[t];
    }
    return d_m;
}

/* Write dL/dx of a row, but for x_o. */
static void write_gradients(const MLSTMChunk *c, long b, const Row *w) {
    const long H = w->H;
    for (long t = 0; t < w->T; t++) {
        const float g_f = x_of(c, b * w->T + t)[4 * H + 1];
        float *restrict d_x = c->d_x + (b * w->T + t) * (4 * H + 2);
        memcpy(d_x, w->dq + t * w->W, sizeof(float) * H);
        for (long j = 0; j < H; j++) d_x[H + j] = c->k_scale * w->dk[t * w->W + j];
        memcpy(d_x + 2 * H, w->dv + t * w->W, sizeof(float) * H);
        d_x[4 * H] = w->log_i[t] + w->i[t];
        d_x[4 * H + 1] = (w->log_f[t] + w->f[t]) * sigmoid_approx(-g_f);
    }
}

void mlstm_backward_row(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T;
    float d_m = 0.0f, d_carry = 0.0f;
    weigh_scores(w);
    backward_outputs(c, b, w);
    memset(w->dk, 0, sizeof(float) * T * w->W);
    memset(w->dv, 0, sizeof(float) * T * w->W);
    memset(w->d_decay, 0, sizeof(float) * T);
    if (c->d_C_next) {
        d_carry = backward_final(c, b, w);
        d_m = c->d_m_next[b] - d_carry; /* C and n are divided by exp(m) */
        for (long s = 0; s < T; s++) d_m -= w->d_decay[s];
    }
    backward_initial(c, b, w);
    pack_steps(w, w->v);
    causal_product(w, w->d_num, w->d_scores);
    d_m = backward_stabilizer(w, d_m);
    d_m += backward_scores(w, d_carry);
    if (c->d_m) c->d_m[b] = d_m;
    pack_units(w, w->k);
    triangular_product(w, w->d_scores, 0, w->dq);
    pack_units(w, w->q);
    transpose(w, T, w->d_scores, w->S);
    triangular_product(w, w->transposed, 1, w->dk);
    pack_units(w, w->d_num);
    transpose(w, T, w->scores, w->S);
    triangular_product(w, w->transposed, 1, w->dv);
    write_gradients(c, b, w);
}
