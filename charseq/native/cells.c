/* The cells and their table; cells.h describes the arguments.

The equations are those of charseq/cells; tests compare the two.  Notation: a_i is the pre-activation of gate
i, as in i = sigmoid(a_i), and dv is dL/dv, the gradient of the loss.  All derivations use
sigmoid'(a) = sigmoid(a) (1 - sigmoid(a)) and tanh'(a) = 1 - tanh(a)^2.

Add a cell
----------
1. Add it in Python, as charseq/cells/__init__.py says.  Its step is the definition that tests compare with.
2. Write <name>_forward: one step of one row, with the gate order of the Python cell.  Store in `saved` what
   the backward pass needs besides the states before and after the step.  Compute only `units`; if that is
   impossible, as in rnn-norm, set whole_rows.
3. Write <name>_backward: replace `saved` by the gradients of the gates, and d by dL/d(prev), as cells.h says.
   Set dh to 0 if h_prev is read through W_h only.
4. Add an entry to CELLS.  Python reads names and sizes from it.
5. Build: python -c "from setuptools import setup; setup()" build_ext --inplace
6. Run tests/training/test_kernels_native.py, which tests every entry of CELLS. */
#include "cells.h"

#include <stddef.h>

#include "approx.h"

#define FOR_ALL _Pragma("omp simd") for (long j = 0; j < H; j++)
#define FOR_UNITS _Pragma("omp simd") for (long j = units.first; j < units.last; j++)

/* rnn: h = tanh(a). */

static void rnn_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                        const float *restrict h_bias, float *restrict saved, State prev, State next) {
    float *restrict h = next[0];
    FOR_UNITS h[j] = tanh_approx(x_gates[j] + h_gates[j]);
}

static void rnn_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict h = next[0], *restrict dh = d[0], *restrict da = saved;
    FOR_ALL {
        da[j] = dh[j] * (1 - h[j] * h[j]); /* da = dh tanh'(a) */
        dh[j] = 0;
    }
}

/* rnn-relu: h = min(relu(a), CEILING). */

#define CEILING 1e6f

static void rnn_relu_forward(long H, Range units, const float *restrict x_gates,
                             const float *restrict h_gates, const float *restrict h_bias,
                             float *restrict saved, State prev, State next) {
    float *restrict h = next[0];
    FOR_UNITS {
        float a = x_gates[j] + h_gates[j];
        a = a < 0 ? 0 : a;
        h[j] = a > CEILING ? CEILING : a;
    }
}

static void rnn_relu_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict h = next[0], *restrict dh = d[0], *restrict da = saved;
    FOR_ALL {
        da[j] = h[j] > 0 && h[j] < CEILING ? dh[j] : 0; /* da = dh where 0 < a < CEILING, else 0 */
        dh[j] = 0;
    }
}

/* rnn-norm: s = relu(a), h = scale s with scale = NORM / sqrt(s . s + NORM_FLOOR). */

#define NORM 0.5f
#define NORM_FLOOR 1e-5f

static void rnn_norm_forward(long H, Range units, const float *restrict x_gates,
                             const float *restrict h_gates, const float *restrict h_bias,
                             float *restrict saved, State prev, State next) {
    float *restrict h = next[0];
    float s_s = NORM_FLOOR;
#pragma omp simd reduction(+ : s_s)
    for (long j = 0; j < H; j++) {
        float a = x_gates[j] + h_gates[j];
        h[j] = a < 0 ? 0 : a;
        s_s += h[j] * h[j];
    }
    float scale = NORM / __builtin_sqrtf(s_s);
    FOR_ALL h[j] *= scale;
    saved[0] = scale;
}

static void rnn_norm_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict h = next[0], *restrict dh = d[0], *restrict da = saved;
    float scale = saved[0], h_dh = 0;
#pragma omp simd reduction(+ : h_dh)
    for (long j = 0; j < H; j++) h_dh += h[j] * dh[j];
    h_dh /= NORM * NORM;
    FOR_ALL {
        /* d(scale)/ds = -scale^3 s / NORM^2, so da = ds = scale (dh - h (h . dh) / NORM^2) where a > 0 */
        da[j] = h[j] > 0 ? scale * (dh[j] - h[j] * h_dh) : 0;
        dh[j] = 0;
    }
}

/* lstm: c = f c_prev + i g, h = o tanh(c). */

static void lstm_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                         const float *restrict h_bias, float *restrict saved, State prev, State next) {
    const float *x_i = x_gates, *x_f = x_gates + H, *x_g = x_gates + 2 * H, *x_o = x_gates + 3 * H;
    const float *h_i = h_gates, *h_f = h_gates + H, *h_g = h_gates + 2 * H, *h_o = h_gates + 3 * H;
    float *restrict i = saved, *restrict f = saved + H;
    float *restrict g = saved + 2 * H, *restrict o = saved + 3 * H;
    float *restrict c_prev = prev[1], *restrict h = next[0], *restrict c = next[1];
    FOR_UNITS {
        i[j] = sigmoid_approx(x_i[j] + h_i[j]);
        f[j] = sigmoid_approx(x_f[j] + h_f[j]);
        g[j] = tanh_approx(x_g[j] + h_g[j]);
        o[j] = sigmoid_approx(x_o[j] + h_o[j]);
        c[j] = f[j] * c_prev[j] + i[j] * g[j];
        h[j] = o[j] * tanh_approx(c[j]);
    }
}

static void lstm_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict i = saved, *restrict f = saved + H;
    float *restrict g = saved + 2 * H, *restrict o = saved + 3 * H;
    float *restrict c_prev = prev[1], *restrict c = next[1], *restrict dh = d[0], *restrict dc = d[1];
    FOR_ALL {
        float tanh_c = tanh_approx(c[j]);
        float dc_j = dc[j] + dh[j] * o[j] * (1 - tanh_c * tanh_c); /* dc += dh o tanh'(c) */
        o[j] = dh[j] * tanh_c * o[j] * (1 - o[j]);                 /* da_o = dh tanh(c) o (1 - o) */
        dc[j] = dc_j * f[j];                                       /* dc_prev = dc f */
        f[j] = dc_j * c_prev[j] * f[j] * (1 - f[j]);               /* da_f = dc c_prev f (1 - f) */
        float da_i = dc_j * g[j] * i[j] * (1 - i[j]);              /* da_i = dc g i (1 - i) */
        g[j] = dc_j * i[j] * (1 - g[j] * g[j]);                    /* da_g = dc i (1 - g^2) */
        i[j] = da_i;
        dh[j] = 0;
    }
}

/* gru: n = tanh(x_n + r h_n) with h_n = W_hn h_prev + b_hn, and h = (1 - z) n + z h_prev.

The gradients of x_n and h_n differ, so h_n is a separate block. */

static void gru_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                        const float *restrict h_bias, float *restrict saved, State prev, State next) {
    const float *x_r = x_gates, *x_z = x_gates + H, *x_n = x_gates + 2 * H;
    const float *h_r = h_gates, *h_z = h_gates + H, *W_h_n = h_gates + 2 * H;
    float *restrict r = saved, *restrict z = saved + H;
    float *restrict n = saved + 2 * H, *restrict h_n = saved + 3 * H;
    float *restrict h_prev = prev[0], *restrict h = next[0];
    FOR_UNITS {
        r[j] = sigmoid_approx(x_r[j] + h_r[j]);
        z[j] = sigmoid_approx(x_z[j] + h_z[j]);
        h_n[j] = W_h_n[j] + h_bias[j];
        n[j] = tanh_approx(x_n[j] + r[j] * h_n[j]);
        h[j] = (1 - z[j]) * n[j] + z[j] * h_prev[j];
    }
}

static void gru_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict r = saved, *restrict z = saved + H;
    float *restrict n = saved + 2 * H, *restrict h_n = saved + 3 * H;
    float *restrict h_prev = prev[0], *restrict dh = d[0];
    FOR_ALL {
        float dh_prev = dh[j] * z[j];                        /* dh_prev = dh z */
        float da_n = dh[j] * (1 - z[j]) * (1 - n[j] * n[j]); /* da_n = dh (1 - z) (1 - n^2) */
        z[j] = dh_prev * (h_prev[j] - n[j]) * (1 - z[j]);    /* da_z = dh (h_prev - n) z (1 - z) */
        n[j] = da_n;
        float dh_n = da_n * r[j];                            /* dh_n = da_n r */
        r[j] = dh_n * h_n[j] * (1 - r[j]);                   /* da_r = da_n h_n r (1 - r) */
        h_n[j] = dh_n;
        dh[j] = dh_prev;
    }
}

/* slstm: c = f c_prev + i z, n = f n_prev + i, h = o c / n, where i = exp(log_i - m), f = exp(log_fm - m),
log_fm = log(sigmoid(a_f)) + m_prev and m = max(log_fm, log_i).  `saved` holds the pre-activations. */

static void slstm_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                          const float *restrict h_bias, float *restrict saved, State prev, State next) {
    const float *x_i = x_gates, *x_f = x_gates + H, *x_z = x_gates + 2 * H, *x_o = x_gates + 3 * H;
    const float *h_i = h_gates, *h_f = h_gates + H, *h_z = h_gates + 2 * H, *h_o = h_gates + 3 * H;
    float *restrict s_i = saved, *restrict s_f = saved + H;
    float *restrict s_z = saved + 2 * H, *restrict s_o = saved + 3 * H;
    float *restrict c_prev = prev[1], *restrict n_prev = prev[2], *restrict m_prev = prev[3];
    float *restrict h = next[0], *restrict c = next[1], *restrict n = next[2], *restrict m = next[3];
    FOR_UNITS {
        float log_i = x_i[j] + h_i[j], a_f = x_f[j] + h_f[j], a_z = x_z[j] + h_z[j], a_o = x_o[j] + h_o[j];
        float log_fm = log_sigmoid_approx(a_f) + m_prev[j];
        float m_j = log_fm > log_i ? log_fm : log_i;
        m_j = n_prev[j] > 0 ? m_j : log_i; /* n_prev is 0 before the first step */
        float excess = m_j - log_fm;
        float i = exp_approx(log_i - m_j), f = exp_approx(excess > 0 ? -excess : 0.0f);
        float c_j = f * c_prev[j] + i * tanh_approx(a_z), n_j = f * n_prev[j] + i;
        s_i[j] = log_i, s_f[j] = a_f, s_z[j] = a_z, s_o[j] = a_o;
        c[j] = c_j, n[j] = n_j, m[j] = m_j;
        h[j] = sigmoid_approx(a_o) * c_j / n_j;
    }
}

static void slstm_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict s_i = saved, *restrict s_f = saved + H;
    float *restrict s_z = saved + 2 * H, *restrict s_o = saved + 3 * H;
    float *restrict c_prev = prev[1], *restrict n_prev = prev[2], *restrict m_prev = prev[3];
    float *restrict c = next[1], *restrict n = next[2], *restrict m = next[3];
    float *restrict dh = d[0], *restrict dc = d[1], *restrict dn = d[2], *restrict dm = d[3];
    FOR_ALL {
        float log_i = s_i[j], a_f = s_f[j], z = tanh_approx(s_z[j]), o = sigmoid_approx(s_o[j]);
        float log_fm = log_sigmoid_approx(a_f) + m_prev[j], excess = m[j] - log_fm;
        float i = exp_approx(log_i - m[j]), f = exp_approx(excess > 0 ? -excess : 0.0f);
        float c_n = c[j] / n[j], dh_o_n = dh[j] * o / n[j];
        float dc_j = dc[j] + dh_o_n, dn_j = dn[j] - dh_o_n * c_n; /* dc += dh o / n, dn -= dh o c / n^2 */
        float df_f = (dc_j * c_prev[j] + dn_j * n_prev[j]) * f;   /* df f, df = dc c_prev + dn n_prev */
        float di_i = (dc_j * z + dn_j) * i;                       /* di i, di = dc z + dn */
        float dlog_fm = excess > 0 ? df_f : 0.0f;                 /* f = exp(min(log_fm - m, 0)) */
        float dm_j = dm[j] - di_i - dlog_fm;                      /* dm -= di i + df f */
        /* dm/dlog_fm = share and dm/dlog_i = 1 - share, as m is the larger of the two */
        float share = log_fm > log_i ? 1.0f : log_fm < log_i ? 0.0f : 0.5f;
        share = n_prev[j] > 0 ? share : 0.0f;
        dlog_fm += share * dm_j;
        s_i[j] = di_i + (1 - share) * dm_j;                       /* da_i = di i + dm dm/dlog_i */
        s_f[j] = dlog_fm * sigmoid_approx(-a_f);                  /* da_f = dlog_fm (1 - sigmoid(a_f)) */
        s_z[j] = dc_j * i * (1 - z * z);                          /* da_z = dc i (1 - z^2) */
        s_o[j] = dh[j] * c_n * o * (1 - o);                       /* da_o = dh (c / n) o (1 - o) */
        dc[j] = dc_j * f, dn[j] = dn_j * f, dm[j] = dlog_fm;      /* dc_prev, dn_prev, dm_prev */
        dh[j] = 0;
    }
}

/* The candidate of the minimal cells: n = x + 1/2 for x >= 0, else sigmoid(x). */
INLINE float candidate(float x) { return x >= 0 ? x + 0.5f : sigmoid_approx(x); }

/* mingru: h = (1 - z) h_prev + z n; both z and n depend on x alone. */

static void mingru_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                           const float *restrict h_bias, float *restrict saved, State prev, State next) {
    const float *x_z = x_gates, *x_n = x_gates + H;
    float *restrict s_z = saved, *restrict s_n = saved + H, *restrict h_prev = prev[0], *restrict h = next[0];
    FOR_UNITS {
        float z = sigmoid_approx(x_z[j]), a_n = x_n[j];
        s_z[j] = z, s_n[j] = a_n;
        h[j] = (1 - z) * h_prev[j] + z * candidate(a_n);
    }
}

static void mingru_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict s_z = saved, *restrict s_n = saved + H, *restrict h_prev = prev[0], *restrict dh = d[0];
    FOR_ALL {
        float z = s_z[j], a_n = s_n[j], s = sigmoid_approx(a_n), n = a_n >= 0 ? a_n + 0.5f : s;
        s_z[j] = dh[j] * (n - h_prev[j]) * z * (1 - z);       /* da_z = dh (n - h_prev) z (1 - z) */
        s_n[j] = dh[j] * z * (a_n >= 0 ? 1.0f : s * (1 - s)); /* da_n = dh z n'(a_n) */
        dh[j] *= 1 - z;                                       /* dh_prev = dh (1 - z) */
    }
}

/* minlstm: h = f h_prev + i n, where f = sigmoid(a_f) / (sigmoid(a_f) + sigmoid(a_i)) and i = 1 - f.

With e = exp(-a), f = (1 + e_i) / (2 + e_f + e_i) and i = (1 + e_f) / (2 + e_f + e_i).  All terms are divided
by the largest of 1, e_f and e_i, so that none overflows. */
typedef struct {
    float f, i, e_f, e_i, inverse; /* inverse = 1 / (2 + e_f + e_i) */
} MinLSTMGates;

INLINE MinLSTMGates minlstm_gates(float a_f, float a_i) {
    float largest = a_f < a_i ? -a_f : -a_i;
    largest = largest > 0 ? largest : 0.0f;
    float one = exp_approx(-largest), e_f = exp_approx(-a_f - largest), e_i = exp_approx(-a_i - largest);
    float inverse = 1 / (2 * one + e_f + e_i);
    return (MinLSTMGates){(one + e_i) * inverse, (one + e_f) * inverse, e_f, e_i, inverse};
}

static void minlstm_forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                            const float *restrict h_bias, float *restrict saved, State prev, State next) {
    const float *x_f = x_gates, *x_i = x_gates + H, *x_n = x_gates + 2 * H;
    float *restrict s_f = saved, *restrict s_i = saved + H, *restrict s_n = saved + 2 * H;
    float *restrict h_prev = prev[0], *restrict h = next[0];
    FOR_UNITS {
        float a_f = x_f[j], a_i = x_i[j], a_n = x_n[j];
        MinLSTMGates gates = minlstm_gates(a_f, a_i);
        s_f[j] = a_f, s_i[j] = a_i, s_n[j] = a_n;
        h[j] = gates.f * h_prev[j] + gates.i * candidate(a_n);
    }
}

static void minlstm_backward(long H, float *restrict saved, State prev, State next, State d) {
    float *restrict s_f = saved, *restrict s_i = saved + H, *restrict s_n = saved + 2 * H;
    float *restrict h_prev = prev[0], *restrict dh = d[0];
    FOR_ALL {
        float a_n = s_n[j], s = sigmoid_approx(a_n), n = a_n >= 0 ? a_n + 0.5f : s;
        MinLSTMGates gates = minlstm_gates(s_f[j], s_i[j]);
        /* df/da_f = f i (1 - sigmoid(a_f)) = f i e_f / (1 + e_f) = f e_f / (2 + e_f + e_i); for i alike */
        float df = dh[j] * (h_prev[j] - n) * gates.inverse;         /* df = dh (h_prev - n), times inverse */
        s_f[j] = df * gates.e_f * gates.f;                          /* da_f = df df/da_f */
        s_i[j] = -df * gates.e_i * gates.i;                         /* da_i = df df/da_i */
        s_n[j] = dh[j] * gates.i * (a_n >= 0 ? 1.0f : s * (1 - s)); /* da_n = dh i n'(a_n) */
        dh[j] *= gates.f;                                           /* dh_prev = dh f */
    }
}

const Cell CELLS[] = {
    {
        .name = "rnn", .x_blocks = 1, .h_blocks = 1, .saved_blocks = 1, .states = 1,
        .forward = rnn_forward, .backward = rnn_backward,
    },
    {
        .name = "rnn-relu", .x_blocks = 1, .h_blocks = 1, .saved_blocks = 1, .states = 1,
        .forward = rnn_relu_forward, .backward = rnn_relu_backward,
    },
    {
        .name = "rnn-norm", .x_blocks = 1, .h_blocks = 1, .saved_blocks = 1, .states = 1, .whole_rows = 1,
        .forward = rnn_norm_forward, .backward = rnn_norm_backward,
    },
    {
        .name = "lstm", .x_blocks = 4, .h_blocks = 4, .saved_blocks = 4, .states = 2,
        .forward = lstm_forward, .backward = lstm_backward,
    },
    {
        .name = "gru", .x_blocks = 3, .h_blocks = 3, .separate_blocks = 1, .saved_blocks = 4, .states = 1,
        .forward = gru_forward, .backward = gru_backward,
    },
    {
        .name = "slstm", .x_blocks = 4, .h_blocks = 4, .saved_blocks = 4, .states = 4,
        .forward = slstm_forward, .backward = slstm_backward,
    },
    {
        .name = "mingru", .x_blocks = 2, .h_blocks = 0, .saved_blocks = 2, .states = 1,
        .forward = mingru_forward, .backward = mingru_backward,
    },
    {
        .name = "minlstm", .x_blocks = 3, .h_blocks = 0, .saved_blocks = 3, .states = 1,
        .forward = minlstm_forward, .backward = minlstm_backward,
    },
    {.name = NULL},
};
