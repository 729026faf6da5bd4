// Reads the data of the page that is a model, and draws it.
"use strict";
(function (page) {
  const data = (page.data = JSON.parse(document.getElementById("data").textContent));
  page.placeTip();
  page.header(data);
  page.write(data.network, data.vocabulary);
  const about = page.section("about", "About this model", "");
  about.append(
    page.el("ul", {}, ...data.notes.map((note) => page.el("li", {}, ...page.prose(note)))),
    ...page.facts(data),
  );
  document.querySelector("footer").textContent =
    `Written by charseq ${data.charseq}. The page needs no network; the model is in this file.`;
  document.documentElement.dataset.ready = Math.round(performance.now());
})(globalThis.charseqPage);
