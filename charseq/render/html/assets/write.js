// The page that is a model: a prompt, generation at a temperature, and the distribution of the next symbol.
"use strict";
(function (page) {
  const BUDGET = 12; // milliseconds of work between two frames
  const REPORT_EVERY = 200; // milliseconds between two reports while the model generates
  const LONGEST = 20000; // symbols that a page shows
  const TIMED = 50; // the fewest symbols whose time says something about the speed
  const CAPTION =
    "Click a symbol of the text to see what the model expected after it, and a bar to append its symbol. " +
    "Ctrl+Enter generates, and Escape stops.";

  page.write = function (section, vocabulary) {
    const figure = page.section("write", "Type, and let the model go on", CAPTION);
    const reader = new page.Reader(section, vocabulary);
    const controls = page.writeControls(section, vocabulary);
    const { field } = controls;
    const session = new page.Session(reader, section, vocabulary, controls.settings);
    const written = page.written(session, vocabulary, (line, at) => {
      chosen = [line, at];
      drawBars();
    });
    const bars = page.el("div", {
      class: "bars",
      role: "group",
      "aria-label": "The most likely next symbols",
    });
    const nextHeading = page.el("h3", {});
    const barsNote = page.el("p", { class: "note" });
    const note = page.el("p", { class: "note", role: "status", id: "note" });
    const status = page.el("p", { class: "note", role: "status", id: "status" });
    let chosen = null, // a symbol of the text, as [line, position]; null for the last
      appended = null, // ids chosen one by one: a byte may be half a character of the field
      started = 0,
      elapsed = 0,
      seed = null,
      isRunning = false,
      reportedAt = 0;

    const isText = (id) => !page.isLabel(id) && vocabulary.raw[id] !== "";
    const begin = () => {
      const label = controls.label();
      return label !== undefined ? [label] : vocabulary.boundary ? [0] : [];
    };

    function promptIds() {
      if (appended) return appended;
      const { ids, unknown } = page.encode(field.value, vocabulary);
      note.textContent = page.unknownNote(unknown, ids.length > LONGEST ? LONGEST : 0);
      const prompt = [...begin(), ...ids.slice(0, LONGEST)];
      return prompt.length ? prompt : section.opening;
    }

    // Reads what is typed; an empty prompt shows what the model expects at the beginning.
    function typed() {
      appended = null;
      read(promptIds());
    }

    function read(ids) {
      chosen = null;
      status.textContent = "";
      session.prompt(ids);
      run();
    }

    function generate() {
      chosen = null;
      session.prompt(promptIds());
      seed = controls.seed();
      session.generate(page.generator(seed));
      start();
    }

    // More of the text, or another line.
    function more() {
      chosen = null;
      if (session.size >= LONGEST) {
        status.textContent = "The text is too long for this page. Clear it to go on.";
        return;
      }
      if (seed === null) session.random = page.generator((seed = controls.seed()));
      if (session.last.end === "line") session.generateLine(promptIds());
      else session.generate();
      start();
    }

    function stop() {
      if (session.generating) elapsed = performance.now() - started;
      session.generating = false;
      if (document.activeElement === controls.stop) controls.generate.focus();
    }

    function clear() {
      field.value = "";
      seed = null;
      typed();
      field.focus();
    }

    function start() {
      started = performance.now();
      elapsed = 0;
      run();
    }

    function run() {
      if (isRunning) return;
      isRunning = true;
      document.documentElement.dataset.state = "running";
      frame();
    }

    function frame() {
      const more = session.advance(performance.now() + BUDGET);
      if (!more && started && !elapsed) elapsed = performance.now() - started;
      written.draw();
      drawButtons();
      if (!more || performance.now() > reportedAt + REPORT_EVERY) {
        reportedAt = performance.now();
        drawBars();
        drawStatus();
      }
      if (more) {
        requestAnimationFrame(frame);
        return;
      }
      isRunning = false;
      document.documentElement.dataset.state = "idle";
    }

    function drawButtons() {
      controls.stop.disabled = !session.generating;
      controls.more.textContent = session.last.end === "line" ? "Another line" : "Continue";
      controls.more.disabled = session.generating || !session.last.steps.length;
    }

    const count = (number) => `${number.toLocaleString("en")} ${vocabulary.unit}${number === 1 ? "" : "s"}`;
    const reasons = {
      line: " The line ends here.",
      memorized: " The memorized text ends here; give a length to go on.",
    };

    function drawStatus() {
      const { added, end } = session.last;
      if (!added && !end) return;
      const seconds = (elapsed || performance.now() - started) / 1000;
      const rate = added >= TIMED ? `, ${count(Math.round(added / seconds))} per second` : "";
      const random = controls.settings().temperature ? ` Seed ${seed}.` : "";
      status.textContent = `${count(added)} generated${rate}.${reasons[end] ?? ""}${random}`;
    }

    // The distribution after the chosen symbol, or after the last one.
    function drawBars() {
      const { lines, last } = session;
      const [line, at] = chosen ?? [lines.length - 1, last.steps.length - 1];
      const step = lines[line].steps[at];
      const isLast = step === last.steps[last.steps.length - 1];
      const focused = [...bars.children].indexOf(document.activeElement);
      written.mark(...(chosen ?? []));
      bars.replaceChildren();
      barsNote.textContent = "";
      if (!step) {
        nextHeading.textContent = "Type a symbol that the model knows";
        return;
      }
      nextHeading.textContent = isLast
        ? "The next symbol"
        : `The symbol after ${page.quoted(step.id)}, number ${at + 1}`;
      const { temperature } = controls.settings();
      const marks = isLast ? page.atTemperature(reader.probabilities, temperature, session.sampled) : null;
      step.top.forEach((id, i) =>
        bars.append(page.bar(id, step.probabilities[i], () => append(line, at, id), marks && marks[id])),
      );
      bars.children[focused]?.focus({ preventScroll: true });
      if (marks)
        barsNote.textContent = `Bars: the model’s probabilities. Lines: those at temperature ${temperature}.`;
    }

    // Makes the text up to a symbol, and another one, the prompt.
    function append(line, at, id) {
      if (!isText(id)) {
        note.textContent = "The line ends here.";
        return;
      }
      appended = [...session.lines[line].ids.slice(0, at + 1), id];
      field.value = page.decode(appended.filter(isText), vocabulary);
      note.textContent = "";
      read(appended);
    }

    field.addEventListener("input", typed);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") stop();
    });
    controls.generate.addEventListener("click", generate);
    controls.more.addEventListener("click", more);
    controls.stop.addEventListener("click", stop);
    controls.clear.addEventListener("click", clear);
    controls.onChange({ label: typed, temperature: drawBars });
    const legend = page.el("div", { class: "legend" }, written.toggle, ...page.surprisalLegend().children);
    figure.append(
      page.el(
        "div",
        { class: "write" },
        page.el("div", {}, controls.prompt, note, status, written.box, written.plain, legend),
        page.el("div", {}, controls.sampling, nextHeading, bars, barsNote),
      ),
    );
    page.themed(written.recolor);
    typed();
  };
})((globalThis.charseqPage ??= {}));
