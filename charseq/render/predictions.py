"""Continuations of prompts: growing text, a heat map of probabilities, or JSON lines."""

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from charseq.inference.requests import Answer, Step, prompt_ids
from charseq.model.model_file import Model
from charseq.render.base import JSONLines, LineRenderer, Renderer, View
from charseq.render.copies import CopiedSymbols, copied_pieces, copies_record
from charseq.render.visible import escaped, visible

if TYPE_CHECKING:
    from charseq.render.heat_map import Character

MAX_SECONDS_UNFLUSHED = 0.05
"""The longest that a character waits in a pipe while others are generated."""


def prediction_view(
    model: Model,
    *,
    only_new: bool,
    escapes: bool = False,
    probabilities: bool = False,
    with_label: bool = False,
    copies: bool = False,
) -> View[Answer]:
    """Return the renderers of continuations, with or without their prompts.

    Plain text is exact in a pipe, and safe on a terminal.  With `escapes`, each answer is one line.
    `with_label` puts the label of each text and a tab before it.  With `copies`, a table underlines the
    copies that an answer has.
    """

    def text(output: TextIO) -> Renderer[Answer]:
        if probabilities:
            return _HeatMaps(output, model, only_new, with_label)
        if escapes:
            return _EscapedLines(output, model, only_new, with_label)
        if model.vocabulary.unit == "byte" and not output.isatty():
            return _Bytes(output, model, only_new, with_label)
        return _GrowingText(output, only_new, with_label)

    def table(output: TextIO) -> Renderer[Answer]:
        return (
            text(output)
            if probabilities or not copies
            else _MarkedText(output, model, only_new, escapes, with_label)
        )

    def record(answer: Answer) -> dict[str, Any]:
        steps = list(answer.steps)
        record: dict[str, Any] = {
            "prompt": answer.request.prompt,
            "text": model.vocabulary.joined(step.character for step in steps),
            "seed": answer.request.seed,
            "sample": answer.request.sample,
        }
        if answer.request.label is not None:
            record["label"] = answer.request.label
        if answer.log_probability is not None:
            record["log_probability"] = answer.log_probability
        if answer.copies is not None:
            record["copies"] = copies_record(answer.copies)
        record["steps"] = [
            {"character": step.character, "probability": step.probability, "top": step.top} for step in steps
        ]
        return record

    return View(table=table, plain=text, json=lambda output: JSONLines(output, record))


class _GrowingText(LineRenderer[Answer]):
    """Characters as they are generated."""

    def __init__(self, output: TextIO, only_new: bool, with_label: bool) -> None:
        super().__init__(output)
        self._only_new, self._is_terminal = only_new, output.isatty()
        self._with_label = with_label
        self._flushed_at = 0.0

    def show(self, event: Answer) -> None:
        self._write(_label(event, self._with_label))
        if not self._only_new:
            self._write(event.request.prompt)
        for step in event.steps:
            self._write(step.character)
        self._output.write("\n")
        self._output.flush()

    def _write(self, text: str) -> None:
        if self._is_terminal:
            text = visible(text, keep="\n\t")
        self._output.write(text)
        now = time.monotonic()
        if self._is_terminal or now - self._flushed_at > MAX_SECONDS_UNFLUSHED:
            self._output.flush()
            self._flushed_at = now


class _MarkedText(Renderer[Answer]):
    """The whole text of an answer, with its copies underlined."""

    def __init__(self, output: TextIO, model: Model, only_new: bool, escapes: bool, with_label: bool) -> None:
        from rich.console import Console

        self._console, self._only_new = Console(file=output, highlight=False), only_new
        self._unit, self._escapes = model.vocabulary.unit, escapes
        self._joined, self._with_label = model.vocabulary.joined, with_label

    def show(self, event: Answer) -> None:
        from rich.text import Text

        line = Text(visible(_label(event, self._with_label), keep="\t"))
        line.append("" if self._only_new else self._safe(event.request.prompt))
        added = self._joined(step.character for step in event.steps)
        for is_copied, piece in copied_pieces(added, event.copies, self._unit) if event.copies else ():
            line.append(self._safe(piece), "underline" if is_copied else "")
        self._console.print(line, soft_wrap=True)

    def _safe(self, text: str) -> str:
        return escaped(text, self._unit) if self._escapes else visible(text, keep="\n\t")


class _EscapedLines(LineRenderer[Answer]):
    """An answer in each line, with the escapes that prompts may have."""

    def __init__(self, output: TextIO, model: Model, only_new: bool, with_label: bool) -> None:
        super().__init__(output)
        self._model, self._only_new, self._with_label = model, only_new, with_label

    def show(self, event: Answer) -> None:
        text, label = _whole_text(self._model, event, self._only_new), _label(event, self._with_label)
        self._output.write(visible(label, keep="\t") + escaped(text, self._model.vocabulary.unit) + "\n")
        self._output.flush()


class _HeatMaps(Renderer[Answer]):
    """The generated characters colored by their probabilities, below a legend."""

    def __init__(self, output: TextIO, model: Model, only_new: bool, with_label: bool) -> None:
        from rich.console import Console

        self._console, self._model, self._only_new = Console(file=output), model, only_new
        self._with_label = with_label
        self._has_legend = False

    def show(self, event: Answer) -> None:
        from charseq.render.heat_map import heat_map, legend

        unit = self._model.vocabulary.unit
        for line in heat_map(self._characters(event), self._console, unit=unit):
            if not self._has_legend:
                self._console.print(legend(self._console, of_probability=True))
                self._has_legend = True
            self._console.print(line, no_wrap=True, crop=False, overflow="ignore")

    def _characters(self, answer: Answer) -> "Iterator[Character]":
        from charseq.render.heat_map import Character

        vocabulary = self._model.vocabulary
        for character in _label(answer, self._with_label).replace("\t", ": "):
            yield Character(character, None)
        if not self._only_new:
            for symbol in prompt_ids(self._model, answer.request)[int(vocabulary.boundary) :]:
                yield Character(vocabulary.symbols[symbol], None)
        copied = CopiedSymbols(None if answer.copies is None else answer.copies.mask())
        for step in answer.steps:
            yield Character(step.character, _surprisal(step), is_copied=copied.next(len(step.character)))


class _Bytes(LineRenderer[Answer]):
    """The bytes that a model of bytes generates, even if they are not UTF-8."""

    def __init__(self, output: TextIO, model: Model, only_new: bool, with_label: bool) -> None:
        super().__init__(output)
        self._model, self._only_new, self._with_label = model, only_new, with_label

    def show(self, event: Answer) -> None:
        text = _label(event, self._with_label) + _whole_text(self._model, event, self._only_new)
        self._output.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
        self._output.flush()


def _label(answer: Answer, with_label: bool) -> str:
    """Return what precedes an answer: its label and a tab, or nothing."""
    return f"{answer.request.label}\t" if with_label and answer.request.label is not None else ""


def _whole_text(model: Model, answer: Answer, only_new: bool) -> str:
    """Return a prompt and its continuation; a UTF-8 character may have bytes of both."""
    added = model.vocabulary.joined(step.character for step in answer.steps)
    text = ("" if only_new else answer.request.prompt) + added
    if model.vocabulary.unit == "byte":
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return text


def _surprisal(step: Step) -> float:
    """Return the surprisal of a step in bits."""
    return -math.log2(step.probability) if step.probability > 0 else math.inf
