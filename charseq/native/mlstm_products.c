/* The products of an mLSTM over a chunk; mlstm_chunk.h describes them. */
#include <string.h>

#include "mlstm_chunk.h"

/* Let `field` be the next `count` floats of the memory, of which `used` are; without memory, only count them. */
static void take(float **field, float *memory, long *used, long count) {
    if (memory) *field = memory + *used;
    *used += (count + LANES - 1) / LANES * LANES;
}

long mlstm_lay_out(Row *w, const MLSTMChunk *c, float *memory) {
    const long T = c->T, H = c->H, S = panels_for(T) * PANEL, W = panels_for(H) * PANEL;
    float **of_steps[] = {&w->log_i,  &w->log_f, &w->i,      &w->f,       &w->m,      &w->carry,
                          &w->m_prev, &w->last,  &w->d_norm, &w->d_carry, &w->d_decay};
    float **of_units[] = {&w->q, &w->k, &w->v, &w->d_num};
    float **of_width[] = {&w->num, &w->dq, &w->dk, &w->dv};
    float **of_scores[] = {&w->scores, &w->decay, &w->d_scores};
    long used = 0;
    *w = (Row){.T = T, .H = H, .S = S, .W = W};
    for (long j = 0; j < 11; j++) take(of_steps[j], memory, &used, T);
    for (long j = 0; j < 4; j++) take(of_units[j], memory, &used, T * H);
    for (long j = 0; j < 4; j++) take(of_width[j], memory, &used, T * W);
    for (long j = 0; j < 3; j++) take(of_scores[j], memory, &used, T * S);
    take(&w->by_steps, memory, &used, S * H);
    take(&w->by_units, memory, &used, W * T);
    take(&w->panel, memory, &used, H * PANEL);
    take(&w->transposed, memory, &used, (H > T ? H : T) * S);
    take(&w->block, memory, &used, TILE_ROWS * (S > W ? S : W));
    return used;
}

void transpose(Row *w, long columns, const float *in, long in_stride) {
    for (long first = 0; first < w->T; first += LANES)
        for (long j = 0; j < columns; j++)
            for (long t = first; t < first + LANES && t < w->T; t++)
                w->transposed[j * w->S + t] = in[t * in_stride + j];
}

void pack_steps(Row *w, const float *x) {
    pack((Range){0, w->S / PANEL}, w->T, w->H, 0, x, w->H, w->by_steps);
}

void pack_units(Row *w, const float *x) {
    pack((Range){0, w->W / PANEL}, w->H, w->T, 1, x, w->H, w->by_units);
}

void causal_product(const Row *w, const float *x, float *out) {
    for (long first = 0; first < w->T; first += PANEL) {
        long rows = w->T - first < PANEL ? w->T - first : PANEL;
        for (long t = first; t < first + rows; t++) memset(out + t * w->S, 0, sizeof(float) * (first + PANEL));
        gemm(rows, (Range){0, first / PANEL + 1}, w->H, x + first * w->H, w->H, w->by_steps,
             out + first * w->S, w->S);
    }
}

void triangular_product(const Row *w, const float *x, int transposed, float *out) {
    for (long first = 0; first < w->T; first += PANEL) {
        long end = first + PANEL < w->T ? first + PANEL : w->T;
        long start = transposed ? first : 0, depth = (transposed ? w->T : end) - start;
        for (long p = 0; p < w->W / PANEL; p++)
            gemm(end - first, (Range){0, 1}, depth, x + first * w->S + start, w->S,
                 w->by_units + (p * w->T + start) * PANEL, out + first * w->W + p * PANEL, w->W);
    }
}

void add_read(const Row *w, Range rows, const float *matrix, const float *scale, float *out) {
    const long count = rows.last - rows.first;
    memset(w->block, 0, sizeof(float) * count * w->S);
    gemm(count, (Range){0, w->S / PANEL}, w->H, matrix + rows.first * w->H, w->H, w->by_steps, w->block, w->S);
    for (long t = 0; t < w->T; t++)
        for (long row = 0; row < count; row++)
            out[t * w->W + rows.first + row] += scale[t] * w->block[row * w->S + t];
}

void add_outer(const Row *w, Range rows, float keep, const float *matrix, float *next) {
    const long count = rows.last - rows.first, H = w->H;
    const int padded = w->W > H; /* then the last panel does not fit into a row of `next` */
    float *block = padded ? w->block : next + rows.first * H;
    for (long row = 0; row < count; row++) {
        float *restrict out = block + row * w->W;
        const float *restrict before = matrix + (rows.first + row) * H;
        if (matrix)
            for (long j = 0; j < H; j++) out[j] = keep * before[j];
        else memset(out, 0, sizeof(float) * H);
    }
    gemm(count, (Range){0, w->W / PANEL}, w->T, w->transposed + rows.first * w->S, w->S, w->by_units, block, w->W);
    for (long row = 0; row < count && padded; row++)
        memcpy(next + (rows.first + row) * H, block + row * w->W, sizeof(float) * H);
}

void matrix_product(const Row *w, const float *x, const float *matrix, float *out) {
    memset(out, 0, sizeof(float) * w->T * w->W);
    for (long p = 0; p < w->W / PANEL; p++) {
        long left = w->H - p * PANEL;
        pack((Range){0, 1}, left < PANEL ? left : PANEL, w->H, 1, matrix + p * PANEL, w->H, w->panel);
        gemm(w->T, (Range){0, 1}, w->H, x, w->H, w->panel, out + p * PANEL, w->W);
    }
}

void weigh_scores(Row *w) {
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
