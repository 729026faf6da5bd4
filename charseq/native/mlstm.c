/* One step of an mLSTM; the equations are in charseq/cells/exponential.py. */
#include <omp.h>

#include "approx.h"
#include "gemm.h"
#include "library.h"

#define ROWS 4 /* of a matrix that are read at once */

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

/* What a row of the batch multiplies its memory by. */
typedef struct {
    float m, f, i; /* i: times k_scale */
} Gates;

INLINE Gates gates_of(const float *gates, float m, float k_scale) {
    float log_fm = log_sigmoid_approx(gates[1]) + m, log_i = gates[0];
    float m_next = log_fm > log_i ? log_fm : log_i;
    return (Gates){m_next, exp_approx(log_fm - m_next), k_scale * exp_approx(log_i - m_next)};
}

/* C = f C + iv k^T for some rows of C [H H], and C_q = C q; `rows` is a constant once it is inlined. */
INLINE void update_rows(const int rows, long H, float *C, float f, const float *iv, const float *k, const float *q,
                        float *C_q) {
    const long whole = H / LANES * LANES;
    Vector sums[ROWS] = {};
    for (int row = 0; row < rows; row++) C_q[row] = 0.0f;
    for (long j = 0; j < whole; j += LANES) {
        const Vector k_j = *(const Vector *)(k + j), q_j = *(const Vector *)(q + j);
        for (int row = 0; row < rows; row++) {
            Vector *C_j = (Vector *)(C + row * H + j);
            *C_j = f * *C_j + iv[row] * k_j;
            sums[row] += *C_j * q_j;
        }
    }
    for (long j = whole; j < H; j++)
        for (int row = 0; row < rows; row++) {
            C[row * H + j] = f * C[row * H + j] + iv[row] * k[j];
            C_q[row] += C[row * H + j] * q[j];
        }
    for (int row = 0; row < rows; row++)
        for (int lane = 0; lane < LANES; lane++) C_q[row] += sums[row][lane];
}

/* Update a block of ROWS rows of the memory of row b, and write their outputs. */
INLINE void update_block(long H, long first, const float *x_proj, Gates g, float norm, float *C, float *h) {
    const float *q = x_proj, *k = q + H, *v = k + H, *o = v + H;
    const long rows = H - first < ROWS ? H - first : ROWS;
    float iv[ROWS], C_q[ROWS];
    for (long row = 0; row < rows; row++) iv[row] = g.i * v[first + row];
    C += first * H;
    if (rows == ROWS) update_rows(ROWS, H, C, g.f, iv, k, q, C_q);
    else
        for (long row = 0; row < rows; row++) update_rows(1, H, C + row * H, g.f, iv + row, k, q, C_q + row);
    for (long row = 0; row < rows; row++) h[first + row] = sigmoid_approx(o[first + row]) * C_q[row] / norm;
}

/* Threads share the blocks of all rows of the batch, and wait for others only before n and m change. */
void charseq_mlstm_step(long B, long H, const float *x_proj, const float *gates, float *h, float *C, float *n,
                        float *m, float k_scale, long threads) {
    const long blocks = (H + ROWS - 1) / ROWS;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        const Range mine = range_of(B * blocks, omp_get_thread_num(), omp_get_num_threads());
        for (long block = mine.first; block < mine.last;) {
            const long b = block / blocks, end = (b + 1) * blocks < mine.last ? (b + 1) * blocks : mine.last;
            const float *q = x_proj + b * 4 * H, *k = q + H, *n_b = n + b * H;
            const Gates g = gates_of(gates + 2 * b, m[b], k_scale);
            float n_q = 0.0f;
#pragma omp simd reduction(+ : n_q)
            for (long j = 0; j < H; j++) n_q += (g.f * n_b[j] + g.i * k[j]) * q[j];
            n_q = n_q < 0 ? -n_q : n_q;
            const float floor = exp_approx(-g.m), norm = n_q > floor ? n_q : floor;
            for (; block < end; block++)
                update_block(H, (block - b * blocks) * ROWS, q, g, norm, C + b * H * H, h + b * H);
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (long b = 0; b < B; b++) {
            const float *k = x_proj + b * 4 * H + H;
            const Gates g = gates_of(gates + 2 * b, m[b], k_scale);
            for (long j = 0; j < H; j++) n[b * H + j] = g.f * n[b * H + j] + g.i * k[j];
            m[b] = g.m;
        }
    }
}
