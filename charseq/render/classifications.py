"""The labels of texts: aligned lines, fields between tabs, or JSON lines; at the end, the accuracy."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from charseq.inference.classification import Classification, Confusions
from charseq.render.base import JSONLines, LineRenderer, Renderer, View
from charseq.render.quantities import count, percent
from charseq.render.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

NEXT = 2
"""The number of further labels that a table shows."""
MAX_CONFUSIONS = 12
"""The most confusions that are listed where a table of all labels is too wide."""
MAX_LABEL_WIDTH, MIN_TEXT_WIDTH, MAX_TEXT_WIDTH = 20, 8, 40
"""Widths in columns."""


class ClassifiedText(Protocol):
    """A text of the input, and its classification."""

    @property
    def source(self) -> str:
        """The file's name; empty for an argument."""

    @property
    def number(self) -> int:
        """The line number."""

    @property
    def classification(self) -> Classification:
        """The labels with their probabilities."""

    @property
    def actual(self) -> str | None:
        """The label that the input gives, if it does."""


Result = ClassifiedText | Confusions
"""What classify shows: each text, and at the end how often labels were confused."""


def classification_view(labels: Sequence[str]) -> View[Result]:
    """Return the renderers of classifications with these labels."""
    return View(
        table=partial(_Table, labels=labels),
        plain=_PlainLines,
        json=lambda output: JSONLines(output, _record),
    )


def _record(result: Result) -> dict[str, Any]:
    if isinstance(result, Confusions):
        return {
            "event": "accuracy",
            "accuracy": result.accuracy,
            "correct": result.correct,
            "texts": result.texts,
            "confusion": result.table(),
        }
    found = result.classification
    actual = {} if result.actual is None else {"actual": result.actual}
    return {
        "text": found.text,
        "label": found.label,
        "probability": found.probability,
        **actual,
        "labels": found.labels,
        "source": result.source or None,
        "number": result.number,
    }


def _sentence(confusions: Confusions) -> str:
    texts = count(confusions.texts, "text")
    return f"accuracy {percent(confusions.accuracy)}: {confusions.correct:,} of {texts}"


class _PlainLines(LineRenderer[Result]):
    """The text, its label and the probability in a line; the accuracy goes to standard error."""

    def show(self, event: Result) -> None:
        if isinstance(event, Confusions):
            self._output.flush()
            print(_sentence(event), file=sys.stderr)  # noqa: T201
            return
        found = event.classification
        actual = [] if event.actual is None else [event.actual]
        fields = [_escaped(found.text), found.label, f"{found.probability:.4f}", *actual]
        self._write_row(fields)
        self._output.flush()


def _escaped(text: str) -> str:
    """Return a text as a field between tabs in a line."""
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class _Table(Renderer[Result]):
    """Aligned lines as texts arrive, and a table of actual and predicted labels at the end."""

    def __init__(self, output: TextIO, labels: Sequence[str]) -> None:
        from rich.cells import cell_len
        from rich.console import Console

        self._console = Console(file=output)
        widest = max(cell_len(visible(label)) for label in labels)
        self._label_width = min(max(widest, len("label")), MAX_LABEL_WIDTH)
        self._next = min(NEXT, len(labels) - 1)
        others = (1 + self._next) * (self._label_width + 8)
        while self._next and self._console.width - others < MIN_TEXT_WIDTH:
            self._next -= 1
            others -= self._label_width + 8
        self._text_width = max(MIN_TEXT_WIDTH, min(MAX_TEXT_WIDTH, self._console.width - others))
        self._is_first = True

    def show(self, event: Result) -> None:
        from rich.text import Text

        if isinstance(event, Confusions):
            self._console.print(Text(_sentence(event), "bold"))
            self._print_confusions(event)
            return
        if self._is_first:
            self._is_first = False
            heading = self._cell("text", self._text_width) + "  " + self._cell("label", self._label_width)
            self._print(Text(f"{heading}  prob{'   next' if self._next else ''}", "dim"))
        self._print(self._line(event))

    def _line(self, event: ClassifiedText) -> "Text":
        from rich.text import Text

        found = event.classification
        line = Text(self._cell(visible(found.text), self._text_width))
        for number, (label, probability) in enumerate([*found.labels.items()][: 1 + self._next]):
            style = "dim" if number else "bold"
            if not number and event.actual is not None:
                style = "green" if label == event.actual else "red"
            line.append("  " + self._cell(visible(label), self._label_width), style)
            line.append(f"{probability:6.3f}", "dim" if number else "")
        return line

    def _print(self, line: "Text") -> None:
        self._console.print(line, no_wrap=True, crop=False, overflow="ignore")

    @staticmethod
    def _cell(text: str, width: int) -> str:
        from rich.cells import cell_len, set_cell_size

        if cell_len(text) <= width:
            return set_cell_size(text, width)
        return set_cell_size(text, width - 1) + "…"

    def _print_confusions(self, confusions: Confusions) -> None:
        """Print a row for each actual label, a column for each predicted one, or the most frequent errors."""
        from rich.text import Text

        table = confusions.table()
        labels = sorted({label for pair in confusions.counts for label in pair})
        numbers = {label: str(number) for number, label in enumerate(labels, 1)}
        digits = 1 + max(len(f"{n}") for n in (*confusions.counts.values(), len(labels)))
        name_width = self._label_width + 1 + len(str(len(labels)))
        if name_width + digits * len(labels) > self._console.width:
            for line in self._frequent(confusions):
                self._print(line)
            return
        heading = self._cell("actual" if name_width < 18 else "actual, predicted", name_width)
        self._print(Text(heading + "".join(n.rjust(digits) for n in numbers.values()), "dim"))
        for label in labels:
            name = self._cell(visible(label), self._label_width)
            line = Text(f"{numbers[label].rjust(len(str(len(labels))))} {name}")
            for predicted in labels:
                n = table.get(label, {}).get(predicted, 0)
                style = "dim" if not n else "green" if predicted == label else "red"
                line.append((str(n) if n else "·").rjust(digits), style)
            self._print(line)

    def _frequent(self, confusions: Confusions) -> "Iterator[Text]":
        """Yield the most frequent confusions, one a line."""
        from rich.text import Text

        wrong = [(n, pair) for pair, n in confusions.counts.items() if pair[0] != pair[1]]
        wrong.sort(key=lambda each: (-each[0], each[1]))
        if wrong:
            yield Text("most frequent confusions", "dim")
        totals = {label: sum(row.values()) for label, row in confusions.table().items()}
        for n, (actual, predicted) in wrong[:MAX_CONFUSIONS]:
            names = f"{visible(actual)} classified as {visible(predicted)}"
            yield Text(f"  {names}: {n:,} of {count(totals[actual], 'text')}")
