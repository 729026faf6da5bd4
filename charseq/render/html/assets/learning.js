// Loss and accuracy over epochs: zoom, values under the cursor, the saved epoch, and samples.
"use strict";
(function (page) {
  const BITS = 1 / Math.LN2;
  const WHOLE = [0, 1, 2, 3, 4, 5, 6].flatMap((e) => [1, 2, 5].map((i) => i * 10 ** e)); // steps of an axis
  const CAPTION =
    "Drag over a stretch to zoom in, double-click to reset. The dashed line marks the saved weights.";

  page.learning = function (section) {
    if (section.left_out) {
      page.leftOut("learning", "Loss and accuracy", section.left_out);
      return;
    }
    const figure = page.section("learning", section.heading, CAPTION);
    let inBits = false,
      charts = [];
    const boxes = page.el("div", {});
    const unit = page.select("Loss in", ["nats", "bits"], (i) => {
      inBits = i === 1;
      draw();
    });
    const all = page.button("Reset zoom", () => charts.forEach(showAll), { id: "show-all" });
    const sample = sampleBox(section.samples);
    figure.append(page.el("div", { class: "controls" }, unit, all), boxes, ...sample.elements);

    function draw() {
      charts.forEach((chart) => chart.destroy());
      boxes.replaceChildren();
      const scale = inBits ? BITS : 1;
      const losses = section.losses.map(({ name, values }) => ({
        name,
        values: values.map((v) => (v === null ? null : v * scale)),
      }));
      charts = [
        ["loss", losses, inBits ? "bits" : "nats", 280],
        ["accuracy", section.accuracies, "", 200],
      ]
        .filter(([, curves]) => curves.length)
        .map(([name, curves, suffix, height]) =>
          chart(boxes, section, name, curves, suffix, height, sample.follow),
        );
    }
    page.themed(draw);
    let timer;
    addEventListener("resize", () => {
      clearTimeout(timer);
      timer = setTimeout(
        () => charts.forEach((each) => each.setSize({ width: boxes.clientWidth, height: each.height })),
        100,
      );
    });
  };

  const showAll = (chart) => {
    const xs = chart.data[0];
    chart.setScale("x", { min: xs[0], max: xs[xs.length - 1] });
  };

  // The value under the cursor; without a cursor, the last one.
  const shownValue = (format) => (u, value, series, index) => {
    const at = index ?? null;
    const shown = at === null ? (u.data?.[series] ?? []).filter((each) => each !== null).pop() : value;
    return shown === null || shown === undefined ? "–" : format(shown);
  };

  // How a curve looks: blue for the model, gray for training, dashes for its parts.
  function style(name) {
    const isModel = name === "validation" || name === "validation, network alone";
    return {
      stroke: page.color(isModel ? "model" : "muted"),
      width: name === "validation" ? 2.5 : 1.5,
      dash:
        name === "validation, network alone"
          ? [6, 4]
          : name === "validation, n-grams alone"
            ? [2, 3]
            : undefined,
    };
  }

  function chart(parent, section, name, curves, suffix, height, follow) {
    const box = page.el("div", {
      class: "chart",
      tabindex: 0,
      role: "group",
      "aria-label": describe(name, section, curves),
    });
    parent.append(box);
    const few = section.passes.length < 30;
    const only = curves.length === 1 ? { stroke: page.color("model"), width: 2.5, dash: undefined } : {};
    const series = curves.map((curve) => ({
      label: curve.name.replace("validation, ", "") + (curves.length > 2 ? "" : ` ${name}`),
      spanGaps: true,
      points: { show: few, size: 5 },
      ...style(curve.name),
      ...only,
      value: shownValue((value) =>
        name === "accuracy" ? page.percent(value) : `${page.number(value, 4)} ${suffix}`,
      ),
    }));
    const axis = {
      stroke: page.color("muted"),
      grid: { stroke: page.color("line"), width: 1 },
      ticks: { stroke: page.color("line"), width: 1 },
      font: "13px system-ui",
    };
    const isWhole = section.passes.every(Number.isInteger);
    const increments = (_, i, from, to) =>
      isWhole || to - from >= 2 ? WHOLE : [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, ...WHOLE];
    const dash = (u, i) => (u.series[i].dash ? (u.series[i].dash[0] > 3 ? "dashed" : "dotted") : "solid");
    const single = section.passes.length === 1;
    const u = new uPlot(
      {
        width: parent.clientWidth,
        height,
        padding: [22, 16, 0, 0],
        scales: {
          x: { time: false, ...(single ? { range: [section.passes[0] - 1, section.passes[0] + 1] } : {}) },
          y: name === "accuracy" ? { range: [0, 1] } : {},
        },
        series: [
          { label: "epochs", value: shownValue((value) => page.number(value, 4)) },
          ...series,
        ],
        legend: { markers: { width: 2, dash, fill: () => "transparent" } },
        axes: [
          {
            ...axis,
            incrs: increments,
            size: 36,
            ...(name === "accuracy" ? { label: "epochs", labelSize: 20, labelFont: "13px system-ui" } : {}),
          },
          {
            ...axis,
            size: 60,
            label: name === "accuracy" ? "accuracy" : `loss in ${suffix} per ${page.data.vocabulary.unit}`,
            labelSize: 20,
            labelFont: "13px system-ui",
          },
        ],
        cursor: { sync: { key: "charseq" }, drag: { x: true, y: false }, points: { size: 7 } },
        hooks: {
          draw: [(chart) => markSaved(chart, section.best)],
          setCursor: [
            (chart) =>
              follow(
                chart.cursor.idx === null || chart.cursor.idx === undefined
                  ? null
                  : section.passes[chart.cursor.idx],
              ),
          ],
        },
      },
      [section.passes, ...curves.map((curve) => curve.values)],
      box,
    );

    const at = (i) => u.setCursor({ left: u.valToPos(section.passes[i], "x"), top: height / 3 });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const now = u.cursor.idx ?? (step > 0 ? -1 : section.passes.length);
      at(Math.max(0, Math.min(section.passes.length - 1, now + step)));
      event.preventDefault();
    });
    const touch = (event) => {
      if (event.pointerType !== "touch") return;
      const bounds = u.over.getBoundingClientRect();
      u.setCursor({ left: event.clientX - bounds.left, top: event.clientY - bounds.top });
    };
    u.over.addEventListener("pointerdown", touch);
    u.over.addEventListener("pointermove", touch);
    return u;
  }

  function describe(name, section, curves) {
    const values = curves[0].values.filter((value) => value !== null);
    const [first, last] = [values[0], values[values.length - 1]].map((value) => page.number(value));
    const evaluations = `over ${section.passes.length} evaluations, from ${first} to ${last}`;
    return `${curves[0].name} ${name} ${evaluations}. The arrow keys read single values.`;
  }

  function markSaved(chart, best) {
    if (best === null || best < chart.scales.x.min || best > chart.scales.x.max) return;
    const x = Math.round(chart.valToPos(best, "x", true)),
      { top, height, left, width } = chart.bbox;
    const context = chart.ctx,
      ratio = window.devicePixelRatio || 1;
    context.save();
    context.strokeStyle = context.fillStyle = page.color("text");
    context.lineWidth = ratio;
    context.setLineDash([4 * ratio, 4 * ratio]);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
    context.font = `${13 * ratio}px system-ui`;
    const half = context.measureText("saved").width / 2;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText("saved", Math.min(Math.max(x, left + half), left + width + 16 * ratio - half), top - 4 * ratio);
    context.restore();
  }

  // The lines of a sample; of lines with labels, the label is in a frame.
  function sampleLines(sample) {
    if (!page.data.vocabulary.labels.length) return [sample];
    return sample.split("\n").flatMap((line, i) => {
      const [, label, rest] = /^([^\t]*)\t(.*)$/.exec(line) ?? [null, null, line];
      const frame = label === null ? [] : [page.el("span", { class: "label-symbol", text: label }), " "];
      return [i ? "\n" : "", ...frame, rest];
    });
  }

  // The sample nearest to the cursor, or else the last one.
  function sampleBox(samples) {
    if (!samples.length) return { elements: [], follow: () => {} };
    const heading = page.el("h3", {}),
      text = page.el("pre", { class: "sample", tabindex: 0 });
    const follow = (passes) => {
      const near =
        passes === null
          ? samples[samples.length - 1]
          : samples.reduce((best, each) =>
              Math.abs(each[0] - passes) < Math.abs(best[0] - passes) ? each : best,
            );
      heading.textContent = `A sample after ${page.number(near[0])} ${near[0] === 1 ? "epoch" : "epochs"}`;
      text.replaceChildren(...sampleLines(near[1]));
    };
    follow(null);
    return { elements: [heading, text], follow };
  }
})((globalThis.charseqPage ??= {}));
