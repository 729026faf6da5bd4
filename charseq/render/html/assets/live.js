// The network itself: type, and see the distribution of the next symbol and every unit, step by step.
"use strict";
(function (page) {
  const SHOWN = 10;
  const LONGEST = 400;

  // Reads texts; keeps the record of every step of the last one, so that appending to it is cheap.
  class Reading {
    constructor(network) {
      this.network = network;
      this.restart();
    }

    restart() {
      this.ids = [];
      this.steps = [];
      this.network.restart();
    }

    read(ids) {
      if (this.ids.length > ids.length || this.ids.some((id, i) => id !== ids[i])) this.restart();
      for (const id of ids.slice(this.ids.length)) {
        const tensors = [];
        const logits = this.network.read(id, (layer, name, vector) =>
          tensors.push({ layer, name, vector: vector.slice() }),
        );
        this.steps.push({ tensors, probabilities: page.softmax(logits) });
        this.ids.push(id);
      }
    }
  }
  page.Reading = Reading;

  page.live = function (section, vocabulary) {
    const heading = "Try it: type, and watch the network read";
    if (section.left_out) {
      page.leftOut("live", heading, section.left_out);
      return;
    }
    const figure = page.section("live", heading, caption(section));
    const reading = new Reading(new page.Network(section, page.bytes(section.weights)));
    const field = page.el("textarea", {
      rows: 3,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      id: "typed",
    });
    field.value = section.text;
    let label = vocabulary.labels[0],
      chosen = null;
    // What was appended symbol by symbol: a byte may be half a character of the field.
    let appended = null;

    const strip = page.el("div", {
      class: "text",
      role: "group",
      "aria-label": "The symbols that the network has read",
    });
    const bars = page.el("div", {
      class: "bars",
      role: "group",
      "aria-label": "The most likely next symbols",
    });
    const nextHeading = page.el("h3", {});
    const note = page.el("p", { class: "note", role: "status" });
    const units = page.liveUnits();
    const slider = page.slider("Step", 0, 0, (value) => {
      chosen = value;
      drawStep();
    });

    function ids() {
      if (appended) return appended.slice(0, LONGEST);
      const { ids, unknown } = page.encode(field.value, vocabulary);
      const begin = label !== undefined ? [label] : vocabulary.boundary ? [0] : [];
      note.textContent = page.unknownNote(unknown, ids.length > LONGEST ? LONGEST : 0);
      return [...begin, ...ids.slice(0, LONGEST)];
    }

    function draw() {
      reading.read(ids());
      const count = reading.ids.length;
      if (chosen === null || chosen >= count) chosen = count - 1;
      slider.max = Math.max(0, count - 1);
      const scale = page.surprisalScale();
      const cells = reading.ids.map((id, i) => {
        const cell = page.symbol(id);
        if (i) cell.style.backgroundColor = scale(bitsAt(i));
        return cell;
      });
      const fresh = strip.cloneNode(false);
      fresh.append(...cells);
      stripNow.replaceWith(fresh);
      stripNow = fresh;
      page.reachable(fresh, cells, describe, {
        choose: (i) => {
          chosen = i;
          drawStep();
        },
      });
      drawStep();
    }
    let stripNow = strip;

    const bitsAt = (i) => -Math.log2(Math.max(reading.steps[i - 1].probabilities[reading.ids[i]], 1e-30));
    function describe(i) {
      const name = `${page.quoted(reading.ids[i])}, step ${i + 1}`;
      return i
        ? [name, `surprisal ${page.number(bitsAt(i))} bits, probability ${page.percent(2 ** -bitsAt(i))}`]
        : [name, "the first symbol: nothing predicted it"];
    }

    function drawStep() {
      slider.value = chosen;
      [...stripNow.children].forEach((cell, i) => cell.classList.toggle("chosen", i === chosen));
      const step = reading.steps[chosen];
      bars.replaceChildren();
      if (!step) {
        nextHeading.textContent = "Type a symbol that the model knows";
        units.draw([]);
        return;
      }
      nextHeading.textContent = `The next symbol after ${chosen + 1} ${chosen ? "steps" : "step"}`;
      const top = page.mostLikely(step.probabilities, SHOWN);
      bars.append(...top.map((id) => page.bar(id, step.probabilities[id], () => append(id))));
      units.draw(step.tensors);
    }

    const isText = (id) => !vocabulary.labels.includes(id) && vocabulary.raw[id] !== "";
    function append(id) {
      if (!isText(id)) {
        note.textContent = "The line ends here.";
        return;
      }
      appended = [...reading.ids.slice(0, chosen + 1), id];
      field.value = page.decode(appended.filter(isText), vocabulary);
      note.textContent = appended.length > LONGEST ? `Only ${LONGEST} symbols are read.` : "";
      chosen = null;
      draw();
    }

    function sample() {
      const step = reading.steps[chosen];
      if (!step) return;
      let left =
        Math.random() *
        step.probabilities.filter((_, id) => !vocabulary.labels.includes(id)).reduce((a, b) => a + b, 0);
      for (const [id, probability] of step.probabilities.entries()) {
        if (vocabulary.labels.includes(id)) continue;
        left -= probability;
        if (left <= 0) {
          append(id);
          return;
        }
      }
    }
    const appendMostLikely = () => {
      const step = reading.steps[chosen];
      if (step) append(step.probabilities.reduce((best, p, id, all) => (p > all[best] ? id : best), 0));
    };

    const typed = () => {
      appended = chosen = null;
      draw();
    };
    field.addEventListener("input", typed);
    const controls = page.el(
      "div",
      { class: "controls append" },
      page.button("Append the most likely", appendMostLikely),
      page.button("Append a sample", sample),
      page.button("Clear", () => {
        field.value = "";
        typed();
      }),
    );
    const labels = vocabulary.labels.length
      ? page.el(
          "div",
          { class: "controls" },
          page.select(
            "Label",
            vocabulary.labels.map((id) => page.data.symbols[id]),
            (i) => {
              label = vocabulary.labels[i];
              typed();
            },
          ),
        )
      : null;
    const left = page.el(
      "div",
      {},
      page.el("label", { class: "field" }, page.el("span", { text: "Text for the network" }), field),
      note,
      labels,
      controls,
      strip,
      page.el("div", { class: "controls" }, page.el("span", { class: "output", text: "Step" }), slider),
      nextHeading,
      bars,
    );
    figure.append(page.el("div", { class: "live" }, left, units.box));
    page.themed(draw);
  };

  function caption(section) {
    const kind = section.has_ngram
      ? "This is the network alone: its n-gram model, which predict and score also use, is left out. "
      : "";
    const windows = section.window
      ? `The model was trained on windows of ${section.window[0]}; here it reads on without restarting. `
      : "";
    const click =
      "Click a bar to append that symbol; click a symbol of the text to see the network at that step.";
    return `${kind}${windows}${click}`;
  }
})((globalThis.charseqPage ??= {}));
