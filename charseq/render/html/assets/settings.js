// Every setting of a run with its reason.
"use strict";
(function (page) {
  page.settings = function (settings) {
    if (!settings.length) {
      page.leftOut("settings", "Settings", "Neither a log nor the model file has the settings of this run.");
      return;
    }
    const figure = page.section("settings", "Settings", "");
    const rows = settings.map((each) =>
      page.el(
        "tr",
        {},
        page.el("td", {}, page.el("code", { text: each.name })),
        page.el("td", {}, page.el("code", { text: each.value })),
        page.el("td", {}, ...page.prose(each.reason || each.help)),
      ),
    );
    figure.append(
      page.el(
        "details",
        {},
        page.el("summary", { text: `All ${settings.length} settings, and why` }),
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
                ...["setting", "value", "reason or meaning"].map((name) =>
                  page.el("th", { scope: "col", text: name }),
                ),
              ),
            ),
            page.el("tbody", {}, ...rows),
          ),
        ),
      ),
    );
  };
})((globalThis.charseqPage ??= {}));
