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
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "approx.h"
#include "gemm.h"
#include "library.h"
#include "sum_by_id.h"

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
    float *d_norm, *d_carry, *d_last, *d_decay; /* [T] */
} Row;

static long take(long *used, long count) {
    long start = *used;
    *used += (count + LANES - 1) / LANES * LANES;
    return start;
}

/* Lay out the scratch of a thread at `memory`.  Return the floats that it needs. */
static long lay_out(Row *w, const MLSTMChunk *c, float *memory) {
    const long T = c->T, H = c->H, S = panels_for(T) * PANEL, W = panels_for(H) * PANEL;
    long used = 0;
    *w = (Row){.T = T, .H = H, .S = S, .W = W};
    float **of_units[] = {&w->q, &w->k, &w->v, &w->d_num};
    float **of_width[] = {&w->num, &w->dq, &w->dk, &w->dv};
    float **of_steps[] = {&w->log_i, &w->log_f,  &w->i,       &w->f,      &w->m,      &w->carry,
                          &w->m_prev, &w->last, &w->d_norm, &w->d_carry, &w->d_last, &w->d_decay};
    float **of_scores[] = {&w->scores, &w->decay, &w->d_scores};
    for (long j = 0; j < 4; j++) *of_units[j] = memory + take(&used, T * H);
    for (long j = 0; j < 4; j++) *of_width[j] = memory + take(&used, T * W);
    for (long j = 0; j < 12; j++) *of_steps[j] = memory + take(&used, S);
    for (long j = 0; j < 3; j++) *of_scores[j] = memory + take(&used, T * S);
    w->by_steps = memory + take(&used, S * H);
    w->by_units = memory + take(&used, W * T);
    w->panel = memory + take(&used, H * PANEL);
    w->transposed = memory + take(&used, (H > T ? H : T) * S);
    w->block = memory + take(&used, TILE_ROWS * (S > W ? S : W));
    return used;
}

static void transpose(long rows, long columns, const float *in, long in_stride, float *out, long out_stride) {
    for (long first = 0; first < rows; first += LANES)
        for (long j = 0; j < columns; j++)
            for (long row = first; row < first + LANES && row < rows; row++)
                out[j * out_stride + row] = in[row * in_stride + j];
}

static void pack_steps(Row *w, const float *x) {
    pack_panels((Range){0, w->S / PANEL}, w->T, w->H, 0, x, w->H, w->by_steps);
}

static void pack_units(Row *w, const float *x) {
    pack_panels((Range){0, w->W / PANEL}, w->H, w->T, 1, x, w->H, w->by_units);
}

/* out [T S], where s <= t or both are in one block of PANEL steps: x [T H] times by_steps. */
static void causal_products(const Row *w, const float *x, float *out) {
    for (long first = 0; first < w->T; first += PANEL) {
        long rows = w->T - first < PANEL ? w->T - first : PANEL;
        for (long t = first; t < first + rows; t++) memset(out + t * w->S, 0, sizeof(float) * (first + PANEL));
        gemm(rows, (Range){0, first / PANEL + 1}, w->H, x + first * w->H, w->H, w->by_steps,
             out + first * w->S, w->S);
    }
}

/* out [T W] += x [T S] times by_units; x is zero where s > t, or where s < t if it is `transposed`. */
static void triangular_product(const Row *w, const float *x, int transposed, float *out) {
    for (long first = 0; first < w->T; first += PANEL) {
        long end = first + PANEL < w->T ? first + PANEL : w->T;
        long start = transposed ? first : 0, depth = (transposed ? w->T : end) - start;
        for (long p = 0; p < w->W / PANEL; p++)
            gemm(end - first, (Range){0, 1}, depth, x + first * w->S + start, w->S,
                 w->by_units + (p * w->T + start) * PANEL, out + first * w->W + p * PANEL, w->W);
    }
}

/* out [T W] += scale[t] times (matrix x[t]), for some rows of a matrix [H H]; x is packed in by_steps. */
static void add_read(const Row *w, Range rows, const float *matrix, const float *scale, float *out) {
    const long count = rows.last - rows.first;
    memset(w->block, 0, sizeof(float) * count * w->S);
    gemm(count, (Range){0, w->S / PANEL}, w->H, matrix + rows.first * w->H, w->H, w->by_steps, w->block, w->S);
    for (long t = 0; t < w->T; t++)
        for (long row = 0; row < count; row++)
            out[t * w->W + rows.first + row] += scale[t] * w->block[row * w->S + t];
}

/* next = keep * matrix + the sum of x[t] y[t]^T, for some rows of matrices [H H]; x is in w->transposed, y packed
in by_units.  Without a matrix, it is zero. */
static void add_outer(const Row *w, Range rows, float keep, const float *matrix, float *next) {
    const long count = rows.last - rows.first, H = w->H;
    for (long row = 0; row < count; row++) {
        float *restrict out = w->block + row * w->W;
        const float *restrict before = matrix + (rows.first + row) * H;
        if (matrix)
            for (long j = 0; j < H; j++) out[j] = keep * before[j];
        else memset(out, 0, sizeof(float) * H);
    }
    gemm(count, (Range){0, w->W / PANEL}, w->T, w->transposed + rows.first * w->S, w->S, w->by_units, w->block,
         w->W);
    for (long row = 0; row < count; row++)
        memcpy(next + (rows.first + row) * H, w->block + row * w->W, sizeof(float) * H);
}

/* out [T W] = x [T H] times a matrix [H H]. */
static void multiply(const Row *w, const float *x, const float *matrix, float *out) {
    memset(out, 0, sizeof(float) * w->T * w->W);
    for (long p = 0; p < w->W / PANEL; p++) {
        long left = w->H - p * PANEL;
        pack_panels((Range){0, 1}, left < PANEL ? left : PANEL, w->H, 1, matrix + p * PANEL, w->H, w->panel);
        gemm(w->T, (Range){0, 1}, w->H, x, w->H, w->panel, out + p * PANEL, w->W);
    }
}

static float dot(long count, const float *restrict x, const float *restrict y) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < count; j++) sum += x[j] * y[j];
    return sum;
}

/* out += scale * x */
static void add_scaled(long count, float scale, const float *restrict x, float *restrict out) {
    for (long j = 0; j < count; j++) out[j] += scale * x[j];
}

static const float *x_of(const MLSTMChunk *c, long position) {
    return c->x + (c->ids ? c->ids[position] : position) * (4 * c->H + 2);
}

/* The larger of |norm| and exp(-m). */
static float divisor(float norm, float m) {
    float floor = exp_approx(-m), magnitude = norm < 0 ? -norm : norm;
    return magnitude > floor ? magnitude : floor;
}

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
    causal_products(w, w->q, w->scores);
}

/* Fill decay [T S], and replace q k^T by P.  What lies above the diagonal becomes zero. */
static void weigh_scores(Row *w) {
    for (long t = 0; t < w->T; t++) {
        float *restrict decay = w->decay + t * w->S, *restrict scores = w->scores + t * w->S;
        const float *restrict before = decay - w->S;
        const long end = (t / PANEL + 1) * PANEL;
        for (long s = 0; s < t; s++) decay[s] = w->f[t] * before[s];
        decay[t] = w->i[t];
        for (long s = t + 1; s < end; s++) decay[s] = 0.0f;
        for (long s = 0; s < end; s++) scores[s] *= decay[s];
    }
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
    transpose(T, H, w->v, H, w->transposed, w->S);
    for (long first = 0; first < H; first += TILE_ROWS) {
        Range rows = {first, first + TILE_ROWS < H ? first + TILE_ROWS : H};
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
    multiply(w, w->d_num, C, w->dq);
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
        add_outer(w, (Range){first, first + TILE_ROWS < H ? first + TILE_ROWS : H}, keep,
                  c->d_C_next ? c->d_C_next + b * H * H : NULL, c->d_C + b * H * H);
}

/* Gradients through the final state: dk, dv, d_last (times last).  Return that of carry[T-1], times it. */
static float backward_final(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H;
    const float *d_C = c->d_C_next + b * H * H, *d_n = c->d_n_next + b * H;
    multiply(w, w->v, d_C, w->dk);
    for (long t = 0; t < T; t++) {
        float *restrict dk = w->dk + t * w->W;
        for (long j = 0; j < H; j++) dk[j] = w->last[t] * (dk[j] + d_n[j]);
        w->d_last[t] = dot(H, dk, w->k + t * H);
    }
    for (long first = 0; first < H; first += TILE_ROWS) /* k is packed in by_steps */
        add_read(w, (Range){first, first + TILE_ROWS < H ? first + TILE_ROWS : H}, d_C, w->last, w->dv);
    return w->carry[T - 1] * (dot(H * H, c->C + b * H * H, d_C) + dot(H, c->n + b * H, d_n));
}

/* Gradients through P: replace d_scores, which is d_num v^T, by the gradient of q k^T, and P by its transpose in
w->transposed.  Add up those of the gates, whose part through m comes from `d_m`. */
static void backward_scores(Row *w, float d_carry, float *d_log_i, float *d_log_f) {
    const long T = w->T, S = w->S;
    for (long t = T - 1; t >= 0; t--) {
        const float *restrict scores = w->scores + t * S, *restrict decay = w->decay + t * S;
        float *restrict d_scores = w->d_scores + t * S, *restrict d_decay = w->d_decay;
        const float d_norm = w->d_norm[t];
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long s = 0; s <= t; s++) {
            float d = d_scores[s] + d_norm;
            d_decay[s] += d * scores[s];
            d_scores[s] = d * decay[s];
            sum += d_decay[s];
        }
        for (long s = t + 1; s < (t / PANEL + 1) * PANEL; s++) d_scores[s] = 0.0f;
        d_carry += w->d_carry[t];
        d_log_i[t] = d_decay[t];
        d_log_f[t] = sum - d_decay[t] + d_carry;
    }
    w->d_carry[0] = d_carry;
}

static void backward_row(const MLSTMChunk *c, long b, Row *w) {
    const long T = w->T, H = w->H, width = 4 * H + 2;
    float *d_log_i = w->log_i, *d_log_f = w->log_f;
    float d_m = 0.0f, d_carry = 0.0f;
    weigh_scores(w);
    backward_outputs(c, b, w);
    memset(w->dk, 0, sizeof(float) * T * w->W);
    memset(w->dv, 0, sizeof(float) * T * w->W);
    memset(w->d_decay, 0, sizeof(float) * T);
    if (c->d_C_next) {
        d_carry = backward_final(c, b, w);
        d_m = c->d_m_next[b] - d_carry;
        for (long s = 0; s < T; s++) w->d_decay[s] = w->d_last[s], d_m -= w->d_last[s];
    }
    backward_initial(c, b, w);
    pack_steps(w, w->v);
    causal_products(w, w->d_num, w->d_scores);
    /* m is the maximum of log_f + m_prev and log_i; each gets half of the gradient where they are equal */
    float *to_log_i = w->last, *to_log_f = w->m;
    for (long t = T - 1; t >= 0; t--) {
        float carried = w->log_f[t] + w->m_prev[t];
        float share = carried > w->log_i[t] ? 1.0f : carried == w->log_i[t] ? 0.5f : 0.0f;
        to_log_f[t] = share * d_m, to_log_i[t] = d_m - to_log_f[t];
        d_m = to_log_f[t];
    }
    backward_scores(w, d_carry, d_log_i, d_log_f);
    if (c->d_m) c->d_m[b] = w->d_carry[0] + d_m;
    pack_units(w, w->k);
    triangular_product(w, w->d_scores, 0, w->dq);
    pack_units(w, w->q);
    transpose(T, T, w->d_scores, w->S, w->transposed, w->S);
    triangular_product(w, w->transposed, 1, w->dk);
    pack_units(w, w->d_num);
    transpose(T, T, w->scores, w->S, w->transposed, w->S);
    triangular_product(w, w->transposed, 1, w->dv);
    for (long t = 0; t < T; t++) {
        const float *x = x_of(c, b * T + t);
        float *d_x = c->d_x + (b * T + t) * width;
        memcpy(d_x, w->dq + t * w->W, sizeof(float) * H);
        for (long j = 0; j < H; j++) d_x[H + j] = c->k_scale * w->dk[t * w->W + j];
        memcpy(d_x + 2 * H, w->dv + t * w->W, sizeof(float) * H);
        d_x[4 * H] = d_log_i[t] + to_log_i[t];
        d_x[4 * H + 1] = (d_log_f[t] + to_log_f[t]) * sigmoid_approx(-x[4 * H + 1]);
    }
}

/* Run all rows, each thread some of them. */
static int run(const MLSTMChunk *c, void (*run_row)(const MLSTMChunk *, long, Row *)) {
    Row sizes;
    const long count = lay_out(&sizes, c, NULL);
    float *scratch = aligned_alloc(64, (sizeof(float) * count * c->threads + 63) / 64 * 64);
    if (!scratch) return 1;
#pragma omp parallel num_threads(c->threads) if (c->threads > 1)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        Range rows = range_of(c->B, thread, threads);
        Row w;
        lay_out(&w, c, scratch + thread * count);
        for (long b = rows.first; b < rows.last; b++) {
            read_inputs(c, b, &w);
            run_row(c, b, &w);
        }
        if (c->d_table) {
#pragma omp barrier
            sum_by_id(range_of(4 * c->H + 2, thread, threads), c->V, 4 * c->H + 2, c->d_table, c->B * c->T, c->ids,
                      c->d_x, 4 * c->H + 2);
        }
    }
    free(scratch);
    return 0;
}

int charseq_mlstm_forward(const MLSTMChunk *c) { return run(c, forward_row); }

int charseq_mlstm_backward(const MLSTMChunk *c) { return run(c, backward_row); }
