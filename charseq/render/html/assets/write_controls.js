// The controls of the page that is a model: prompt, temperature, length, seed, label, and the buttons.
"use strict";
(function (page) {
  const LARGEST_LENGTH = 10000;
  const LARGEST_SEED = 2 ** 32 - 1;

  const numberField = (label, placeholder, maximum, minimum) =>
    page.el("input", {
      type: "number",
      "aria-label": label,
      placeholder,
      min: minimum,
      max: maximum,
      step: 1,
      inputmode: "numeric",
    });
  // The number of a field, within its limits; null if it is empty or no number.
  const numberIn = (field) =>
    field.value === "" || !Number.isFinite(Number(field.value))
      ? null
      : Math.min(Number(field.max), Math.max(Number(field.min), Math.round(Number(field.value))));
  const labeled = (text, ...elements) =>
    page.el("label", { class: "control" }, page.el("span", { text }), ...elements);

  page.writeControls = function (section, vocabulary) {
    const opening = section.opening.map(page.quoted).join("");
    const field = page.el("textarea", {
      rows: 2,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      id: "prompt",
      placeholder: vocabulary.boundary ? "Empty: a new line" : `Empty: begins with ${opening}`,
    });
    const shown = page.el("span", { class: "output" });
    let change = {};
    const temperature = page.el("input", {
      type: "range",
      min: 0,
      max: 2,
      step: 0.05,
      id: "temperature",
      "aria-label": "Temperature",
    });
    temperature.value = section.temperature;
    const showTemperature = () => {
      const value = Number(temperature.value);
      shown.textContent = value ? value.toFixed(2) : "0: the most likely";
    };
    temperature.addEventListener("input", () => {
      showTemperature();
      change.temperature();
    });
    showTemperature();
    const ends = section.memorized.length ? "to its end" : "200";
    const length = numberField(`Largest number of ${vocabulary.unit}s to generate`, ends, LARGEST_LENGTH, 1);
    length.id = "length";
    const seed = numberField("Seed of the random numbers", "random", LARGEST_SEED, 0);
    seed.id = "seed";

    let label = vocabulary.labels[section.label ?? 0];
    const labels = vocabulary.labels.map((id) => page.data.symbols[id]);
    const select = labels.length
      ? page.select("Label", labels, (i) => {
          label = vocabulary.labels[i];
          change.label();
        })
      : null;
    if (select) select.querySelector("select").value = section.label ?? 0;

    const buttons = {
      generate: page.button("Generate", () => {}, { id: "generate", class: "first" }),
      more: page.button("Continue", () => {}, { id: "more" }),
      stop: page.button("Stop", () => {}, { id: "stop", disabled: true }),
      clear: page.button("Clear", () => {}, { id: "clear" }),
    };
    const prompt = page.el(
      "div",
      { class: "write-controls" },
      page.el("label", { class: "field" }, page.el("span", { text: "Prompt" }), field),
      page.el("div", { class: "controls append" }, ...Object.values(buttons)),
    );
    const sampling = page.el(
      "div",
      { class: "write-controls" },
      select ? page.el("div", { class: "controls" }, select) : null,
      page.el("div", { class: "controls" }, labeled("Temperature", temperature, shown)),
      page.el("div", { class: "controls" }, labeled("Length", length), labeled("Seed", seed)),
    );
    return {
      ...{ prompt, sampling, field, ...buttons },
      settings: () => ({ temperature: Number(temperature.value), length: numberIn(length) }),
      seed: () => numberIn(seed) ?? Math.floor(1e6 * Math.random()),
      label: () => label,
      onChange: (functions) => (change = functions),
    };
  };
})((globalThis.charseqPage ??= {}));
