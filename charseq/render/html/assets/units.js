// Single units and gates over a text: choose one, and the text takes the colors of its values.
"use strict";
(function (page) {
  const TRACKED = 10;

  page.units = function (section) {
    if (section.left_out) {
      page.leftOut("units", "What single units do", section.left_out);
      return;
    }
    const less =
      section.kept < section.hidden
        ? ` Of the ${section.hidden} units of each tensor, the ${section.kept} that vary most are here.`
        : "";
    const figure = page.section(
      "units",
      section.heading,
      "The color of a symbol is the unit's value after the network has read it: blue below the middle, " +
        `orange above.${less}`,
    );
    const decoded = section.tensors.map((tensor) => new Int8Array(page.bytes(tensor.values).buffer));
    const length = section.ids.length;
    const name = ({ layer, name }) =>
      page.data.network.layers > 1 || section.tensors.some((t) => t.layer) ? `layer ${layer}, ${name}` : name;
    let tensor = 0,
      row = 0;

    const value = (k, r, t) => {
      const { middle, scales } = section.tensors[k];
      return middle + (decoded[k][r * length + t] / 127) * scales[r];
    };
    const holder = page.el("div", { class: "text", role: "group" });
    const starts = new Set(section.starts);
    const cells = section.ids.map((id) => page.symbol(id));
    cells.forEach((cell, i) => {
      if (i && starts.has(i)) holder.append(page.el("br"));
      holder.append(cell);
      const ends = page.isLineEnd(section.ids[i]) && !starts.has(i) && !starts.has(i + 1) && i + 1 < length;
      if (ends) holder.append(page.el("br"));
    });
    const title = () => `${name(section.tensors[tensor])}, unit ${section.tensors[tensor].units[row]}`;
    page.reachable(holder, cells, (t) => [
      `${page.quoted(section.ids[t])}, step ${t + 1}`,
      `${title()}: ${page.number(value(tensor, row, t))}`,
    ]);
    const output = page.el("p", { class: "note", role: "status" });

    const choice = page.select("Tensor", section.tensors.map(name), (i) => {
      tensor = i;
      row = 0;
      sort();
      draw();
    });
    const unit = page.el("select", { "aria-label": "Unit", id: "unit" });
    unit.addEventListener("change", () => {
      row = Number(unit.value);
      draw();
    });
    function sort() {
      const { units } = section.tensors[tensor];
      const order = units.map((_, r) => r).sort((a, b) => units[a] - units[b]);
      unit.replaceChildren(...order.map((r) => page.el("option", { value: r, text: `unit ${units[r]}` })));
    }
    const step = (by) => {
      const options = [...unit.options].map((option) => Number(option.value));
      row = options[(options.indexOf(row) + by + options.length) % options.length];
      draw();
    };

    const tracked = (section.tracked || []).slice(0, TRACKED).map((each) =>
      page.button(
        each.text,
        () => {
          tensor = each.tensor;
          row = section.tensors[tensor].units.indexOf(each.unit);
          choice.querySelector("select").value = tensor;
          sort();
          draw();
        },
        { "data-tracked": `${each.tensor} ${each.unit}` },
      ),
    );
    if (tracked.length)
      figure.append(
        page.el(
          "p",
          { class: "note" },
          ...page.prose(
            `Units (layer.tensor.unit) whose values correlate with a feature of the text, over ${length} symbols. ` +
              "‘charseq inspect-neurons’ ranks them over any text.",
          ),
        ),
        page.el("div", { class: "controls tracked" }, ...tracked),
      );
    figure.append(
      page.el(
        "div",
        { class: "controls" },
        choice,
        page.el("label", { class: "control" }, page.el("span", { text: "Unit" }), unit),
        page.button("Previous", () => step(-1)),
        page.button("Next", () => step(1)),
      ),
      holder,
      output,
      statistics(section.tensors, name),
    );

    function draw() {
      const scale = page.activityScale(),
        chosen = section.tensors[tensor];
      unit.value = row;
      cells.forEach((cell, t) => {
        cell.style.backgroundColor = scale(decoded[tensor][row * length + t] / 127);
      });
      const values = cells.map((_, t) => value(tensor, row, t));
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const range = `from ${page.number(low)} to ${page.number(high)}; the middle of the colors is ${chosen.middle}`;
      output.textContent = `${title()}, over ${section.origin}: ${range}.`;
      holder.setAttribute("aria-label", output.textContent);
      tracked.forEach((button) =>
        button.setAttribute(
          "aria-pressed",
          String(button.dataset.tracked === `${tensor} ${chosen.units[row]}`),
        ),
      );
    }
    const [first] = section.tracked || [];
    if (first) {
      tensor = first.tensor;
      row = section.tensors[tensor].units.indexOf(first.unit);
      choice.querySelector("select").value = tensor;
    }
    sort();
    page.themed(draw);
  };

  function statistics(tensors, name) {
    const cell = (value, isShare) =>
      page.el("td", {
        class: "number",
        text: value === undefined ? "" : isShare ? page.percent(value) : page.number(value),
      });
    const rows = tensors.map((tensor) =>
      page.el(
        "tr",
        {},
        page.el("td", {}, page.el("code", { text: name(tensor) })),
        cell(tensor.statistics.mean),
        cell(tensor.statistics.deviation),
        cell(tensor.statistics.open, true),
        cell(tensor.statistics.closed, true),
      ),
    );
    return page.el(
      "details",
      {},
      page.el("summary", { text: "Statistics of all gates and states" }),
      page.el(
        "div",
        { class: "wide", tabindex: 0 },
        page.el(
          "table",
          {},
          page.el(
            "thead",
            {},
            page.el(
              "tr",
              {},
              page.el("th", { scope: "col", text: "tensor" }),
              ...["mean", "deviation", "open (over 0.9)", "closed (under 0.1)"].map((text) =>
                page.el("th", { scope: "col", class: "number", text }),
              ),
            ),
          ),
          page.el("tbody", {}, ...rows),
        ),
      ),
    );
  }
})((globalThis.charseqPage ??= {}));
