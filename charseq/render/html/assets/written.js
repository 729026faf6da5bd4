// The prompt and the generated text: every symbol colored by its surprisal, or plain text to copy.
"use strict";
(function (page) {
  // `choose(line, position)` is called for a symbol that is clicked.
  page.written = function (session, vocabulary, choose) {
    const box = page.el("div", {
      class: "written text",
      role: "group",
      "aria-label": "Prompt and generated text",
    });
    const plain = page.el("pre", {
      class: "written",
      "aria-label": "Prompt and generated text",
      tabindex: 0,
    });
    plain.hidden = true;
    let drawn = []; // the element and the cells of each line
    const cells = [],
      places = []; // [line, position] of each cell
    let version = -1,
      chosen = null;

    const raw = (id) => vocabulary.raw[id];
    const endsRow = (id) => page.isLineEnd(id) && raw(id) !== "";
    const stepOf = ([line, at]) => session.lines[line].steps[at];

    function describe(i) {
      const { id, bits } = stepOf(places[i]);
      const name = `${page.quoted(id)}, number ${places[i][1] + 1}`;
      if (bits === null) return [name, "the first symbol: nothing predicted it"];
      return [name, `surprisal ${page.number(bits)} bits, probability ${page.percent(2 ** -bits)}`];
    }

    function cellOf({ id, bits }, isGiven, scale) {
      const cell = page.symbol(id, isGiven ? "given" : "");
      if (raw(id) === " ") cell.textContent = " ";
      if (page.isLineEnd(id)) cell.classList.add("line-end");
      cell.tabIndex = cells.length ? -1 : 0;
      if (bits !== null) cell.style.backgroundColor = scale(bits);
      return cell;
    }

    // Adds what is new; begins anew only if something that was drawn has been replaced.
    function draw() {
      if (version !== session.version) {
        version = session.version;
        drawn = [];
        cells.length = places.length = 0;
        box.replaceChildren();
      }
      const isAtEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 40;
      const scale = page.surprisalScale();
      session.lines.forEach((line, number) => {
        if (number === drawn.length) {
          drawn.push({ element: page.el("div", { class: "line" }, page.el("div")), cells: [] });
          box.append(drawn[number].element);
        }
        const { element, cells: own } = drawn[number];
        for (let at = own.length; at < line.steps.length; at++) {
          const cell = cellOf(line.steps[at], at < line.given, scale);
          own.push(cell);
          cells.push(cell);
          places.push([number, at]);
          element.lastChild.append(cell);
          // A block for each row of the text, so that only the last one is laid out again.
          if (endsRow(line.steps[at].id)) element.append(page.el("div"));
        }
      });
      if (isAtEnd) box.scrollTop = box.scrollHeight;
      if (!plain.hidden) plain.textContent = session.lines.map(textOf).join("\n");
    }

    // A line without its label and boundary.
    const isText = (id) => !page.isLabel(id) && raw(id) !== "";
    const textOf = ({ ids }) => page.decode(ids.filter(isText), vocabulary);

    // Marks a symbol; without a position, none.
    function mark(line, at) {
      if (chosen) chosen.classList.remove("chosen");
      chosen = drawn[line]?.cells[at] ?? null;
      if (chosen) chosen.classList.add("chosen");
    }

    function recolor() {
      const scale = page.surprisalScale();
      cells.forEach((cell, i) => {
        const { bits } = stepOf(places[i]);
        if (bits !== null) cell.style.backgroundColor = scale(bits);
      });
    }

    page.reachable(box, cells, describe, { choose: (i) => choose(...places[i]) });
    const colors = page.el("input", { type: "checkbox", checked: true });
    colors.addEventListener("change", () => {
      plain.hidden = colors.checked;
      box.hidden = !colors.checked;
      draw();
    });
    const toggle = page.el(
      "label",
      { class: "control" },
      colors,
      page.el("span", { text: "Color by surprisal" }),
    );
    return { box, plain, toggle, draw, mark, recolor, textOf };
  };
})((globalThis.charseqPage ??= {}));
