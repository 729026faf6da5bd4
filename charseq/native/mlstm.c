/* One step of an mLSTM; the equations are in charseq/cells/exponential.py. */
#include "approx.h"
#include "library.h"

void charseq_mlstm_step(long B, long H, const float *x_proj, const float *gates, float *h, float *C, float *n,
                        float *m, float k_scale, long threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (long b = 0; b < B; b++) {
        const float *q = x_proj + b * 4 * H, *k = q + H, *v = k + H, *o = v + H;
        float *n_b = n + b * H, log_fm = log_sigmoid_approx(gates[2 * b + 1]) + m[b], log_i = gates[2 * b];
        float m_next = log_fm > log_i ? log_fm : log_i, n_q = 0.0f; /* n_q = n . q */
        float f = exp_approx(log_fm - m_next), i = exp_approx(log_i - m_next);
#pragma omp simd reduction(+ : n_q)
        for (long j = 0; j < H; j++) n_q += (f * n_b[j] + i * k_scale * k[j]) * q[j];
        n_q = n_q < 0 ? -n_q : n_q;
        float floor = exp_approx(-m_next), norm = n_q > floor ? n_q : floor;
#pragma omp barrier /* every thread has read m and n */
#pragma omp for schedule(static)
        for (long row = 0; row < H; row++) {
            float *restrict C_row = C + (b * H + row) * H, i_v = i * k_scale * v[row], C_q = 0.0f;
#pragma omp simd reduction(+ : C_q)
            for (long j = 0; j < H; j++) {
                float next = f * C_row[j] + i_v * k[j];
                C_row[j] = next;
                C_q += next * q[j];
            }
            h[b * H + row] = sigmoid_approx(o[row]) * C_q / norm;
            n_b[row] = f * n_b[row] + i * k_scale * k[row];
        }
#pragma omp single
        m[b] = m_next;
    }
}
