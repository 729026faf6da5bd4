// A text as a heat map of its surprisal, with the most probable symbols at each position.
"use strict";
(function (page) {
  page.surprisal = function (section) {
    const plain = "Surprisal";
    if (section.left_out) {
      page.leftOut("surprisal", plain, section.left_out);
      return;
    }
    const cut = section.shortened ? " Longer texts are cut." : "";
    const figure = page.section(
      "surprisal",
      section.heading,
      "The stronger the orange, the less the model expected the symbol. " +
        `Point at or tap a symbol to see what the model expected.${cut}` +
        " ‘charseq report --file PATH’ shows another text.",
    );
    const kinds = section.has_ngram
      ? [
          ["the model (network and n-grams)", "bits"],
          ["the network alone", "network"],
          ["the n-gram model alone", "ngram"],
        ]
      : [["the model", "bits"]];
    let kind = "bits";
    const box = page.el("div", {});
    const controls = page.el("div", { class: "controls" });
    if (kinds.length > 1)
      controls.append(
        page.select(
          "Surprisal of",
          kinds.map(([name]) => name),
          (i) => {
            kind = kinds[i][1];
            draw();
          },
        ),
      );
    figure.append(controls, box, page.surprisalLegend());

    function draw() {
      const scale = page.surprisalScale();
      const origins = [...new Set(section.texts.map((text) => text.origin))];
      box.replaceChildren(
        ...origins.flatMap((origin) => {
          const texts = section.texts.filter((text) => text.origin === origin),
            values = texts.flatMap((text) => text[kind]);
          const mean = values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
          const average = `${page.number(mean)} bits per ${page.data.vocabulary.unit}`;
          return [
            page.el("p", { class: "note", text: `${origin}: ${average}` }),
            ...texts.map((text) => block(text, scale)),
          ];
        }),
      );
    }

    function block(text, scale) {
      const values = text[kind];
      const holder = page.el("div", {
        class: "text line",
        role: "group",
        "aria-label": `Surprisal of ${text.origin}`,
      });
      const cells = text.ids.map((id, i) => {
        const cell = page.symbol(id, i ? "" : "unread");
        if (i) cell.style.backgroundColor = scale(values[i - 1]);
        holder.append(cell);
        if (page.isLineEnd(id) && i && i + 1 < text.ids.length) holder.append(page.el("br"));
        return cell;
      });
      page.reachable(holder, cells, (i) => describe(text, i));
      return holder;
    }

    function describe(text, i) {
      if (!i) return [`${page.quoted(text.ids[0])}: the first symbol, which nothing predicted`];
      const at = i - 1,
        bits = text.bits[at];
      const lines = [
        page.el("div", { class: "strong", text: `${page.quoted(text.ids[i])}: ${page.number(bits)} bits` }),
        `probability ${page.percent(2 ** -bits)}, rank ${text.ranks[at]}`,
      ];
      if (text.network)
        lines.push(
          `network alone ${page.number(text.network[at])} bits, n-grams alone ${page.number(text.ngram[at])} bits`,
        );
      lines.push(page.el("div", { class: "muted", text: "expected" }));
      text.top[at].forEach((id, k) =>
        lines.push(
          `${page.quoted(id)}  ${page.percent(text.probabilities[at][k])}${id === text.ids[i] ? "  (this)" : ""}`,
        ),
      );
      return lines;
    }
    page.themed(draw);
  };
})((globalThis.charseqPage ??= {}));
