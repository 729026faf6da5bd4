// One step of every cell, from the equations of charseq/cells: step(w, x, state, tap) -> the next state.
// w holds matrices {rows, columns, values} and vectors; x is a vector, or {id} for a one-hot vector.
// tap(name, vector) observes the tensors that the equations name.
"use strict";
(function (page) {
  const sigmoid = (x) => 0.5 * Math.tanh(0.5 * x) + 0.5;
  const logSigmoid = (x) => (x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x)));
  const relu = (x) => Math.max(x, 0);
  const candidate = (x) => (x >= 0 ? x + 0.5 : sigmoid(x));
  const map = (n, f) => Float64Array.from({ length: n }, (_, j) => f(j));
  const part = (vector, i, parts) => {
    const size = vector.length / parts;
    return vector.subarray(i * size, (i + 1) * size);
  };

  // W x + b
  page.affine = function (matrix, x, bias) {
    const { rows, columns, values } = matrix;
    const result = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      let sum = bias ? bias[i] : 0;
      const start = i * columns;
      if (x.id !== undefined) sum += values[start + x.id];
      else for (let j = 0; j < columns; j++) sum += values[start + j] * x[j];
      result[i] = sum;
    }
    return result;
  };
  const affine = page.affine;

  function plain(activation) {
    return function (w, x, state, tap) {
      const xProj = affine(w.W_x, x, w.b_x),
        hProj = affine(w.W_h, state.h, w.b_h);
      tap("x_proj", xProj);
      tap("h_proj", hProj);
      const h = activation(
        map(xProj.length, (j) => xProj[j] + hProj[j]),
        tap,
      );
      tap("h", h);
      return { h };
    };
  }

  // h = 0.5 s / sqrt(s . s + 1e-5), with s = relu(sum)
  function fixedNorm(sum, tap) {
    const s = sum.map(relu);
    tap("s", s);
    const norm = Math.sqrt(s.reduce((total, v) => total + v * v, 0) + 1e-5);
    return s.map((v) => (0.5 * v) / norm);
  }

  function lstm(w, x, state, tap) {
    const xGates = affine(w.W_x, x, w.b_x),
      hGates = affine(w.W_h, state.h, w.b_h);
    const sum = map(xGates.length, (j) => xGates[j] + hGates[j]);
    const i = part(sum, 0, 4).map(sigmoid),
      f = part(sum, 1, 4).map(sigmoid);
    const g = part(sum, 2, 4).map(Math.tanh),
      o = part(sum, 3, 4).map(sigmoid);
    const c = map(i.length, (j) => f[j] * state.c[j] + i[j] * g[j]);
    const h = map(i.length, (j) => o[j] * Math.tanh(c[j]));
    for (const [name, v] of Object.entries({ x_gates: xGates, h_gates: hGates, i, f, g, o, c, h }))
      tap(name, v);
    return { h, c };
  }

  function gru(w, x, state, tap) {
    const xGates = affine(w.W_x, x, w.b_x),
      hGates = affine(w.W_h, state.h, w.b_h);
    const [xr, xz, xn] = [0, 1, 2].map((i) => part(xGates, i, 3));
    const [hr, hz, hn] = [0, 1, 2].map((i) => part(hGates, i, 3));
    const r = map(xr.length, (j) => sigmoid(xr[j] + hr[j]));
    const z = map(xr.length, (j) => sigmoid(xz[j] + hz[j]));
    const n = map(xr.length, (j) => Math.tanh(xn[j] + r[j] * hn[j]));
    const h = map(xr.length, (j) => (1 - z[j]) * n[j] + z[j] * state.h[j]);
    for (const [name, v] of Object.entries({ x_gates: xGates, h_gates: hGates, r, z, n, h })) tap(name, v);
    return { h };
  }

  function mingru(w, x, state, tap) {
    const gates = affine(w.W_x, x, w.b_x);
    const z = part(gates, 0, 2).map(sigmoid),
      n = part(gates, 1, 2).map(candidate);
    const h = map(z.length, (j) => (1 - z[j]) * state.h[j] + z[j] * n[j]);
    for (const [name, v] of Object.entries({ x_gates: gates, z, n, h })) tap(name, v);
    return { h };
  }

  function minlstm(w, x, state, tap) {
    const gates = affine(w.W_x, x, w.b_x);
    const [xf, xi, xn] = [0, 1, 2].map((k) => part(gates, k, 3));
    const balance = map(xf.length, (j) => logSigmoid(xf[j]) - logSigmoid(xi[j]));
    const f = balance.map(sigmoid),
      i = balance.map((b) => sigmoid(-b)),
      n = xn.map(candidate);
    const h = map(f.length, (j) => f[j] * state.h[j] + i[j] * n[j]);
    for (const [name, v] of Object.entries({ x_gates: gates, f, i, n, h })) tap(name, v);
    return { h };
  }

  function slstm(w, x, state, tap) {
    const xGates = affine(w.W_x, x, w.b_x),
      hGates = affine(w.W_h, state.h, null);
    const sum = map(xGates.length, (j) => xGates[j] + hGates[j]);
    const logI = part(sum, 0, 4),
      logF = part(sum, 1, 4).map(logSigmoid);
    const z = part(sum, 2, 4).map(Math.tanh),
      o = part(sum, 3, 4).map(sigmoid);
    const kept = map(z.length, (j) => logF[j] + state.m[j]);
    const m = map(z.length, (j) => (state.n[j] > 0 ? Math.max(kept[j], logI[j]) : logI[j]));
    const i = map(z.length, (j) => Math.exp(logI[j] - m[j]));
    const f = map(z.length, (j) => Math.exp(-relu(m[j] - kept[j])));
    const c = map(z.length, (j) => f[j] * state.c[j] + i[j] * z[j]);
    const n = map(z.length, (j) => f[j] * state.n[j] + i[j]);
    const h = map(z.length, (j) => (o[j] * c[j]) / n[j]);
    const tensors = { x_gates: xGates, h_gates: hGates, log_i: logI, log_f: logF, z, o, m, i, f, c, n, h };
    for (const [name, v] of Object.entries(tensors)) tap(name, v);
    return { h, c, n, m };
  }

  // The memory C is a matrix [H H], row by row; i, f and m are numbers.
  function mlstm(w, x, state, tap) {
    const projection = affine(w.W_x, x, w.b_x),
      gates = affine(w.W_g, x, w.b_g);
    const size = projection.length / 4;
    const q = part(projection, 0, 4),
      v = part(projection, 2, 4);
    const k = part(projection, 1, 4).map((value) => value / Math.sqrt(size));
    const o = part(projection, 3, 4).map(sigmoid);
    const logI = gates[0],
      logF = logSigmoid(gates[1]),
      before = state.m[0];
    const m = Math.max(logF + before, logI);
    const i = Math.exp(logI - m),
      f = Math.exp(logF + before - m);
    const C = new Float64Array(size * size);
    const n = map(size, (j) => f * state.n[j] + i * k[j]);
    let product = 0;
    for (let j = 0; j < size; j++) product += n[j] * q[j];
    const weight = Math.max(Math.abs(product), Math.exp(-m));
    const h = new Float64Array(size);
    for (let row = 0; row < size; row++) {
      let sum = 0;
      for (let column = 0; column < size; column++) {
        const at = row * size + column;
        C[at] = f * state.C[at] + i * v[row] * k[column];
        sum += C[at] * q[column];
      }
      h[row] = (o[row] * sum) / weight;
    }
    const one = (value) => Float64Array.of(value);
    const tensors = {
      x_proj: projection,
      gates,
      q,
      k,
      v,
      o,
      log_i: one(logI),
      log_f: one(logF),
      m: one(m),
      i: one(i),
      f: one(f),
      n,
      h,
    };
    for (const [name, value] of Object.entries(tensors)) tap(name, value);
    return { h, C, n, m: one(m) };
  }

  function none(w, x, state, tap) {
    const h = affine(w.W_x, x, w.b_x);
    tap("h", h);
    return { h };
  }

  // The fields of each state, besides h, with their sizes for H hidden units.
  page.cells = {
    rnn: { step: plain((sum) => sum.map(Math.tanh)), fields: {} },
    "rnn-relu": { step: plain((sum) => sum.map((v) => Math.min(relu(v), 1e6))), fields: {} },
    "rnn-norm": { step: plain(fixedNorm), fields: {} },
    lstm: { step: lstm, fields: { c: (H) => H } },
    gru: { step: gru, fields: {} },
    mingru: { step: mingru, fields: {} },
    minlstm: { step: minlstm, fields: {} },
    slstm: { step: slstm, fields: { c: (H) => H, n: (H) => H, m: (H) => H } },
    mlstm: { step: mlstm, fields: { C: (H) => H * H, n: (H) => H, m: () => 1 } },
    none: { step: none, fields: {} },
  };
})((globalThis.charseqPage ??= {}));
