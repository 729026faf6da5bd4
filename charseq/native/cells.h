/* One step of every cell for one row, forward and back, from what the products gave.

The definitions, with their equations, are the steps in charseq/cells; tests hold these equal to them.  A step
leaves in `slot` what its way back needs, and the way back leaves there the gradients of what went into the gates,
those by x_gates first, those by h_gates last.  `d` holds the gradients by the state after the step, and is left with
those by the state before it, but for what comes through W_h. */
#ifndef CHARSEQ_CELLS_H
#define CHARSEQ_CELLS_H

#include "functions.h"

#define STATES 4 /* h, c, n, m at most */

typedef float *const *Fields;
typedef struct {
    long gates, slots, recurrent, states; /* blocks of H in x_gates, in a slot, in h_gates; fields of the state */
    void (*forward)(long size, const float *x, const float *u, const float *b_n, float *slot, Fields before,
                    Fields after);
    void (*back)(long size, float *slot, Fields before, Fields after, Fields d);
} Cell;

#define FORWARD(name)                                                                                                 \
    static void name##_forward(long size, const float *restrict x, const float *restrict u,                           \
                               const float *restrict b_n, float *restrict slot, Fields before, Fields after)
#define BACK(name) static void name##_back(long size, float *restrict slot, Fields before, Fields after, Fields d)
#define EACH _Pragma("omp simd") for (long j = 0; j < size; j++)
#define FIELD(name, of, number) float *restrict name = of[number]

FORWARD(rnn) {
    FIELD(h, after, 0);
    EACH h[j] = tangent(x[j] + u[j]);
}
BACK(rnn) {
    FIELD(h, after, 0);
    FIELD(dh, d, 0);
    EACH {
        slot[j] = dh[j] * (1 - h[j] * h[j]);
        dh[j] = 0;
    }
}

#define CEILING 1e6f
FORWARD(relu) {
    FIELD(h, after, 0);
    EACH {
        float sum = x[j] + u[j];
        sum = sum < 0 ? 0 : sum;
        h[j] = sum > CEILING ? CEILING : sum;
    }
}
BACK(relu) {
    FIELD(h, after, 0);
    FIELD(dh, d, 0);
    EACH {
        slot[j] = h[j] > 0 && h[j] < CEILING ? dh[j] : 0;
        dh[j] = 0;
    }
}

/* A slot keeps the factor that scales the state to its norm: ds = scale (dh - h (h . dh) / NORM^2). */
#define NORM 0.5f
FORWARD(norm) {
    FIELD(h, after, 0);
    float square = 1e-5f;
#pragma omp simd reduction(+ : square)
    for (long j = 0; j < size; j++) {
        float sum = x[j] + u[j];
        h[j] = sum < 0 ? 0 : sum;
        square += h[j] * h[j];
    }
    float scale = NORM / __builtin_sqrtf(square);
    EACH h[j] *= scale;
    slot[0] = scale;
}
BACK(norm) {
    FIELD(h, after, 0);
    FIELD(dh, d, 0);
    float scale = slot[0], along = 0;
#pragma omp simd reduction(+ : along)
    for (long j = 0; j < size; j++) along += h[j] * dh[j];
    along /= NORM * NORM;
    EACH {
        slot[j] = h[j] > 0 ? scale * (dh[j] - h[j] * along) : 0;
        dh[j] = 0;
    }
}

FORWARD(lstm) {
    FIELD(c_before, before, 1);
    FIELD(h, after, 0);
    FIELD(c, after, 1);
    float *restrict i = slot, *restrict f = slot + size, *restrict g = slot + 2 * size, *restrict o = slot + 3 * size;
    EACH {
        i[j] = sigmoid(x[j] + u[j]);
        f[j] = sigmoid(x[size + j] + u[size + j]);
        g[j] = tangent(x[2 * size + j] + u[2 * size + j]);
        o[j] = sigmoid(x[3 * size + j] + u[3 * size + j]);
        c[j] = f[j] * c_before[j] + i[j] * g[j];
        h[j] = o[j] * tangent(c[j]);
    }
}
BACK(lstm) {
    FIELD(c_before, before, 1);
    FIELD(c, after, 1);
    FIELD(dh, d, 0);
    FIELD(dc, d, 1);
    float *restrict i = slot, *restrict f = slot + size, *restrict g = slot + 2 * size, *restrict o = slot + 3 * size;
    EACH {
        float t = tangent(c[j]), by_c = dc[j] + dh[j] * o[j] * (1 - t * t);
        o[j] = dh[j] * t * o[j] * (1 - o[j]);
        dc[j] = by_c * f[j];
        f[j] = by_c * c_before[j] * f[j] * (1 - f[j]);
        float by_i = by_c * g[j] * i[j] * (1 - i[j]);
        g[j] = by_c * i[j] * (1 - g[j] * g[j]);
        i[j] = by_i;
        dh[j] = 0;
    }
}

/* The gates stand in the order n, r, z here, so that those of x and those of h both lie side by side. */
FORWARD(gru) {
    FIELD(h_before, before, 0);
    FIELD(h, after, 0);
    float *restrict n = slot, *restrict r = slot + size, *restrict z = slot + 2 * size, *restrict h_n = slot + 3 * size;
    EACH {
        r[j] = sigmoid(x[size + j] + u[j]);
        z[j] = sigmoid(x[2 * size + j] + u[size + j]);
        h_n[j] = u[2 * size + j] + b_n[j];
        n[j] = tangent(x[j] + r[j] * h_n[j]);
        h[j] = (1 - z[j]) * n[j] + z[j] * h_before[j];
    }
}
BACK(gru) {
    FIELD(h_before, before, 0);
    FIELD(dh, d, 0);
    float *restrict n = slot, *restrict r = slot + size, *restrict z = slot + 2 * size, *restrict h_n = slot + 3 * size;
    EACH {
        float kept = dh[j] * z[j], by_n = dh[j] * (1 - z[j]) * (1 - n[j] * n[j]);
        z[j] = kept * (h_before[j] - n[j]) * (1 - z[j]);
        n[j] = by_n;
        by_n *= r[j];
        r[j] = by_n * h_n[j] * (1 - r[j]);
        h_n[j] = by_n;
        dh[j] = kept;
    }
}

FORWARD(slstm) {
    FIELD(c_before, before, 1);
    FIELD(n_before, before, 2);
    FIELD(m_before, before, 3);
    FIELD(h, after, 0);
    FIELD(c, after, 1);
    FIELD(n, after, 2);
    FIELD(m, after, 3);
    float *restrict s_i = slot, *restrict s_f = slot + size, *restrict s_z = slot + 2 * size,
                    *restrict s_o = slot + 3 * size;
    EACH {
        float log_i = x[j] + u[j], x_f = x[size + j] + u[size + j];
        float x_z = x[2 * size + j] + u[2 * size + j], x_o = x[3 * size + j] + u[3 * size + j];
        float kept = log_sigmoid(x_f) + m_before[j];
        float largest = kept > log_i ? kept : log_i;
        largest = n_before[j] > 0 ? largest : log_i;
        float over = largest - kept;
        float i = exponential(log_i - largest), f = exponential(over > 0 ? -over : 0.0f);
        float memory = f * c_before[j] + i * tangent(x_z), norm = f * n_before[j] + i;
        s_i[j] = log_i, s_f[j] = x_f, s_z[j] = x_z, s_o[j] = x_o;
        c[j] = memory, n[j] = norm, m[j] = largest;
        h[j] = sigmoid(x_o) * memory / norm;
    }
}
BACK(slstm) {
    FIELD(c_before, before, 1);
    FIELD(n_before, before, 2);
    FIELD(m_before, before, 3);
    FIELD(c, after, 1);
    FIELD(n, after, 2);
    FIELD(m, after, 3);
    FIELD(dh, d, 0);
    FIELD(dc, d, 1);
    FIELD(dn, d, 2);
    FIELD(dm, d, 3);
    float *restrict s_i = slot, *restrict s_f = slot + size, *restrict s_z = slot + 2 * size,
                    *restrict s_o = slot + 3 * size;
    EACH {
        float log_i = s_i[j], x_f = s_f[j], z = tangent(s_z[j]), o = sigmoid(s_o[j]);
        float kept = log_sigmoid(x_f) + m_before[j], over = m[j] - kept;
        float i = exponential(log_i - m[j]), f = exponential(over > 0 ? -over : 0.0f);
        float ratio = c[j] / n[j], each = dh[j] * o / n[j];
        float by_c = dc[j] + each, by_n = dn[j] - each * ratio;
        float by_f = (by_c * c_before[j] + by_n * n_before[j]) * f, by_i = (by_c * z + by_n) * i;
        float by_kept = over > 0 ? by_f : 0.0f, by_m = dm[j] - by_i - by_kept;
        float share = kept > log_i ? 1.0f : kept < log_i ? 0.0f : 0.5f; /* of kept, in the larger of the two */
        share = n_before[j] > 0 ? share : 0.0f;
        by_kept += share * by_m;
        s_i[j] = by_i + (1 - share) * by_m;
        s_f[j] = by_kept * sigmoid(-x_f);
        s_z[j] = by_c * i * (1 - z * z);
        s_o[j] = dh[j] * ratio * o * (1 - o);
        dc[j] = by_c * f, dn[j] = by_n * f, dm[j] = by_kept;
        dh[j] = 0;
    }
}

INLINE float positive(float x) { return x >= 0 ? x + 0.5f : sigmoid(x); }

FORWARD(mingru) {
    FIELD(h_before, before, 0);
    FIELD(h, after, 0);
    float *restrict s_z = slot, *restrict s_n = slot + size;
    EACH {
        float z = sigmoid(x[j]), x_n = x[size + j];
        s_z[j] = z, s_n[j] = x_n;
        h[j] = (1 - z) * h_before[j] + z * positive(x_n);
    }
}
BACK(mingru) {
    FIELD(h_before, before, 0);
    FIELD(dh, d, 0);
    float *restrict s_z = slot, *restrict s_n = slot + size;
    EACH {
        float z = s_z[j], x_n = s_n[j], s = sigmoid(x_n);
        s_z[j] = dh[j] * ((x_n >= 0 ? x_n + 0.5f : s) - h_before[j]) * z * (1 - z);
        s_n[j] = dh[j] * z * (x_n >= 0 ? 1.0f : s * (1 - s));
        dh[j] *= 1 - z;
    }
}

/* With e = exp(-x), sigmoid(x_f) / (sigmoid(x_f) + sigmoid(x_i)) is (1 + e_i) / (2 + e_f + e_i): no logarithm.
All terms are divided by the largest, so that none overflows. */
#define SHARES(x_f, x_i)                                                                                              \
    float largest = x_f < x_i ? -x_f : -x_i;                                                                          \
    largest = largest > 0 ? largest : 0.0f;                                                                           \
    float one = exponential(-largest), e_f = exponential(-x_f - largest), e_i = exponential(-x_i - largest);          \
    float share = 1 / (2 * one + e_f + e_i), f = (one + e_i) * share, i = (one + e_f) * share;

FORWARD(minlstm) {
    FIELD(h_before, before, 0);
    FIELD(h, after, 0);
    float *restrict s_f = slot, *restrict s_i = slot + size, *restrict s_n = slot + 2 * size;
    EACH {
        float x_f = x[j], x_i = x[size + j], x_n = x[2 * size + j];
        SHARES(x_f, x_i)
        s_f[j] = x_f, s_i[j] = x_i, s_n[j] = x_n;
        h[j] = f * h_before[j] + i * positive(x_n);
    }
}
BACK(minlstm) {
    FIELD(h_before, before, 0);
    FIELD(dh, d, 0);
    float *restrict s_f = slot, *restrict s_i = slot + size, *restrict s_n = slot + 2 * size;
    EACH {
        float x_f = s_f[j], x_i = s_i[j], x_n = s_n[j], s = sigmoid(x_n);
        SHARES(x_f, x_i)
        float by_share = dh[j] * (h_before[j] - (x_n >= 0 ? x_n + 0.5f : s)) * share;
        s_f[j] = by_share * e_f * f; /* f i (1 - sigmoid(x_f)), and 1 - sigmoid(x_f) is e_f / (1 + e_f) */
        s_i[j] = -by_share * e_i * i;
        s_n[j] = dh[j] * i * (x_n >= 0 ? 1.0f : s * (1 - s));
        dh[j] *= f;
    }
}

static const Cell CELLS[] = {
    {1, 1, 1, 1, rnn_forward, rnn_back},       {1, 1, 1, 1, relu_forward, relu_back},
    {4, 4, 4, 2, lstm_forward, lstm_back},     {3, 4, 3, 1, gru_forward, gru_back},
    {4, 4, 4, 4, slstm_forward, slstm_back},   {2, 2, 0, 1, mingru_forward, mingru_back},
    {3, 3, 0, 1, minlstm_forward, minlstm_back},
    {1, 1, 1, 1, norm_forward, norm_back},
};

#endif
