// The model as `charseq predict` uses it: the network with its n-gram model, or in overlapping windows.
"use strict";
(function (page) {
  const SHOWN = 10;
  const SMALLEST = 1e-30; // the smallest probability, so that a surprisal is finite

  // Reads one text symbol by symbol; `probabilities` are those of the next symbol.
  page.Reader = class {
    constructor(section, vocabulary) {
      this.network = new page.Network(section, page.bytes(section.weights));
      this.mixture = section.ngram
        ? new page.Mixture(section.ngram, section.vocabulary_size, vocabulary.labels)
        : null;
      this.window = section.window;
      this.labels = vocabulary.labels;
      this.probabilities = new Float64Array(section.vocabulary_size);
      this.restart();
    }

    restart() {
      this.network.restart();
      if (this.mixture) this.mixture.ngram.restart();
      this.inWindow = [];
      this.length = 0;
    }

    // Reads a symbol -> {id, bits, top, probabilities}: its surprisal (null for the first symbol), and the most likely
    // next symbols with their probabilities.
    read(id) {
      const bits = this.length ? -Math.log2(Math.max(this.probabilities[id], SMALLEST)) : null;
      if (this.window) this.slide(id);
      const logits = this.network.read(id);
      const p = page.softmax(logits, this.probabilities);
      if (this.mixture) {
        this.mixture.ngram.read(id);
        this.mixture.mix(p, logits, this.network.output);
      }
      this.leaveOutLabels();
      this.length++;
      const top = page.mostLikely(p, SHOWN);
      return { id, bits, top, probabilities: top.map((each) => p[each]) };
    }

    // A window is read from the initial state.  The next one begins with the last symbols of this one.
    slide(id) {
      const [length, stride] = this.window;
      if (this.inWindow.length === length) {
        this.inWindow.splice(0, stride);
        this.network.restart();
        for (const shared of this.inWindow) this.network.read(shared);
      }
      this.inWindow.push(id);
    }

    // A label is never predicted; the other symbols keep their proportions.
    leaveOutLabels() {
      if (!this.labels.length) return;
      const p = this.probabilities;
      for (const label of this.labels) p[label] = 0;
      const sum = p.reduce((total, value) => total + value, 0);
      for (let id = 0; id < p.length; id++) p[id] /= sum;
    }
  };

  // Probabilities at a temperature, into `result`: p ** (1 / temperature), normalized.  0 is all for the highest.
  page.atTemperature = function (p, temperature, result) {
    let best = 0;
    for (let id = 1; id < p.length; id++) if (p[id] > p[best]) best = id;
    const highest = Math.log(p[best]);
    let sum = 0;
    for (let id = 0; id < p.length; id++) {
      result[id] = temperature ? Math.exp((Math.log(p[id]) - highest) / temperature) : Number(id === best);
      sum += result[id];
    }
    for (let id = 0; id < p.length; id++) result[id] /= sum;
    return result;
  };

  // A symbol drawn from probabilities, by a random number from 0 to 1.
  page.drawn = function (p, random) {
    let left = random,
      last = 0;
    for (let id = 0; id < p.length; id++) {
      if (!p[id]) continue;
      last = id;
      left -= p[id];
      if (left < 0) return id;
    }
    return last; // rounding
  };

  // Random numbers from 0 to 1 of a seed: sfc32, by Chris Doty-Humphrey (PractRand).
  page.generator = function (seed) {
    let [a, b, c, counter] = [0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
    const next = () => {
      const sum = (a + b + counter++) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      return (sum >>> 0) / 2 ** 32;
    };
    for (let i = 0; i < 12; i++) next();
    return next;
  };
})((globalThis.charseqPage ??= {}));
