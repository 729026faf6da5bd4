// Predictions over the epochs: epochs down, positions across; a slider and a play button.
"use strict";
(function (page) {
  const SECONDS = 8;

  page.evolution = function (section) {
    if (section.left_out) {
      page.leftOut("evolution", "Predictions over the epochs", section.left_out);
      return;
    }
    const what = section.memorized ? "the text" : "held-out text (not trained on)";
    const more = section.all_epochs ? "" : " Not every epoch is shown.";
    const cut = section.shortened ? " Longer texts are cut." : "";
    const figure = page.section(
      "evolution",
      section.heading,
      `Each row shows, after one epoch, the most likely symbol at each position of ${what}; ` +
        `the first row shows the correct text.${more}${cut}`,
    );
    const { rows, targets } = section;
    let string = 0,
      now = rows.length - 1,
      cells = [],
      timer = null;
    const grid = page.el("div", {
      class: "evolution",
      role: "group",
      "aria-label": "Predicted symbols, epochs down and positions across",
    });
    const output = page.el("span", { class: "output", role: "status" });
    const slider = page.slider("Epoch", rows.length - 1, now, (value) => {
      stop();
      show(value);
    });
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const play = page.button(
      "Play",
      () => (still.matches ? show((now + 1) % rows.length) : timer === null ? start() : stop()),
      { id: "play" },
    );
    const rest = () => {
      play.textContent = still.matches ? "Next epoch" : "Play";
    };
    still.addEventListener("change", () => stop());

    function build() {
      const target = targets[string];
      const shown = [target, ...rows.map((row) => row.predicted[string])]
        .flat()
        .filter((id) => !page.isLabel(id));
      grid.style.setProperty("--cell", page.cellWidth(shown.length ? shown : [0], "2.1ch"));
      const head = page.el(
        "div",
        { class: "row head" },
        page.el("span", { class: "epoch", text: "epoch" }),
        ...target.map((id) => page.symbol(id)),
      );
      [...head.querySelectorAll(".symbol")].forEach((cell) => cell.removeAttribute("data-cell"));
      grid.replaceChildren(head);
      cells = [];
      rows.forEach((row) => {
        const line = page.el(
          "div",
          { class: "row" },
          page.el("span", { class: "epoch", text: `${row.epoch}${row.epoch === section.saved ? " ★" : ""}` }),
        );
        row.predicted[string].forEach((id, t) => {
          const cell = page.symbol(id, id === target[t] ? "correct" : "wrong");
          cells.push(cell);
          line.append(cell);
        });
        grid.append(line);
      });
      page.reachable(grid, cells, describe, {
        columns: target.length,
        choose: (i) => {
          stop();
          show(Math.floor(i / target.length));
        },
      });
      show(now);
    }

    function describe(i) {
      const columns = targets[string].length,
        row = rows[Math.floor(i / columns)],
        t = i % columns;
      const predicted = row.predicted[string][t],
        target = targets[string][t];
      const lines = [
        `epoch ${row.epoch}, position ${t + 1}: ${page.quoted(predicted)}`,
        predicted === target ? "correct" : `wrong: ${page.quoted(target)} is correct`,
      ];
      if (section.probabilities && row.epoch === section.saved)
        lines.push(`probability ${page.percent(section.probabilities[string][t])}`);
      return lines;
    }

    function show(index) {
      now = index;
      slider.value = index;
      const row = rows[index];
      const right = row.predicted[string].filter((id, t) => id === targets[string][t]).length;
      output.textContent =
        `epoch ${row.epoch}: ${right} of ${targets[string].length} correct` +
        (row.loss === null ? "" : `, loss ${page.number(row.loss)} nats`);
      [...grid.children].slice(1).forEach((line, i) => {
        line.classList.toggle("now", i === index);
        line.classList.toggle("later", i > index);
      });
      const line = grid.children[index + 1];
      const top = line.offsetTop - grid.offsetTop;
      if (top < grid.scrollTop + 60 || top > grid.scrollTop + grid.clientHeight - 60)
        grid.scrollTop = top - grid.clientHeight / 2;
    }

    function start() {
      if (now === rows.length - 1) show(0);
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      const pause = Math.max(40, Math.min(500, (SECONDS * 1000) / rows.length));
      timer = setInterval(() => (now < rows.length - 1 ? show(now + 1) : stop()), pause);
    }
    function stop() {
      clearInterval(timer);
      timer = null;
      rest();
      play.setAttribute("aria-pressed", "false");
    }

    const controls = page.el("div", { class: "controls" });
    if (targets.length > 1) {
      const shown = (id) => page.data.symbols[id] + (page.isLabel(id) ? " " : "");
      const names = targets.map((ids, i) => `${i + 1}: ${ids.slice(0, 24).map(shown).join("")}`);
      controls.append(
        page.select("String", names, (i) => {
          string = i;
          build();
        }),
      );
    }
    controls.append(play, slider, output);
    const legend = page.el(
      "div",
      { class: "legend" },
      page.el("span", { class: "correct", text: "correct" }),
      page.el("span", {}, page.el("span", { class: "symbol wrong", text: "wrong" })),
      section.saved ? page.el("span", { text: "★ the saved weights" }) : null,
    );
    figure.append(controls, grid, legend);
    rest();
    build();
  };
})((globalThis.charseqPage ??= {}));
