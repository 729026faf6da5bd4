// One step of every cell, from the equations of charseq/cells: step(w, x, t) computes the tensors t in place.
// w holds matrices {rows, columns, values} and vectors; x is a vector, or {id} for a one-hot vector.  t holds every
// tensor that the equations name, and the state: before the step the previous one, after it the next one.
"use strict";
(function (page) {
  const { exp, tanh, max, abs, sqrt, log1p } = Math;
  const sigmoid = (x) => 1 / (1 + exp(-x));
  const logSigmoid = (x) => (x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)));
  const relu = (x) => max(x, 0);
  const candidate = (x) => (x >= 0 ? x + 0.5 : sigmoid(x));

  // result = W x + b.  Four rows at a time: their sums do not wait for each other, and x is read once for them.
  // A one-hot x selects a column, which is contiguous in the transposed matrix.
  page.affine = function (result, matrix, x, bias) {
    const { rows, columns, values } = matrix;
    if (x.id !== undefined) {
      matrix.transposed ??= transposed(matrix);
      const column = matrix.transposed,
        start = x.id * rows;
      for (let i = 0; i < rows; i++) result[i] = column[start + i] + (bias ? bias[i] : 0);
      return result;
    }
    let i = 0,
      a = 0;
    for (; i + 4 <= rows; i += 4, a += 4 * columns) {
      const b = a + columns,
        c = b + columns,
        d = c + columns;
      let sumA = bias ? bias[i] : 0,
        sumB = bias ? bias[i + 1] : 0,
        sumC = bias ? bias[i + 2] : 0,
        sumD = bias ? bias[i + 3] : 0;
      for (let j = 0; j < columns; j++) {
        const value = x[j];
        sumA += values[a + j] * value;
        sumB += values[b + j] * value;
        sumC += values[c + j] * value;
        sumD += values[d + j] * value;
      }
      result[i] = sumA;
      result[i + 1] = sumB;
      result[i + 2] = sumC;
      result[i + 3] = sumD;
    }
    for (; i < rows; i++, a += columns) {
      let sum = bias ? bias[i] : 0;
      for (let j = 0; j < columns; j++) sum += values[a + j] * x[j];
      result[i] = sum;
    }
    return result;
  };
  const affine = page.affine;

  function transposed({ rows, columns, values }) {
    const result = new Float32Array(values.length);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j];
    return result;
  }

  function dot(x, y) {
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += x[j] * y[j];
    return sum;
  }

  function rnn(w, x, t) {
    const { x_proj, h_proj, h } = t;
    affine(x_proj, w.W_x, x, w.b_x);
    affine(h_proj, w.W_h, h, w.b_h);
    for (let j = 0; j < h.length; j++) h[j] = tanh(x_proj[j] + h_proj[j]);
  }

  function rnnRelu(w, x, t) {
    const { x_proj, h_proj, h } = t;
    affine(x_proj, w.W_x, x, w.b_x);
    affine(h_proj, w.W_h, h, w.b_h);
    for (let j = 0; j < h.length; j++) h[j] = Math.min(relu(x_proj[j] + h_proj[j]), 1e6);
  }

  function rnnNorm(w, x, t) {
    const { x_proj, h_proj, s, h } = t;
    affine(x_proj, w.W_x, x, w.b_x);
    affine(h_proj, w.W_h, h, w.b_h);
    for (let j = 0; j < h.length; j++) s[j] = relu(x_proj[j] + h_proj[j]);
    const norm = sqrt(dot(s, s) + 1e-5);
    for (let j = 0; j < h.length; j++) h[j] = (0.5 * s[j]) / norm;
  }

  function lstm(w, x, t) {
    const { x_gates, h_gates, i, f, g, o, c, h } = t,
      H = h.length;
    affine(x_gates, w.W_x, x, w.b_x);
    affine(h_gates, w.W_h, h, w.b_h);
    for (let j = 0; j < H; j++) {
      i[j] = sigmoid(x_gates[j] + h_gates[j]);
      f[j] = sigmoid(x_gates[H + j] + h_gates[H + j]);
      g[j] = tanh(x_gates[2 * H + j] + h_gates[2 * H + j]);
      o[j] = sigmoid(x_gates[3 * H + j] + h_gates[3 * H + j]);
      c[j] = f[j] * c[j] + i[j] * g[j];
      h[j] = o[j] * tanh(c[j]);
    }
  }

  function gru(w, x, t) {
    const { x_gates, h_gates, r, z, n, h } = t,
      H = h.length;
    affine(x_gates, w.W_x, x, w.b_x);
    affine(h_gates, w.W_h, h, w.b_h);
    for (let j = 0; j < H; j++) {
      r[j] = sigmoid(x_gates[j] + h_gates[j]);
      z[j] = sigmoid(x_gates[H + j] + h_gates[H + j]);
      n[j] = tanh(x_gates[2 * H + j] + r[j] * h_gates[2 * H + j]);
      h[j] = (1 - z[j]) * n[j] + z[j] * h[j];
    }
  }

  function mingru(w, x, t) {
    const { x_gates, z, n, h } = t,
      H = h.length;
    affine(x_gates, w.W_x, x, w.b_x);
    for (let j = 0; j < H; j++) {
      z[j] = sigmoid(x_gates[j]);
      n[j] = candidate(x_gates[H + j]);
      h[j] = (1 - z[j]) * h[j] + z[j] * n[j];
    }
  }

  function minlstm(w, x, t) {
    const { x_gates, f, i, n, h } = t,
      H = h.length;
    affine(x_gates, w.W_x, x, w.b_x);
    for (let j = 0; j < H; j++) {
      const balance = logSigmoid(x_gates[j]) - logSigmoid(x_gates[H + j]);
      f[j] = sigmoid(balance);
      i[j] = sigmoid(-balance);
      n[j] = candidate(x_gates[2 * H + j]);
      h[j] = f[j] * h[j] + i[j] * n[j];
    }
  }

  function slstm(w, x, t) {
    const { x_gates, h_gates, log_i, log_f, z, o, m, i, f, c, n, h } = t,
      H = h.length;
    affine(x_gates, w.W_x, x, w.b_x);
    affine(h_gates, w.W_h, h, null);
    for (let j = 0; j < H; j++) {
      log_i[j] = x_gates[j] + h_gates[j];
      log_f[j] = logSigmoid(x_gates[H + j] + h_gates[H + j]);
      z[j] = tanh(x_gates[2 * H + j] + h_gates[2 * H + j]);
      o[j] = sigmoid(x_gates[3 * H + j] + h_gates[3 * H + j]);
      const kept = log_f[j] + m[j];
      m[j] = n[j] > 0 ? max(kept, log_i[j]) : log_i[j];
      i[j] = exp(log_i[j] - m[j]);
      f[j] = exp(-relu(m[j] - kept));
      c[j] = f[j] * c[j] + i[j] * z[j];
      n[j] = f[j] * n[j] + i[j];
      h[j] = (o[j] * c[j]) / n[j];
    }
  }

  // The memory C is a matrix [H H], row by row; i, f and m are numbers.
  function mlstm(w, x, t) {
    const { x_proj, gates, q, k, v, o, log_i, log_f, m, i, f, C, n, h } = t,
      H = h.length;
    affine(x_proj, w.W_x, x, w.b_x);
    affine(gates, w.W_g, x, w.b_g);
    for (let j = 0; j < H; j++) {
      q[j] = x_proj[j];
      k[j] = x_proj[H + j] / sqrt(H);
      v[j] = x_proj[2 * H + j];
      o[j] = sigmoid(x_proj[3 * H + j]);
    }
    log_i[0] = gates[0];
    log_f[0] = logSigmoid(gates[1]);
    const kept = log_f[0] + m[0];
    m[0] = max(kept, log_i[0]);
    i[0] = exp(log_i[0] - m[0]);
    f[0] = exp(kept - m[0]);
    const keep = f[0],
      add = i[0];
    for (let j = 0; j < H; j++) n[j] = keep * n[j] + add * k[j];
    const weight = max(abs(dot(n, q)), exp(-m[0]));
    for (let row = 0, at = 0; row < H; row++) {
      const value = add * v[row];
      let product = 0;
      for (let j = 0; j < H; j++, at++) {
        const next = keep * C[at] + value * k[j];
        C[at] = next;
        product += next * q[j];
      }
      h[row] = (o[row] * product) / weight;
    }
  }

  function none(w, x, t) {
    affine(t.h, w.W_x, x, w.b_x);
  }

  // The sizes of the tensors for H hidden units, in the order of the equations, and the fields of the state.
  const one = () => 1,
    H1 = (H) => H,
    H2 = (H) => 2 * H,
    H3 = (H) => 3 * H,
    H4 = (H) => 4 * H;
  const projections = { x_proj: H1, h_proj: H1 };
  const gates4 = { x_gates: H4, h_gates: H4 };
  const onlyH = { h: H1 };
  page.cells = {
    rnn: { step: rnn, tensors: { ...projections, h: H1 }, state: onlyH },
    "rnn-relu": { step: rnnRelu, tensors: { ...projections, h: H1 }, state: onlyH },
    "rnn-norm": { step: rnnNorm, tensors: { ...projections, s: H1, h: H1 }, state: onlyH },
    lstm: {
      step: lstm,
      tensors: { ...gates4, i: H1, f: H1, g: H1, o: H1, c: H1, h: H1 },
      state: { h: H1, c: H1 },
    },
    gru: { step: gru, tensors: { x_gates: H3, h_gates: H3, r: H1, z: H1, n: H1, h: H1 }, state: onlyH },
    mingru: { step: mingru, tensors: { x_gates: H2, z: H1, n: H1, h: H1 }, state: onlyH },
    minlstm: { step: minlstm, tensors: { x_gates: H3, f: H1, i: H1, n: H1, h: H1 }, state: onlyH },
    slstm: {
      step: slstm,
      tensors: { ...gates4, log_i: H1, log_f: H1, z: H1, o: H1, m: H1, i: H1, f: H1, c: H1, n: H1, h: H1 },
      state: { h: H1, c: H1, n: H1, m: H1 },
    },
    mlstm: {
      step: mlstm,
      tensors: {
        ...{ x_proj: H4, gates: () => 2, q: H1, k: H1, v: H1, o: H1 },
        ...{ log_i: one, log_f: one, m: one, i: one, f: one, n: H1, h: H1 },
      },
      state: { h: H1, C: (H) => H * H, n: H1, m: one },
    },
    none: { step: none, tensors: onlyH, state: onlyH },
  };
})((globalThis.charseqPage ??= {}));
