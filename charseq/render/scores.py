"""How surprising texts were: as heat maps, as tab-separated lines, or as JSON lines."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

from charseq.inference.scoring import ScoredText, Surprisals, TotalScore
from charseq.model.model_file import Model
from charseq.render.visible import visible
from charseq.text.units import Unknown

if TYPE_CHECKING:
    from charseq.render.heat_map import Place

LONGEST_NAME = 60
SURPRISING = 4.0
"""Bits from which on a place has what was likelier beneath it."""


class ScoreRenderer(Protocol):
    """Shows one text after the other."""

    def show(self, scored: ScoredText) -> None:
        """Show a text."""


def renderer_for(
    form: Literal["table", "plain", "json"],
    output: TextIO,
    model: Model,
    *,
    lines: bool,
    per_character: bool,
    unknown: Unknown,
) -> ScoreRenderer:
    """A heat map on a terminal; elsewhere a line a text, or with `per_character` a line a character."""
    if form == "json":
        return _JSONLines(output, model)
    if form == "table":
        return _Heat(output, model, lines, unknown)
    return _Characters(output, model) if per_character else _Totals(output)


class _JSONLines:
    """An object a text, written as it is read, so that none has to fit into memory."""

    def __init__(self, output: TextIO, model: Model) -> None:
        self._output, self._symbols = output, model.vocabulary.with_unknown

    def show(self, scored: ScoredText) -> None:
        write = self._output.write
        write('{"text": "')
        for piece in scored.pieces():
            write(json.dumps(piece)[1:-1])
        write(
            f'", "source": {json.dumps(scored.source or None)}, "number": {scored.number}, "per_character": ['
        )
        total, between = TotalScore(), ""
        for part in scored.surprisals():
            total.add(part)
            for character in self._characters(part):
                write(between + json.dumps(character, allow_nan=False))
                between = ", "
        measures = {**_measures(total), "unknown": scored.unknown}
        write("], " + json.dumps(measures, allow_nan=False)[1:] + "\n")
        self._output.flush()

    def _characters(self, part: Surprisals) -> Iterator[dict[str, Any]]:
        symbols = self._symbols
        for symbol, bits, rank, best in part.positions():
            yield {
                "character": symbols[symbol],
                "bits": bits,
                "rank": rank,
                "likeliest": symbols[best],
            }


class _Totals:
    """The measures of each text, and what it is."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._begun = output, False

    def show(self, scored: ScoredText) -> None:
        measures = [_shown(value) for value in _measures(scored.total).values()]
        if not self._begun:
            self._output.write("bits\tnats\tperplexity\tcharacters\tline\ttext\n")
            self._begun = True
        self._output.write("\t".join([*measures, str(scored.number), _name(scored)]) + "\n")
        self._output.flush()


class _Characters:
    """Every character of each text."""

    def __init__(self, output: TextIO, model: Model) -> None:
        self._output, self._unit, self._begun = output, model.vocabulary.unit, False
        self._symbols = model.vocabulary.with_unknown

    def show(self, scored: ScoredText) -> None:
        if not self._begun:
            self._output.write("line\tcharacter\tbits\trank\tlikeliest\n")
            self._begun = True
        for part in scored.surprisals():
            for symbol, bits, rank, best in part.positions():
                self._output.write(
                    f"{scored.number}\t{self._shown(symbol)}\t{bits:.4f}\t{rank}\t{self._shown(best)}\n"
                )
        self._output.flush()

    def _shown(self, symbol: int) -> str:
        character = self._symbols[symbol]
        if self._unit == "byte" and "\x80" <= character <= "\xff":
            return f"\\x{ord(character):02x}"
        return visible(character)


class _Heat:
    """The text itself in colour, its measures beneath it; of lines, the bits before each."""

    def __init__(self, output: TextIO, model: Model, lines: bool, unknown: Unknown) -> None:
        from rich.console import Console

        from charseq.render.heat_map import legend

        self._console, self._model, self._lines = Console(file=output), model, lines
        self._unknown: Unknown = unknown
        self._console.print(legend(self._console))

    def show(self, scored: ScoredText) -> None:
        from rich.text import Text

        from charseq.render.heat_map import heat

        indent = 8 if self._lines else 0
        if not self._lines and scored.source:
            self._console.print(Text(visible(scored.source), "dim"))
        places = heat(self._places(scored), self._console, indent=indent, unit=self._model.vocabulary.unit)
        for number, line in enumerate(places):
            if self._lines and not number:
                line = Text(f"{_shown(scored.total.bits_per_character):>7} ") + line[indent:]
            self._console.print(line, no_wrap=True, crop=False, overflow="ignore")
        if not self._lines:
            self._console.print(Text(_sentence(scored.total), "bold"))

    def _places(self, scored: ScoredText) -> "Iterator[Place]":
        from charseq.render.heat_map import Place

        symbols = self._model.vocabulary.with_unknown
        if not self._model.vocabulary.boundary:  # the first character was only read
            text = next(iter(scored.pieces()), "")
            first = self._model.vocabulary.encode_text(text[:64], unknown=self._unknown).targets[:1]
            for symbol in first.tolist():
                yield Place(symbols[symbol], None)
        for part in scored.surprisals():
            for symbol, bits, rank, best in part.positions():
                likelier = rank > 1 and bits >= SURPRISING
                yield Place(symbols[symbol], bits, symbols[best] if likelier else None)


def _measures(total: TotalScore) -> dict[str, Any]:
    return {
        "bits_per_character": total.bits_per_character,
        "nats_per_character": total.nats_per_character,
        "perplexity": total.perplexity,
        "characters": total.characters,
    }


def _shown(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}" if value < 1e6 else f"{value:.4g}"


def _name(scored: ScoredText) -> str:
    """A text or a line as it is; of a file that is one text, its name."""
    pieces = scored.pieces()
    if scored.source and not isinstance(pieces, list):
        return visible(scored.source)
    return "".join(pieces).replace("\n", "\\n").replace("\r", "\\r")


def _sentence(total: TotalScore) -> str:
    if total.bits_per_character is None:
        return "nothing to score: a character is scored by what stands before it"
    return (
        f"{total.characters:,} character{'' if total.characters == 1 else 's'}: "
        f"{_shown(total.bits_per_character)} bits and {_shown(total.nats_per_character)} nats per character, "
        f"perplexity {_shown(total.perplexity)}"
    )
