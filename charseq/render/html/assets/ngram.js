// The n-gram model and the gate that mixes it with the network, as charseq/model/ngram.py and mixture.py have them.
"use strict";
(function (page) {
  const SMALLEST = 2 ** -126; // the smallest probability, so that its logarithm is finite
  const LARGE_COUNT = 255;

  // The tensors of charseq/model/ngram_tensors.py: {name: [type, base64], ...}.
  const decoded = (tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, page.typed(tensor)]));

  function countsOf({ counts, large_counts }) {
    let next = 0;
    return Float64Array.from(counts, (count) => (count === LARGE_COUNT ? large_counts[next++] : count));
  }

  // Interpolated, modified Kneser-Ney.  Node 0 is the empty n-gram; the children of a node are adjacent, and sorted by
  // their symbols.  `nodes` holds the node of the last 0, 1, 2, ... symbols; -1 for symbols not seen together.
  page.Ngram = class {
    constructor(tensors, vocabularySize, labels) {
      const t = (this.tensors = decoded(tensors));
      this.symbols = t.symbols;
      this.order = t.discounts.length / 3;
      this.isLabel = Uint8Array.from({ length: vocabularySize }, (_, id) => labels.includes(id));
      this.hasLabels = labels.length > 0;
      this.firstChild = new Uint32Array(t.symbols.length + 1).fill(t.symbols.length);
      this.firstChild[0] = 1;
      t.children.forEach((count, node) => (this.firstChild[node + 1] = this.firstChild[node] + count));
      this.weigh(countsOf(t), t);
      this.q = new Float64Array(vocabularySize);
      this.nodes = new Int32Array(this.order);
      this.restart();
    }

    // alpha = max(c - D, 0) / C of each node's last symbol after the others; gamma = 1 - the sum of alpha over the
    // children: the weight of the shorter context.
    weigh(counts, { children, discounts, totals }) {
      this.alpha = new Float32Array(counts.length);
      this.gamma = new Float32Array(counts.length).fill(1);
      let length = 0,
        levelEnd = 1; // the first node that is longer than `length`
      for (let node = 0; node < children.length; node++) {
        if (node === levelEnd) {
          length++;
          levelEnd = this.firstChild[node];
        }
        const first = this.firstChild[node],
          end = first + children[node];
        let total = 0,
          sum = 0;
        if (totals) total = totals[node];
        else for (let child = first; child < end; child++) total += counts[child];
        for (let child = first; child < end; child++) {
          const discount = discounts[3 * length + Math.min(counts[child], 3) - 1];
          const alpha = Math.max(counts[child] - discount, 0) / total;
          this.alpha[child] = alpha;
          sum += alpha;
        }
        this.gamma[node] = Math.max(1 - sum, 0);
      }
    }

    restart() {
      this.nodes.fill(-1);
      this.nodes[0] = 0;
    }

    // Reads one symbol: `nodes` becomes the contexts after it.  A context of a labeled line begins with its label,
    // and the first symbol of such a line is the label once more.
    read(id) {
      const { nodes, isLabel, symbols } = this,
        begins = isLabel[id] === 1;
      for (let length = this.order - 1; length > 0; length--) {
        const next = this.child(nodes[length - 1], id);
        if (length > 2 || !this.hasLabels) nodes[length] = begins ? -1 : next;
        else if (length === 2) nodes[2] = next;
        else if (begins || nodes[1] < 0 || !isLabel[symbols[nodes[1]]]) nodes[1] = next;
      }
      if (begins && this.order > 2) nodes[2] = this.child(nodes[1], id);
    }

    // The child of a node for a symbol; -1 if there is none.
    child(node, id) {
      if (node < 0) return -1;
      let low = this.firstChild[node],
        high = this.firstChild[node + 1];
      const end = high;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.symbols[middle] < id) low = middle + 1;
        else high = middle;
      }
      return low < end && this.symbols[low] === id ? low : -1;
    }

    // Computes the probabilities q of the next symbol; returns the length of the longest known context.
    predict() {
      const { q, nodes, symbols, alpha, gamma, firstChild } = this;
      q.fill(0);
      let scale = 1,
        depth = 0;
      for (let length = this.order - 1; length >= 0; length--) {
        const node = nodes[length];
        if (node < 0) continue;
        const first = firstChild[node],
          end = firstChild[node + 1];
        if (first === end) continue;
        for (let child = first; child < end; child++) q[symbols[child]] += scale * alpha[child];
        depth = Math.max(depth, length);
        scale *= gamma[node];
      }
      for (let id = 0; id < q.length; id++) q[id] += scale / q.length;
      return depth;
    }
  };

  // p(w) = g p_network(w) + (1 - g) p_ngram(w), with g = sigmoid(b[depth] + features . v + h . u).
  page.Mixture = class {
    constructor(section, vocabularySize, labels) {
      this.ngram = new page.Ngram(section, vocabularySize, labels);
      const { gate, gate_hidden } = this.ngram.tensors;
      this.depths = gate.subarray(0, this.ngram.order);
      this.features = gate.subarray(this.ngram.order);
      this.hidden = gate_hidden;
    }

    // Mixes the probabilities p of the network, from its logits, with those of the n-gram model, in place; the head
    // of the network reads h.
    mix(p, logits, h) {
      const depth = this.ngram.predict(),
        q = this.ngram.q,
        f = this.features;
      let best = 0;
      for (let id = 1; id < p.length; id++) if (p[id] > p[best]) best = id;
      const shift = Math.log(p[best]) - logits[best];
      let highestQ = 0,
        pLogP = 0,
        qLogQ = 0,
        pLogQ = 0,
        qLogP = 0,
        shared = 0;
      for (let id = 0; id < p.length; id++) {
        const logP = logits[id] + shift,
          logQ = Math.log(Math.max(q[id], SMALLEST));
        highestQ = Math.max(highestQ, q[id]);
        pLogP += p[id] * logP;
        qLogQ += q[id] * logQ;
        pLogQ += p[id] * logQ;
        qLogP += q[id] * logP;
        shared += Math.min(p[id], q[id]);
      }
      let z = this.depths[depth] + f[0] * Math.log(p[best]) + f[1] * Math.log(Math.max(highestQ, SMALLEST));
      z += f[2] * pLogP + f[3] * qLogQ + f[4] * pLogQ + f[5] * qLogP + f[6] * shared;
      for (let j = 0; j < h.length; j++) z += this.hidden[j] * h[j];
      const g = 1 / (1 + Math.exp(-z));
      for (let id = 0; id < p.length; id++) p[id] = Math.max(g * p[id] + (1 - g) * q[id], SMALLEST);
    }
  };
})((globalThis.charseqPage ??= {}));
