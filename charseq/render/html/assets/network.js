// The whole network, as charseq/model/network.py has it: a symbol -> embedding -> layers -> logits.
"use strict";
(function (page) {
  const ignore = () => {};

  // description: {cell, hidden_size, layers, vocabulary_size, embedding_size, head, residual, layer_norm,
  // tie_weights, parameters: [[name, shape], ...]}; bytes: all parameters in this order, float32, little-endian.
  page.Network = class {
    constructor(description, bytes) {
      Object.assign(this, description);
      this.kind = page.cells[this.cell];
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const parameters = {};
      let at = 0;
      for (const [name, shape] of description.parameters) {
        const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
        for (let i = 0; i < values.length; i++, at += 4) values[i] = view.getFloat32(at, true);
        const isMatrix = shape.length > 1 && !name.includes(".start.");
        parameters[name] = isMatrix ? { rows: shape[0], columns: shape[1], values } : values;
      }
      this.parameters = parameters;
      this.layerWeights = Array.from({ length: this.layers }, (_, layer) => {
        const prefix = `layers.${layer}.`;
        const own = Object.entries(parameters).filter(([name]) => name.startsWith(prefix));
        return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
      });
      this.headMatrix = this.tie_weights ? parameters["embedding.W"] : parameters["head.W"];
    }

    // The state of every layer before the first step: zeros, or learned values.
    start() {
      return this.layerWeights.map((w) => {
        const sizes = { h: (H) => H, ...this.kind.fields };
        return Object.fromEntries(
          Object.entries(sizes).map(([field, size]) => {
            const learned = w[`start.${field}`];
            return [field, learned ? Float64Array.from(learned) : new Float64Array(size(this.hidden_size))];
          }),
        );
      });
    }

    // Reads one symbol: states -> {states, logits}.  tap(layer, name, vector) observes every tensor.
    step(id, states, tap = ignore) {
      let x = this.embedding(id),
        stream = this.embedding_size ? x : null;
      const after = [];
      for (let layer = 0; layer < this.layers; layer++) {
        const w = this.layerWeights[layer];
        const state = this.kind.step(w, x, states[layer], (name, vector) => tap(layer, name, vector));
        after.push(state);
        let h = state.h;
        if (this.residual && (layer > 0 || this.embedding_size === this.hidden_size)) {
          const below = stream;
          h = h.map((value, j) => value + below[j]);
          tap(layer, "sum", h);
        }
        x = stream = h;
        if (this.layer_norm && (layer + 1 < this.layers || this.head === "linear")) {
          x = normalized(h, w["norm.gain"], w["norm.bias"]);
          tap(layer, "normalized", x);
        }
      }
      const logits = this.head === "linear" ? page.affine(this.headMatrix, x, this.parameters["head.b"]) : x;
      return { states: after, logits };
    }

    embedding(id) {
      if (!this.embedding_size) return { id };
      const { columns, values } = this.parameters["embedding.W"];
      return Float64Array.from(values.subarray(id * columns, (id + 1) * columns));
    }
  };

  function normalized(x, gain, bias) {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const deviation = Math.sqrt(variance + 1e-5);
    return x.map((value, j) => ((value - mean) / deviation) * gain[j] + bias[j]);
  }

  // Logits, in nats -> probabilities.
  page.softmax = function (logits) {
    const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = logits.map((value) => Math.exp(value - highest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((value) => value / sum);
  };

  // A text typed by the reader -> ids, as `charseq` segments it; unknown symbols are left out and counted.
  page.encode = function (text, vocabulary) {
    const { raw, unit, normalization, labels } = vocabulary;
    if (!vocabulary.ids) {
      const known = raw
        .map((symbol, id) => [symbol, id])
        .filter(([symbol, id]) => symbol && !labels.includes(id));
      vocabulary.ids = new Map(known);
    }
    const form = normalization === "none" ? text : text.normalize(normalization.toUpperCase());
    const segments =
      unit === "byte"
        ? Array.from(new TextEncoder().encode(form), (b) => String.fromCharCode(b))
        : unit === "grapheme" && typeof Intl !== "undefined" && Intl.Segmenter
          ? Array.from(new Intl.Segmenter().segment(form), (each) => each.segment)
          : Array.from(form);
    const found = segments.map((segment) => vocabulary.ids.get(segment));
    const unknown = segments.filter((_, i) => found[i] === undefined);
    return { ids: found.filter((id) => id !== undefined), unknown };
  };

  // Ids -> text for the field; bytes are decoded as UTF-8, and an incomplete character becomes U+FFFD.
  page.decode = function (ids, vocabulary) {
    const text = ids.map((id) => vocabulary.raw[id]).join("");
    if (vocabulary.unit !== "byte") return text;
    return new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0)));
  };
})((globalThis.charseqPage ??= {}));
