// The whole network, as charseq/model/network.py has it: a symbol -> embedding -> layers -> logits.
"use strict";
(function (page) {
  // description: {cell, hidden_size, layers, vocabulary_size, embedding_size, head, residual, layer_norm,
  // tie_weights, parameters}; bytes: the parameters, as page.parameters reads them.
  page.Network = class {
    constructor(description, bytes) {
      Object.assign(this, description);
      this.kind = page.cells[this.cell];
      const parameters = page.parameters(description.parameters, bytes);
      this.stack = Array.from({ length: this.layers }, (_, layer) => this.makeLayer(layer, parameters));
      this.inputs = this.embedding_size
        ? rowsOf(parameters["embedding.W"])
        : Array.from({ length: this.vocabulary_size }, (_, id) => ({ id }));
      this.headMatrix = this.tie_weights ? parameters["embedding.W"] : parameters["head.W"];
      this.headBias = parameters["head.b"];
      this.logits = new Float32Array(this.vocabulary_size);
      this.output = null; // what the head reads
      this.restart();
    }

    // The weights of a layer, and its tensors, which every step computes in place.
    makeLayer(layer, parameters) {
      const prefix = `layers.${layer}.`,
        H = this.hidden_size;
      const own = Object.entries(parameters).filter(([name]) => name.startsWith(prefix));
      const vectors = Object.entries({ ...this.kind.tensors, ...this.kind.state });
      return {
        w: Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value])),
        t: Object.fromEntries(vectors.map(([name, size]) => [name, new Float32Array(size(H))])),
        isResidual: this.residual && (layer > 0 || this.embedding_size === H),
        sum: new Float32Array(H),
        isNormalized: this.layer_norm && (layer + 1 < this.layers || this.head === "linear"),
        normalized: new Float32Array(H),
      };
    }

    // The state before the first step: zeros, or learned values.
    restart() {
      for (const { w, t } of this.stack)
        for (const field of Object.keys(this.kind.state)) {
          const learned = w[`start.${field}`];
          if (learned) t[field].set(learned);
          else t[field].fill(0);
        }
    }

    // Reads one symbol -> logits, valid until the next step, as are the tensors that tap(layer, name, vector) observes.
    read(id, tap = null) {
      let x = this.inputs[id],
        stream = x;
      for (let layer = 0; layer < this.layers; layer++) {
        const { w, t, isResidual, sum, isNormalized, normalized } = this.stack[layer];
        this.kind.step(w, x, t);
        if (tap) for (const name of Object.keys(this.kind.tensors)) tap(layer, name, t[name]);
        let h = t.h;
        if (isResidual) {
          for (let j = 0; j < h.length; j++) sum[j] = h[j] + stream[j];
          h = sum;
          if (tap) tap(layer, "sum", h);
        }
        x = stream = h;
        if (isNormalized) {
          x = normalize(normalized, h, w["norm.gain"], w["norm.bias"]);
          if (tap) tap(layer, "normalized", x);
        }
      }
      this.output = x;
      return this.head === "linear" ? page.affine(this.logits, this.headMatrix, x, this.headBias) : x;
    }
  };

  const rowsOf = ({ rows, columns, values }) =>
    Array.from({ length: rows }, (_, i) => values.subarray(i * columns, (i + 1) * columns));

  function normalize(result, x, gain, bias) {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const deviation = Math.sqrt(variance + 1e-5);
    for (let j = 0; j < x.length; j++) result[j] = ((x[j] - mean) / deviation) * gain[j] + bias[j];
    return result;
  }

  // Logits, in nats -> probabilities, into `result`.
  page.softmax = function (logits, result = new Float64Array(logits.length)) {
    let highest = -Infinity,
      sum = 0;
    for (let i = 0; i < logits.length; i++) if (logits[i] > highest) highest = logits[i];
    for (let i = 0; i < logits.length; i++) sum += result[i] = Math.exp(logits[i] - highest);
    for (let i = 0; i < logits.length; i++) result[i] /= sum;
    return result;
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

  // What is said about unknown symbols, and about a text of which only the first symbols are read, 0 for all.
  page.unknownNote = function (unknown, read) {
    const names = [...new Set(unknown)].slice(0, 5).map((each) => `‘${page.visible(each)}’`);
    const sentences = [];
    if (names.length) sentences.push(`The model does not know ${names.join(", ")}: left out.`);
    if (read) sentences.push(`Only the first ${read.toLocaleString("en")} symbols are read.`);
    return sentences.join(" ");
  };

  // Ids -> text for the field; bytes are decoded as UTF-8, and an incomplete character becomes U+FFFD.
  page.decode = function (ids, vocabulary) {
    const text = ids.map((id) => vocabulary.raw[id]).join("");
    if (vocabulary.unit !== "byte") return text;
    return new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0)));
  };
})((globalThis.charseqPage ??= {}));
