// Shared by all sections: elements, symbols, numbers, colors, tooltips, and the keyboard.
// Text from the run reaches the page only as textContent, never as markup.
"use strict";
(function (page) {
  page.el = function (tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };

  // A section with its heading, caption and figure; returns the element for the figure.
  page.section = function (id, heading, caption) {
    const figure = page.el("figure", { class: "figure" });
    const section = page.el(
      "section",
      { id, "aria-labelledby": `${id}-heading` },
      page.el("h2", { id: `${id}-heading`, text: heading }),
      figure,
    );
    if (caption) section.append(page.el("p", { class: "caption" }, ...page.prose(caption)));
    document.querySelector("main").append(section);
    return figure;
  };

  // Why a section is left out.
  page.leftOut = function (id, heading, reason) {
    page.section(id, heading, "").append(page.el("p", { class: "left-out" }, ...page.prose(reason)));
  };

  // Text in which no line ends within a command or an option with its value.
  page.prose = (text) =>
    text
      .split(/(‘charseq [^’]*’|--[a-z][a-z-]*(?: [0-9]+| [A-Z]{2,})?)/)
      .map((part, i) => (i % 2 ? page.el("span", { class: "unbroken", text: part }) : part));

  page.slider = function (label, maximum, value, change) {
    const input = page.el("input", { type: "range", min: 0, max: maximum, step: 1, "aria-label": label });
    input.value = value;
    input.addEventListener("input", () => change(Number(input.value)));
    return input;
  };

  page.select = function (label, names, change) {
    const select = page.el(
      "select",
      { "aria-label": label },
      ...names.map((name, i) => page.el("option", { value: i, text: name })),
    );
    select.addEventListener("change", () => change(Number(select.value)));
    return page.el("label", { class: "control" }, page.el("span", { text: label }), select);
  };

  page.button = (text, click, attributes = {}) =>
    page.el("button", { type: "button", text, onclick: click, ...attributes });

  page.number = (value, digits = 3) =>
    value === null || value === undefined ? "unknown" : Number(value.toPrecision(digits)).toString();
  page.percent = (value) =>
    value >= 0.0995
      ? `${(100 * value).toFixed(0)}%`
      : value >= 0.001
        ? `${(100 * value).toPrecision(2)}%`
        : "< 0.1%";

  // Binary data: base64 of little-endian numbers.
  page.bytes = function (base64) {
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  };

  // Colors follow the theme: style.css defines them, and `themed` draws again when it changes.
  const redraws = [];
  page.themed = (draw) => {
    redraws.push(draw);
    draw();
  };
  page.redraw = () => redraws.forEach((draw) => draw());
  page.color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function rgb(name) {
    const hex = page.color(name).slice(1);
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
  const mix = (from, to, share) =>
    `rgb(${from.map((c, i) => Math.round(c + (to[i] - c) * share)).join(" ")})`;

  // From the background to orange: certainty is quiet, and 8 bits or more are full orange.
  page.surprisalScale = function () {
    const [low, high] = [rgb("background"), rgb("heat")];
    return (bits) => mix(low, high, Math.min(1, Math.max(0, bits) / 8));
  };
  page.surprisalLegend = function () {
    const bits = [0, 1, 2, 4, 6, 8];
    const swatches = bits.map(() => page.el("span", {}));
    page.themed(() => {
      const scale = page.surprisalScale();
      swatches.forEach((swatch, i) => {
        swatch.style.backgroundColor = scale(bits[i]);
      });
    });
    return page.el(
      "div",
      { class: "legend" },
      page.el("span", { text: "0 bits (certain)" }),
      page.el("span", { class: "scale" }, ...swatches),
      page.el("span", { text: "8 bits or more (1 in 256)" }),
    );
  };
  // From blue (-1) over the background (0) to orange (1).
  page.activityScale = function () {
    const [blue, middle, orange] = [rgb("cold"), rgb("background"), rgb("heat")];
    return (value) => mix(middle, value < 0 ? blue : orange, Math.min(1, Math.abs(value)));
  };

  // One tooltip for the whole page: shown for the pointer, the keyboard and touch.
  const tip = page.el("div", { id: "tooltip", role: "status", "aria-live": "polite" });
  tip.hidden = true;
  page.showTip = function (at, ...lines) {
    tip.replaceChildren(
      ...lines.map((line) => (typeof line === "string" ? page.el("div", { text: line }) : line)),
    );
    tip.hidden = false;
    tip.style.left = "0";
    const box = at.getBoundingClientRect ? at.getBoundingClientRect() : at;
    const width = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8));
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 0 ? above : box.bottom + 8}px`;
  };
  page.hideTip = () => {
    tip.hidden = true;
  };
  page.placeTip = () => {
    document.body.append(tip);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") page.hideTip();
    });
    document.addEventListener("scroll", page.hideTip, { capture: true, passive: true });
  };

  // Cells of a figure that the pointer, touch and the arrow keys reach; `columns` is the length of a row, if any.
  // `describe(i)` returns the lines of the tooltip; `choose(i)` is called for a click, a touch or Enter.  Cells may be
  // added to the list, and removed from its end.
  page.reachable = function (box, cells, describe, { columns = 0, choose = null } = {}) {
    let current = 0;
    const show = (i) => {
      const lines = describe(i);
      if (lines) page.showTip(cells[i], ...lines);
    };
    const move = (i) => {
      if (i < 0 || i >= cells.length) return;
      if (cells[current]) cells[current].tabIndex = -1;
      current = i;
      cells[i].tabIndex = 0;
      cells[i].focus({ preventScroll: false });
    };
    cells.forEach((cell, i) => {
      cell.tabIndex = i ? -1 : 0;
    });
    const found = (event) => {
      const i = cells.indexOf(event.target.closest ? event.target.closest("[data-cell]") : null);
      return i < 0 ? undefined : i;
    };
    box.addEventListener("pointerover", (event) => {
      const i = found(event);
      if (i !== undefined) show(i);
    });
    box.addEventListener("pointerleave", page.hideTip);
    box.addEventListener("focusin", (event) => {
      const i = found(event);
      if (i !== undefined) show(i);
    });
    box.addEventListener("focusout", page.hideTip);
    box.addEventListener("click", (event) => {
      const i = found(event);
      if (i === undefined) return;
      move(i);
      if (choose) choose(i);
    });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (event.key === "Enter" && choose) choose(current);
      else if (event.key === "Home") move(0);
      else if (event.key === "End") move(cells.length - 1);
      else if (step) move(current + step);
      else return;
      event.preventDefault();
    });
  };

  // A character of the vocabulary as an element: isolated, so that no direction or mark reaches its neighbors.
  page.isLabel = (id) => page.data.vocabulary.labels.includes(id);
  page.symbol = (id, extra = "") =>
    page.el("span", {
      class: `symbol ${extra}${page.isLabel(id) ? " label-symbol" : ""}`,
      "data-cell": true,
      text: page.data.symbols[id],
    });
  // The width of a cell for the longest of some symbols, such as \xff, or a label with its frame.
  page.cellWidth = (ids, least) => {
    const length = (id) => Array.from(page.data.symbols[id]).length + (page.isLabel(id) ? 1.2 : 0);
    const longest = Math.max(...ids.map(length));
    return longest > 1 ? `${longest + 0.8}ch` : least;
  };
  // A text with every invisible character by its number.
  page.visible = (text) =>
    Array.from(text, (each) => {
      const number = each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      return /[\p{C}\p{Z}]/u.test(each) ? `U+${number}` : each;
    }).join("");
  page.quoted = (id) => `‘${page.data.symbols[id]}’`;
  page.isLineEnd = (id) => page.data.symbols[id] === "⏎";
})((globalThis.charseqPage ??= {}));
