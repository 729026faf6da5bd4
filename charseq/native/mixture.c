/* Mix the probabilities of a network and of an n-gram model; charseq/model/mixture.py has the equations. */
#include "approx.h"
#include "library.h"

/* Write the probabilities p [V] of logits [V], and what the gate reads of p and q. */
static void features(long V, const float *restrict logits, const float *restrict q, float *restrict p, float *f) {
    float largest = logits[0], sum = 0.0f;
#pragma omp simd reduction(max : largest)
    for (long v = 0; v < V; v++) largest = logits[v] > largest ? logits[v] : largest;
#pragma omp simd reduction(+ : sum)
    for (long v = 0; v < V; v++) {
        p[v] = exp_approx(logits[v] - largest);
        sum += p[v];
    }
    float log_sum = log_approx(sum), share = 1.0f / sum;
    float p_log_p = 0.0f, q_log_q = 0.0f, p_log_q = 0.0f, q_log_p = 0.0f, overlap = 0.0f, best_q = 0.0f;
#pragma omp simd reduction(+ : p_log_p, q_log_q, p_log_q, q_log_p, overlap) reduction(max : best_q)
    for (long v = 0; v < V; v++) {
        float log_p = logits[v] - largest - log_sum, log_q = log_approx(q[v]);
        p[v] *= share;
        p_log_p += p[v] * log_p;
        q_log_q += q[v] * log_q;
        p_log_q += p[v] * log_q;
        q_log_p += q[v] * log_p;
        overlap += p[v] < q[v] ? p[v] : q[v];
        best_q = q[v] > best_q ? q[v] : best_q;
    }
    f[0] = -log_sum;
    f[1] = log_approx(best_q);
    f[2] = p_log_p;
    f[3] = q_log_q;
    f[4] = p_log_q;
    f[5] = q_log_p;
    f[6] = overlap;
}

void charseq_gate_features(long P, long V, const float *logits, const float *q, float *p, float *out,
                           long threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (long i = 0; i < P; i++) features(V, logits + i * V, q + i * V, p + i * V, out + i * GATE_FEATURES);
}

void charseq_mix(const Gate *gate, long P, const float *logits, const float *q, const int32_t *depths,
                 const float *h, float *out, long threads) {
    long V = gate->V, H = gate->H;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (long i = 0; i < P; i++) {
        const float *q_i = q + i * V, *h_i = h + i * H;
        float *restrict out_i = out + i * V, f[GATE_FEATURES], z = gate->depths[depths[i]], z_h = 0.0f;
        features(V, logits + i * V, q_i, out_i, f);
        for (long k = 0; k < GATE_FEATURES; k++) z += gate->features[k] * f[k];
#pragma omp simd reduction(+ : z_h)
        for (long j = 0; j < H; j++) z_h += gate->hidden[j] * h_i[j];
        float network = sigmoid_approx(z + z_h), ngram = sigmoid_approx(-z - z_h);
#pragma omp simd
        for (long v = 0; v < V; v++) out_i[v] = log_approx(network * out_i[v] + ngram * q_i[v]);
    }
}
