// The title, the six facts and the equations.
"use strict";
(function (page) {
  page.header = function (data) {
    const theme = page.button("", () => setTheme(isDark() ? "light" : "dark"), { id: "theme" });
    const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";
    const setTheme = (name) => {
      document.documentElement.dataset.theme = name;
      page.redraw();
    };
    page.themed(() => {
      theme.textContent = isDark() ? "Light" : "Dark";
      theme.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors");
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", page.redraw);
    let before = "auto";
    addEventListener("beforeprint", () => {
      before = document.documentElement.dataset.theme;
      setTheme("light");
    });
    addEventListener("afterprint", () => setTheme(before));
    document
      .querySelector("header")
      .append(
        page.el("div", { class: "top" }, page.el("span", { text: `${data.kind}: ${data.run}` }), theme),
        page.el("h1", { text: data.title }),
      );
  };

  // The six facts, and the cell's equations, folded.
  page.facts = function (data) {
    const facts = data.facts.map((fact) =>
      page.el(
        "div",
        {},
        page.el("dt", { text: fact.name }),
        page.el("dd", { class: "value", text: fact.value }),
        page.el("dd", { class: "detail", text: fact.detail }),
      ),
    );
    const equations = data.equations.map(([name, equation]) => `${name} = ${equation}`).join("\n");
    const folded = page.el(
      "details",
      { id: "equations" },
      page.el("summary", { text: "The cell's equations" }),
      page.el("div", { class: "equations", tabindex: 0, text: equations }),
    );
    return [page.el("dl", { class: "facts" }, ...facts), ...(equations ? [folded] : [])];
  };
})((globalThis.charseqPage ??= {}));
