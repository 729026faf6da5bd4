"""How surprising texts are: heat maps, fields between tabs, or JSON lines."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from charseq.inference.copies import TotalCopies
from charseq.inference.scoring import ScoredText, Surprisals, TotalScore
from charseq.model.model_file import Model
from charseq.render.base import LineRenderer, PlainLines, Renderer, View
from charseq.render.copies import CopiedSymbols, copies_record, copies_sentence, copy_fields
from charseq.render.quantities import count
from charseq.render.visible import visible
from charseq.text.units import Unknown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from charseq.render.heat_map import Character

COLUMNS = ("bits", "nats", "perplexity", "characters", "line", "text")
COPY_COLUMNS = ("copied", "longest", "source")
"""The share of copied characters, the length of the longest copy, and the file and line where it occurs."""
CHARACTER_COLUMNS = ("line", "character", "bits", "rank", "likeliest")
SURPRISING = 4.0
"""The surprisal in bits from which a more likely character is shown."""
LINE_INDENT = 8
"""The width in columns of the bits before a line."""


def score_view(
    model: Model, *, lines: bool, per_character: bool, unknown: Unknown, copies: bool = False
) -> View[ScoredText]:
    """Return the renderers of scores; in plain format a line for each text or, on request, each character.

    `copies` adds columns for the copies in each text.
    """

    def plain(output: TextIO) -> Renderer[ScoredText]:
        if per_character:
            return PlainLines(output, CHARACTER_COLUMNS, partial(_character_rows, model))
        *measures, number, text = COLUMNS
        return PlainLines(output, [*measures, *COPY_COLUMNS, number, text] if copies else COLUMNS, _rows)

    return View(
        table=lambda output: _HeatMaps(output, model, lines, unknown),
        plain=plain,
        json=partial(_JSONLines, model=model),
    )


class _JSONLines(LineRenderer[ScoredText]):
    """An object for each text, written while it is scored, so that a text of any length fits into memory."""

    def __init__(self, output: TextIO, model: Model) -> None:
        super().__init__(output)
        self._symbols = model.vocabulary.with_unknown

    def show(self, event: ScoredText) -> None:
        write = self._output.write
        write('{"text": "')
        for piece in event.pieces():
            write(json.dumps(piece)[1:-1])
        source = json.dumps(event.source or None)
        write(f'", "source": {source}, "number": {event.number}, "per_character": [')
        total, separator = TotalScore(), ""
        for part in event.surprisals():
            total.add(part)
            for character in self._characters(part):
                write(separator + json.dumps(character, allow_nan=False))
                separator = ", "
        measures = {**_measures(total), "unknown": event.unknown}
        if event.label is not None:
            measures["label"] = event.label
        if event.copies is not None:
            measures["copies"] = copies_record(event.copies)
        write("], " + json.dumps(measures, allow_nan=False)[1:] + "\n")
        self._output.flush()

    def _characters(self, part: Surprisals) -> Iterator[dict[str, Any]]:
        symbols = self._symbols
        for symbol, bits, rank, best in part.positions():
            yield {"character": symbols[symbol], "bits": bits, "rank": rank, "likeliest": symbols[best]}


def _rows(scored: ScoredText) -> Iterator[list[str]]:
    measures = map(_measure_text, _measures(scored.total).values())
    copies = [] if scored.copies is None else copy_fields(scored.copies)
    yield [*measures, *copies, str(scored.number), _name(scored)]


def _character_rows(model: Model, scored: ScoredText) -> Iterator[list[str]]:
    unit, symbols = model.vocabulary.unit, model.vocabulary.with_unknown

    def text(symbol: int) -> str:
        character = symbols[symbol]
        if unit == "byte" and "\x80" <= character <= "\xff":
            return f"\\x{ord(character):02x}"
        return visible(character)

    for part in scored.surprisals():
        for symbol, bits, rank, best in part.positions():
            yield [str(scored.number), text(symbol), f"{bits:.4f}", str(rank), text(best)]


class _HeatMaps(Renderer[ScoredText]):
    """The colored text above its measures; in a text of lines, each line after its bits per character."""

    def __init__(self, output: TextIO, model: Model, lines: bool, unknown: Unknown) -> None:
        from rich.console import Console

        self._console, self._model, self._lines = Console(file=output), model, lines
        self._unknown: Unknown = unknown
        self._has_legend = False

    def show(self, event: ScoredText) -> None:
        from rich.text import Text

        from charseq.render.heat_map import heat_map

        indent = LINE_INDENT if self._lines else 0
        unit = self._model.vocabulary.unit
        lines = heat_map(self._characters(event), self._console, indent=indent, unit=unit)
        first = next(lines, None)  # if this fails, nothing is printed
        self._print_headings(event)
        for number, line in enumerate(chain([] if first is None else [first], lines)):
            if self._lines and not number:
                line = Text(f"{_measure_text(event.total.bits_per_character):>7} ") + line[indent:]
            self._console.print(line, no_wrap=True, crop=False, overflow="ignore")
        if not self._lines:
            self._console.print(Text(total_sentence(event.total), "bold"))
            if event.copies and not event.copies.too_short:
                total = TotalCopies.of(event.copies)
                sentence = copies_sentence(total, event.copies.min_length, self._model.vocabulary.unit)
                self._console.print(Text(sentence, "bold"))

    def _print_headings(self, event: ScoredText) -> None:
        """Print the legend, above the first text, and the name of a file."""
        from rich.text import Text

        from charseq.render.heat_map import legend

        if not self._has_legend:
            self._console.print(legend(self._console))
            self._has_legend = True
        if not self._lines and event.source:
            self._console.print(Text(visible(event.source), "dim"))

    def _characters(self, scored: ScoredText) -> "Iterator[Character]":
        from charseq.render.heat_map import Character

        symbols = self._model.vocabulary.with_unknown
        copied = CopiedSymbols(self._mask(scored))
        if not self._model.vocabulary.boundary:  # the first character has no score
            text = next(iter(scored.pieces()), "")
            first = self._model.vocabulary.encode_text(text[:64], unknown=self._unknown).targets[:1]
            for symbol in first.tolist():
                yield Character(symbols[symbol], None, is_copied=copied.next(len(symbols[symbol])))
        for part in scored.surprisals():
            for symbol, bits, rank, best in part.positions():
                is_surprising = rank > 1 and bits >= SURPRISING
                likelier = symbols[best] if is_surprising else None
                is_copied = copied.next(len(symbols[symbol]))
                yield Character(symbols[symbol], bits, likelier, is_copied)

    def _mask(self, scored: ScoredText) -> "npt.NDArray[np.bool_] | None":
        """Return whether each character that is shown is copied; None if the characters shown are others."""
        vocabulary = self._model.vocabulary
        if scored.copies is None or not scored.copies.spans:
            return None
        mask = scored.copies.mask()
        if self._unknown == "error":
            return mask
        text = "".join(scored.pieces())
        if vocabulary.unit == "grapheme":
            return None if vocabulary.unknown_in(text) else mask
        targets = vocabulary.encode_text(text, unknown="replace").targets
        return mask[targets != len(vocabulary)] if self._unknown == "skip" else mask


def _measures(total: TotalScore) -> dict[str, Any]:
    return {
        "bits_per_character": total.bits_per_character,
        "nats_per_character": total.nats_per_character,
        "perplexity": total.perplexity,
        "characters": total.characters,
    }


def _measure_text(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}" if value < 1e6 else f"{value:.4g}"


def _name(scored: ScoredText) -> str:
    """Return a text or a line; for a file that is one text, its name."""
    pieces = scored.pieces()
    if scored.source and not isinstance(pieces, list):
        return visible(scored.source)
    return "".join(pieces).replace("\n", "\\n").replace("\r", "\\r")


def total_sentence(total: TotalScore) -> str:
    """Return the measures of a text: 12 characters: 2.1 bits and 1.46 nats per character, perplexity 4.3."""
    if total.bits_per_character is None:
        return "nothing to score: the first character has no characters before it"
    return (
        f"{count(total.characters, 'character')}: {_measure_text(total.bits_per_character)} bits and "
        f"{_measure_text(total.nats_per_character)} nats per character, "
        f"perplexity {_measure_text(total.perplexity)}"
    )
