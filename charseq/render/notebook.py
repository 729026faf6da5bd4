"""HTML for notebooks: a text colored by surprisal, and a training run as a table.

Every style is a translucent tint, so that it suits light and dark pages, and wrong or surprising characters
also differ by an underline or a title.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from charseq.events import End, Epoch, Event, Progress, Start
from charseq.render.quantities import count, duration, percent
from charseq.render.symbols import symbol_text
from charseq.render.thinned_rows import ThinnedRows
from charseq.render.training import passes
from charseq.render.training_outcome import outcome
from charseq.render.training_summary import summary, warnings
from charseq.render.visible import END_OF_LINE, visible
from charseq.text.units import displayable

SURPRISE = "230, 119, 0"
"""The tint of surprise and of errors: red, green and blue."""
MOST_OPAQUE = 0.55
"""The opacity of the tint for certain surprise; black or white text on it stays readable."""
MOST_BITS = 8.0
"""The surprisal with this opacity, and of all above it."""
TEXT_STYLE = "font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere"
ROWS = 20
"""The maximum number of rows of a training table."""
MAX_STRINGS = 3
"""The number of strings whose predictions are shown."""
SHOWN_SYMBOLS = 64
"""The number of symbols of a prediction that are shown."""


class ColoredSymbol(NamedTuple):
    """A symbol of a text."""

    symbol: str
    bits: float | None
    """The surprisal; None for a symbol that was not predicted."""
    title: str = ""
    """Shown when the pointer is over the symbol."""


def colored_text(symbols: Iterable[ColoredSymbol], caption: str) -> str:
    """Return a text, each symbol colored by its surprisal, above a caption."""
    body = "".join(map(_span, symbols))
    return f'<div><div style="{TEXT_STYLE}">{body}</div><small>{escape(caption)}</small></div>'


def _span(colored: ColoredSymbol) -> str:
    shown = colored.symbol if colored.symbol in (" ", "\n") else symbol_text(colored.symbol)
    text = escape(END_OF_LINE + "\n" if shown == "\n" else shown)
    if colored.bits is None:
        return f'<span style="opacity: 0.6">{text}</span>'
    opacity = MOST_OPAQUE * min(1.0, colored.bits / MOST_BITS)
    style = f"background: rgba({SURPRISE}, {opacity:.2f})"
    return f'<span style="{style}" title="{escape(visible(colored.title))}">{text}</span>'


class TrainingHTML:
    """A training run as HTML: its settings, the most interesting epochs, its progress and its outcome."""

    def __init__(self) -> None:
        self._start: Start | None = None
        self._rows = ThinnedRows()
        self._last: Event | None = None
        self._sample = ""

    def add(self, event: Event) -> None:
        """Add an event."""
        if isinstance(event, Start):
            self._start, self._rows = event, ThinnedRows(event)
        elif isinstance(event, Epoch):
            self._rows.add(event)
        if isinstance(event, Epoch | Progress):
            self._sample = event.sample or self._sample
        self._last = event

    def html(self) -> str:
        """Return the current state."""
        if self._start is None:
            return ""
        return "".join([*self._settings(self._start), *self._table(self._start), *self._status()])

    def _settings(self, start: Start) -> Iterator[str]:
        yield f"<details><summary>{escape(_title(start))}</summary>"
        yield f'<pre style="white-space: pre-wrap">{escape(summary(start))}</pre></details>'
        for warning in warnings(start):
            yield f"<div>\N{WARNING SIGN} {escape(warning)}</div>"

    def _table(self, start: Start) -> Iterator[str]:
        end = self._last if isinstance(self._last, End) else None
        saved = end.passes if end and end.epoch else None
        rows = self._rows.fitting(ROWS, lambda row, is_last: 1, spread=end is not None, saved=saved)
        if not rows:
            return
        validates = rows[0].validation_loss is not None
        names = ["epoch", "loss", *(["validation loss"] if validates else []), "accuracy", "prediction"]
        yield "<table><thead><tr>"
        yield "".join(f"<th>{name}</th>" for name in names)
        yield "</tr></thead><tbody>"
        symbols = displayable(start.symbols, start.unit)
        for row in rows:
            loss = [] if row.validation_loss is None else [f"{row.validation_loss:.4f}"]
            numbers = [passes(row), f"{row.loss:.4f}", *loss, percent(row.accuracy)]
            yield "<tr>" + "".join(f"<td>{escape(number)}</td>" for number in numbers)
            yield f'<td style="text-align: left; {TEXT_STYLE}">{_prediction(row, symbols)}</td></tr>'
        target = _prediction(rows[-1], symbols, is_target=True)
        yield f"<tr><th colspan={len(names) - 1}>target</th>"
        yield f'<td style="text-align: left; {TEXT_STYLE}">{target}</td></tr></tbody></table>'
        if self._rows.count > len(rows):
            yield f"<small>{count(self._rows.count - len(rows), 'row')} not shown</small>"

    def _status(self) -> Iterator[str]:
        event = self._last
        if self._sample:
            yield f'<div><small>generated sample:</small><div style="{TEXT_STYLE}">'
            yield "".join(_span(ColoredSymbol(symbol, None)) for symbol in self._sample)
            yield "</div></div>"
        if isinstance(event, End):
            yield f'<pre style="white-space: pre-wrap">{escape(outcome(event))}</pre>'
        elif isinstance(event, Epoch | Progress):
            remaining = event.seconds * (1 - event.done) / event.done if event.done > 0 else 0.0
            text = f"{percent(event.done, 0)}, loss {event.loss:.3f}, at most {duration(remaining)} left"
            yield f'<progress max="1" value="{event.done:.3f}"></progress> {escape(text)}'


def _title(start: Start) -> str:
    return f"{start.settings.cell}, {count(start.parameters, 'parameter')}, {visible(start.run)}"


def _prediction(row: Epoch, symbols: Sequence[str], *, is_target: bool = False) -> str:
    """Return the predicted symbols, the wrong ones tinted and underlined; or those of the target."""
    predicted_ids = row.target_ids if is_target else row.predicted_ids
    pairs = list(zip(predicted_ids, row.target_ids, strict=True))
    lines = []
    for predicted, target in pairs[:MAX_STRINGS]:
        ids = list(zip(predicted, target, strict=True))
        shown = "".join(_predicted(symbols[i], symbols[j]) for i, j in ids[:SHOWN_SYMBOLS])
        lines.append(shown + "…" * (len(ids) > SHOWN_SYMBOLS))
    if len(pairs) > MAX_STRINGS:
        lines.append(f"(and {len(pairs) - MAX_STRINGS:,} more)")
    return "<br>".join(lines)


def _predicted(symbol: str, target: str) -> str:
    text = escape(symbol_text(symbol))
    if symbol == target:
        return text
    style = f"background: rgba({SURPRISE}, 0.35); text-decoration: underline"
    return f'<span style="{style}" title="{escape(symbol_text(target))}">{text}</span>'
