// Reads a prompt and generates from it, a little at a time, so that the page never freezes.
"use strict";
(function (page) {
  const DEFAULT_LENGTH = 200;

  // A line is {ids, steps, given, added, end}: the ids to read, what the reader returned for those that it has read,
  // the number of ids of the prompt, the number of generated ids, and why generation ended: "length", "memorized",
  // "line" or null.  A model of lines may have several lines, other models have one.
  const line = (ids) => ({ ids: ids.slice(), steps: [], given: ids.length, added: 0, end: null });

  page.Session = class {
    // settings(): {temperature, length}, read while generating; `length` is null for the default.
    constructor(reader, section, vocabulary, settings) {
      Object.assign(this, { reader, vocabulary, settings });
      this.memorized = section.memorized.map(page.typed);
      this.sampled = new Float64Array(section.vocabulary_size);
      this.lines = [line([])];
      this.generating = false;
      this.version = 0; // changes when steps that were there are replaced
    }

    get last() {
      return this.lines[this.lines.length - 1];
    }

    get size() {
      return this.lines.reduce((sum, each) => sum + each.ids.length, 0);
    }

    // Replaces everything by a prompt.  Where it only continues what was read, that is not read again.
    prompt(ids) {
      this.generating = false;
      const { steps, given } = this.last;
      const appends = this.lines.length === 1 && steps.every((step, i) => step.id === ids[i]);
      if (!appends) this.reader.restart();
      if (!appends || steps.length > given) this.version++;
      this.lines = [{ ...line(ids), steps: appends ? steps : [] }];
    }

    // Generates more after what is there; `random` replaces the random numbers.
    generate(random = this.random) {
      const { last } = this,
        { length } = this.settings();
      this.random = random;
      last.added = 0;
      this.toMemorized = length === null && this.memorized.length > 0;
      this.limit = length ?? DEFAULT_LENGTH;
      if (this.toMemorized) {
        const longest = Math.max(...this.memorized.map((ids) => ids.length));
        this.limit = this.isMemorized() ? 0 : Math.max(0, longest - last.ids.length);
      }
      this.generating = this.limit > 0;
      last.end = this.generating ? null : "memorized";
    }

    // Begins another line with a prompt, and generates it.
    generateLine(ids) {
      this.lines.push(line(ids));
      this.reader.restart();
      this.generate();
    }

    // Works until a time; returns whether there is more to do.
    advance(deadline) {
      while (this.step()) if (performance.now() >= deadline) return true;
      return false;
    }

    // Reads one symbol, of the prompt or a new one; returns whether there is more to do.
    step() {
      const { last } = this,
        { ids, steps } = last;
      if (steps.length < ids.length) {
        steps.push(this.reader.read(ids[steps.length]));
        return this.generating || steps.length < ids.length;
      }
      if (!this.generating) return false;
      const { temperature } = this.settings();
      const p = page.atTemperature(this.reader.probabilities, temperature, this.sampled);
      const id = page.drawn(p, temperature ? this.random() : 0);
      if (this.vocabulary.boundary && id === 0) last.end = "line";
      else {
        ids.push(id);
        steps.push(this.reader.read(id));
        last.added++;
        if (this.toMemorized && this.isMemorized()) last.end = "memorized";
        else if (last.added >= this.limit) last.end = "length";
      }
      this.generating = !last.end;
      return this.generating;
    }

    // Whether the line is a memorized text, and not the beginning of a longer one.
    isMemorized() {
      const { ids } = this.last;
      const alike = this.memorized.filter((text) => ids.every((id, i) => id === text[i]));
      return alike.length > 0 && alike.every((text) => text.length === ids.length);
    }
  };
})((globalThis.charseqPage ??= {}));
