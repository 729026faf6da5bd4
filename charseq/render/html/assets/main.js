// Reads the data of the page, and draws its sections in order.
"use strict";
(function (page) {
  const data = (page.data = JSON.parse(document.getElementById("data").textContent));
  page.placeTip();
  page.header(data);
  document.querySelector("header").append(...page.facts(data));
  page.live(data.network, data.vocabulary);
  page.learning(data.learning);
  page.evolution(data.evolution);
  page.surprisal(data.surprisal);
  page.units(data.units);
  page.gradients(data.gradients);
  page.settings(data.settings);
  document.querySelector("footer").textContent =
    `Written by charseq ${data.charseq}. The page needs no network; all data is in this file. ` +
    "Charts: uPlot 1.6.32, © Leon Sorokin, MIT license.";
  document.documentElement.dataset.ready = Math.round(performance.now());
})(globalThis.charseqPage);
