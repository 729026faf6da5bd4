"""Continuations of prompts: as text that grows, as a heat map, or as JSON lines."""

import json
import math
import time
from collections.abc import Iterator
from typing import Any, Literal, Protocol, TextIO

from charseq.inference.requests import Answer, Step, prompt_ids
from charseq.model.model_file import Model
from charseq.render.visible import escaped, visible

SECONDS_UNFLUSHED = 0.05
"""The longest that a character waits in a pipe while others are made."""


class PredictionRenderer(Protocol):
    """Shows one continuation after the other."""

    def show(self, answer: Answer) -> None:
        """Show a prompt and what is added to it, as it is made."""


def renderer_for(
    form: Literal["table", "plain", "json"],
    output: TextIO,
    model: Model,
    *,
    only_new: bool,
    escapes: bool = False,
    probabilities: bool = False,
) -> PredictionRenderer:
    """On a terminal nothing is obeyed; in a pipe, the exact characters, or with `escapes` a line each."""
    if form == "json":
        return _JSONLines(output, model)
    if probabilities:
        return _Heat(output, model, only_new)
    if escapes:
        return _Escaped(output, model, only_new)
    if model.vocabulary.unit == "byte" and not output.isatty():
        return _Bytes(output, model, only_new)
    return _Text(output, only_new, on_screen=output.isatty())


class _JSONLines:
    def __init__(self, output: TextIO, model: Model) -> None:
        self._output, self._model = output, model

    def show(self, answer: Answer) -> None:
        made = list(answer.steps)
        record: dict[str, Any] = {
            "prompt": answer.request.prompt,
            "text": self._model.vocabulary.joined(step.character for step in made),
            "seed": answer.request.seed,
            "sample": answer.request.sample,
        }
        if answer.log_probability is not None:
            record["log_probability"] = answer.log_probability
        record["steps"] = [
            {"character": step.character, "probability": step.probability, "top": step.top} for step in made
        ]
        self._output.write(json.dumps(record, allow_nan=False) + "\n")
        self._output.flush()


class _Text:
    def __init__(self, output: TextIO, only_new: bool, *, on_screen: bool) -> None:
        self._output, self._only_new, self._on_screen = output, only_new, on_screen
        self._flushed = 0.0

    def show(self, answer: Answer) -> None:
        if not self._only_new:
            self._write(answer.request.prompt)
        for step in answer.steps:
            self._write(step.character)
        self._output.write("\n")
        self._output.flush()

    def _write(self, text: str) -> None:
        if self._on_screen:
            text = visible(text, keep="\n\t")
        self._output.write(text)
        now = time.monotonic()
        if self._on_screen or now - self._flushed > SECONDS_UNFLUSHED:
            self._output.flush()
            self._flushed = now


class _Escaped:
    """An answer a line, written as prompts with escapes are read."""

    def __init__(self, output: TextIO, model: Model, only_new: bool) -> None:
        self._output, self._model, self._only_new = output, model, only_new

    def show(self, answer: Answer) -> None:
        text = _whole(self._model, answer, self._only_new)
        self._output.write(escaped(text, self._model.vocabulary.unit) + "\n")
        self._output.flush()


class _Heat:
    """Every character that was added by how likely it was, beneath a legend."""

    def __init__(self, output: TextIO, model: Model, only_new: bool) -> None:
        from rich.console import Console

        from charseq.render.heat_map import legend

        self._console, self._model, self._only_new = Console(file=output), model, only_new
        self._console.print(legend(self._console, of_probability=True))

    def show(self, answer: Answer) -> None:
        from charseq.render.heat_map import heat

        unit = self._model.vocabulary.unit
        for line in heat(self._places(answer), self._console, unit=unit):
            self._console.print(line, no_wrap=True, crop=False, overflow="ignore")

    def _places(self, answer: Answer) -> Iterator[Any]:
        from charseq.render.heat_map import Place

        vocabulary = self._model.vocabulary
        if not self._only_new:
            for symbol in prompt_ids(self._model, answer.request)[int(vocabulary.boundary) :]:
                yield Place(vocabulary.symbols[symbol], None)
        for step in answer.steps:
            yield Place(step.character, _bits(step))


class _Bytes:
    """A model of bytes writes bytes, whether or not they are text."""

    def __init__(self, output: TextIO, model: Model, only_new: bool) -> None:
        self._output, self._model, self._only_new = output, model, only_new

    def show(self, answer: Answer) -> None:
        text = _whole(self._model, answer, self._only_new)
        self._output.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
        self._output.flush()


def _whole(model: Model, answer: Answer, only_new: bool) -> str:
    """A prompt and what was added; bytes on both sides of the seam may be one character."""
    added = model.vocabulary.joined(step.character for step in answer.steps)
    text = ("" if only_new else answer.request.prompt) + added
    if model.vocabulary.unit == "byte":
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return text


def _bits(step: Step) -> float:
    """How surprising a step was to the model itself."""
    return -math.log2(step.probability) if step.probability > 0 else math.inf
