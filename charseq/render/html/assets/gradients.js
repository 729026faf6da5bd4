// How far the gradient of the loss at a chosen position reaches back.
"use strict";
(function (page) {
  page.gradients = function (section) {
    if (section.left_out) {
      page.leftOut("gradients", "Gradients reaching back", section.left_out);
      return;
    }
    const cut = section.shortened ? ` The chart covers the first ${section.ids.length} symbols.` : "";
    const figure = page.section(
      "gradients",
      section.heading,
      "A bar is the norm of the gradient of the loss at the chosen position with respect to the state after " +
        "each earlier step, all layers together. " +
        `Bars that shrink to the left show a vanishing gradient.${cut}`,
    );
    let position = section.norms.length - 1,
      isLog = false;
    const columns = page.el("div", { class: "columns", role: "group" });
    const under = page.el("div", {
      class: "under",
      role: "group",
      "aria-label": "Choose the position whose loss is followed back",
    });
    const output = page.el("span", { class: "output", role: "status" });
    const slider = page.slider("Position", section.norms.length - 1, position, show);
    const cells = section.ids.map((id) => page.symbol(id));
    under.append(...cells);
    page.reachable(
      under,
      cells,
      (i) =>
        i
          ? [
              `${page.quoted(section.ids[i])}, position ${i}`,
              `loss ${page.number(section.losses[i - 1])} nats`,
            ]
          : ["the first symbol: nothing predicts it"],
      { choose: (i) => i && show(i - 1) },
    );
    const chart = page.el("div", { class: "gradient-chart" }, columns, under);
    const wide = page.el("div", { class: "wide", tabindex: 0 }, chart);
    chart.style.setProperty("--cell", page.cellWidth(section.ids, "20px"));
    chart.style.setProperty("--count", section.ids.length);
    const scale = page.select("Scale", ["linear", "logarithmic"], (i) => {
      isLog = i === 1;
      show(position);
    });
    figure.append(
      page.el(
        "div",
        { class: "controls" },
        page.el("span", { class: "output", text: "Loss at" }),
        slider,
        output,
        scale,
      ),
      wide,
    );

    function show(chosen) {
      position = chosen;
      slider.value = chosen;
      const norms = section.norms[chosen],
        highest = Math.max(...norms) || 1;
      const height = (norm) =>
        isLog ? Math.max(0, 1 + Math.log10(Math.max(norm, 1e-12) / highest) / 6) : norm / highest;
      const bars = section.norms.map((_, k) => {
        const bar = page.el("span", {}),
          column = page.el("div", { class: "column", "data-cell": true }, bar);
        bar.style.height = k < norms.length ? `${100 * height(norms[k])}%` : "0";
        if (k >= norms.length) bar.style.minHeight = "0";
        return column;
      });
      const fresh = columns.cloneNode(false);
      fresh.append(...bars);
      now.replaceWith(fresh);
      now = fresh;
      page.reachable(fresh, bars, (k) =>
        k < norms.length
          ? [
              `after ${page.quoted(section.ids[k])}, ${norms.length - 1 - k} steps back`,
              `norm ${page.number(norms[k])}, ${page.percent(norms[k] / highest)} of the largest`,
            ]
          : ["a later step: no gradient"],
      );
      fresh.setAttribute(
        "aria-label",
        `Gradient norms: ${page.number(norms[0])} at the first step, ${page.number(norms[chosen])} at the last`,
      );
      cells.forEach((cell, i) => cell.classList.toggle("target", i === chosen + 1));
      reveal();
      const loss = page.number(section.losses[chosen]);
      output.textContent = `${page.quoted(section.ids[chosen + 1])}, position ${chosen + 1}: loss ${loss} nats`;
    }
    // Scrolls the chart, not the page, until the chosen position is in the middle.
    function reveal() {
      const cell = cells[position + 1].getBoundingClientRect(),
        box = wide.getBoundingClientRect();
      wide.scrollLeft += (cell.left + cell.right) / 2 - (box.left + box.right) / 2;
    }
    addEventListener("resize", reveal);
    let now = columns;
    show(position);
  };
})((globalThis.charseqPage ??= {}));
