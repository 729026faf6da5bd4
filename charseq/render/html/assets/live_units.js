// Every unit and gate of one step: a row of colored cells for each tensor of each layer.
"use strict";
(function (page) {
  const SUMS = new Set(["x_gates", "h_gates", "x_proj", "h_proj", "gates", "normalized"]);
  const GATES = new Set(["i", "f", "o", "r", "z"]);

  // A canvas of cells for the values of a vector; the pointer, touch and the arrow keys show single values.
  page.cellCanvas = function (name) {
    const canvas = page.el("canvas", { class: "cells", tabindex: 0, role: "img" });
    let values = [],
      columns = 1,
      size = 12,
      current = 0,
      shown = (v) => v;
    function show(i) {
      if (i < 0 || i >= values.length) return;
      current = i;
      const box = canvas.getBoundingClientRect(),
        left = box.left + (i % columns) * size;
      const top = box.top + Math.floor(i / columns) * size;
      page.showTip({ left, top, bottom: top + size }, `${name}, unit ${i}: ${page.number(values[i])}`);
    }
    canvas.addEventListener("pointermove", (event) => {
      const column = Math.floor(event.offsetX / size),
        row = Math.floor(event.offsetY / size);
      if (column < columns) show(row * columns + column);
    });
    canvas.addEventListener("pointerleave", page.hideTip);
    canvas.addEventListener("blur", page.hideTip);
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) show(current);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (!step) return;
      show(current + step);
      event.preventDefault();
    });

    // `color` maps a value to -1 (blue) ... 1 (orange).
    canvas.update = function (vector, color, width) {
      values = vector;
      shown = color;
      size = vector.length > 256 ? 7 : vector.length > 96 ? 10 : 14;
      columns = Math.max(1, Math.min(vector.length, Math.floor(width / size)));
      const rows = Math.ceil(vector.length / columns),
        ratio = window.devicePixelRatio || 1;
      canvas.width = columns * size * ratio;
      canvas.height = rows * size * ratio;
      canvas.style.width = `${columns * size}px`;
      canvas.style.height = `${rows * size}px`;
      const context = canvas.getContext("2d"),
        scale = page.activityScale(),
        line = page.color("line");
      context.scale(ratio, ratio);
      vector.forEach((value, i) => {
        const x = (i % columns) * size,
          y = Math.floor(i / columns) * size;
        context.fillStyle = line;
        context.fillRect(x, y, size, size);
        context.fillStyle = scale(shown(value));
        context.fillRect(x + 0.5, y + 0.5, size - 1, size - 1);
      });
      const highest = vector.reduce((best, v, i) => (Math.abs(v) > Math.abs(vector[best]) ? i : best), 0);
      canvas.setAttribute(
        "aria-label",
        `${name}: ${vector.length} values; unit ${highest} is the strongest, ${page.number(vector[highest])}`,
      );
    };
    return canvas;
  };

  // The panel beside the text: draw(tensors) shows those of a step.
  page.liveUnits = function () {
    const box = page.el("div", {
      class: "units",
      role: "group",
      "aria-label": "Units and gates at this step",
    });
    const rows = new Map();
    const equations = Object.fromEntries(page.data.equations);
    let layers = 0;

    function row(layer, name, isVector) {
      const key = `${layer} ${name}`;
      if (!rows.has(key)) {
        if (layer >= layers) {
          layers = layer + 1;
          box.append(
            page.el("h3", { text: page.data.network.layers > 1 ? `Layer ${layer}` : "Units and gates" }),
          );
        }
        const canvas = isVector
          ? page.cellCanvas(`${page.data.network.layers > 1 ? `layer ${layer}, ` : ""}${name}`)
          : null;
        const number = isVector ? null : page.el("span", { class: "output" });
        const equation = equations[name]
          ? `= ${equations[name]}`
          : name === "sum"
            ? "= h + the layer's input"
            : "";
        box.append(
          page.el(
            "div",
            { class: "tensor" },
            page.el("div", { class: "name", text: name }, page.el("small", { text: equation })),
            canvas || number,
          ),
        );
        rows.set(key, { canvas, number });
      }
      return rows.get(key);
    }

    let last = [];
    const draw = (tensors) => {
      last = tensors;
      const width = Math.max(
        140,
        (box.clientWidth || 480) - (matchMedia("(max-width: 720px)").matches ? 0 : 130),
      );
      for (const { layer, name, vector } of tensors) {
        if (SUMS.has(name)) continue;
        const isVector = vector.length > 1 || page.data.network.hidden_size === 1;
        const { canvas, number } = row(layer, name, isVector);
        if (!isVector) {
          number.textContent = page.number(vector[0]);
          continue;
        }
        const inUnit = GATES.has(name) && vector.every((v) => v >= 0 && v <= 1);
        const most = vector.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
        const full = ["h", "c", "g", "n"].includes(name) && most <= 1 ? Math.max(most, 0.25) : most || 1;
        canvas.update(vector, inUnit ? (v) => 2 * v - 1 : (v) => v / full, width);
      }
    };
    let timer;
    addEventListener("resize", () => {
      clearTimeout(timer);
      timer = setTimeout(() => draw(last), 100);
    });
    return { box, draw };
  };
})((globalThis.charseqPage ??= {}));
