// The distribution of the next symbol: the most likely symbols, each as a bar that appends it.
"use strict";
(function (page) {
  // The ids of the highest probabilities, at most `count`, in falling order; of equal ones, the first.
  page.mostLikely = function (probabilities, count) {
    const top = [];
    for (let id = 0; id < probabilities.length; id++) {
      const p = probabilities[id];
      if (top.length === count && !(p > probabilities[top[count - 1]])) continue;
      if (top.length === count) top.pop();
      let at = top.length;
      while (at > 0 && p > probabilities[top[at - 1]]) at--;
      top.splice(at, 0, id);
    }
    return top;
  };

  // `mark`: a second probability, shown as a line across the bar.
  page.bar = function (id, probability, append, mark = null) {
    const fill = page.el("div", { class: "fill" });
    fill.style.width = `${100 * probability}%`;
    const line = mark === null ? null : page.el("div", { class: "mark" });
    if (line) line.style.left = `${100 * mark}%`;
    const sign = page.data.symbols[id];
    return page.el(
      "button",
      {
        type: "button",
        class: "bar",
        onclick: append,
        "aria-label": `${sign}: ${page.percent(probability)}; append it`,
      },
      page.el("span", { class: "name", text: sign }),
      page.el("span", { class: "track" }, fill, line),
      page.el("span", { class: "share", text: page.percent(probability) }),
    );
  };
})((globalThis.charseqPage ??= {}));
