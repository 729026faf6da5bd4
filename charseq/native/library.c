/* What Python calls, beside charseq_forward and charseq_back: products, the mLSTM, dropout, and what there is.

All arrays are float32.  Axes: B rows, H hidden. */
#include "recurrence.h"

/* w [columns depth] -> packed [panels depth PANEL], for charseq_linear and charseq_forward. */
void charseq_pack(long columns, long depth, const float *w, float *packed) { pack(columns, depth, 0, w, packed, 1); }

/* How many floats that takes. */
long charseq_packed_size(long columns, long depth) { return panels_for(columns) * PANEL * depth; }

/* out [rows columns] = bias [columns] + a [rows depth] times packed; `scratch` has the size of `out` packed. */
void charseq_linear(long rows, long columns, long depth, const float *a, const float *packed, const float *bias,
                    float *scratch, float *out, long threads) {
    long panels = panels_for(columns), width = panels * PANEL;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        long thread = omp_get_thread_num(), team = omp_get_num_threads();
        Share mine = share_of(panels, thread, team);
        long from = mine.first * PANEL, end = mine.last * PANEL < columns ? mine.last * PANEL : columns;
        for (long row = 0; row < rows && from < end; row++)
            memcpy(scratch + row * width + from, bias + from, sizeof(float) * (end - from));
        product(rows, mine.first, mine.last, depth, a, depth, packed, scratch, width);
        for (long row = 0; row < rows && from < end; row++)
            memcpy(out + row * columns + from, scratch + row * width + from, sizeof(float) * (end - from));
    }
}

/* One step of an mLSTM, whose equations are in charseq/cells/exponential.py: x_gates [B 4H] (q, k, v, o), gates [B 2]
(of i and f), and the state h [B H], c [B H H], n [B H], m [B], which is written over. */
void charseq_mlstm(long rows, long size, const float *x_gates, const float *gates, float *h, float *c, float *n,
                   float *m, float k_scale, long threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (long row = 0; row < rows; row++) {
        const float *q = x_gates + row * 4 * size, *k = q + size, *v = k + size, *o = v + size;
        float *n_row = n + row * size, kept = log_sigmoid(gates[2 * row + 1]) + m[row], log_i = gates[2 * row];
        float largest = kept > log_i ? kept : log_i, overlap = 0.0f;
        float f = exponential(kept - largest), i = exponential(log_i - largest);
#pragma omp simd reduction(+ : overlap)
        for (long j = 0; j < size; j++) overlap += (f * n_row[j] + i * k_scale * k[j]) * q[j];
        overlap = overlap < 0 ? -overlap : overlap;
        float least = exponential(-largest), weight = overlap > least ? overlap : least;
#pragma omp barrier /* all have read m and n */
#pragma omp for schedule(static)
        for (long at = 0; at < size; at++) {
            float *restrict c_row = c + (row * size + at) * size, add = i * k_scale * v[at], sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (long j = 0; j < size; j++) {
                float next = f * c_row[j] + add * k[j];
                c_row[j] = next;
                sum += next * q[j];
            }
            h[row * size + at] = sigmoid(o[at]) * sum / weight;
            n_row[at] = f * n_row[at] + i * k_scale * k[at];
        }
#pragma omp single
        m[row] = largest;
    }
}

/* out [count] = x where the random number of the place is below `kept`, times `scale`; elsewhere 0. */
void charseq_dropout(long count, const float *x, float *out, uint32_t key, uint32_t other, uint32_t kept, float scale,
                     long threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) out[i] = random_at((uint32_t)i, key, other) < kept ? x[i] * scale : 0.0f;
}

/* How many threads there may be: as many as cores, or as OMP_NUM_THREADS or torch says. */
int charseq_threads(void) { return omp_get_max_threads(); }

/* What the Python beside this file must have as its own number, so that a build of other sources is not called. */
int charseq_interface(void) { return 2; }

long charseq_recurrence_size(void) { return sizeof(Recurrence); }

/* The level of x86-64 that this processor has, of 4, 3 and 0; of any other processor 0. */
int charseq_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 0;
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    return wide ? 4 : 3;
#else
    return 0;
#endif
}
