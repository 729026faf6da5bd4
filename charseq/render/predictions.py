"""Continuations of prompts: as text that grows, or as JSON lines."""

import json
from collections.abc import Iterable
from typing import Any, Literal, Protocol, TextIO

from charseq.generate import Step
from charseq.model_file import Model
from charseq.render.visible import visible


class PredictionRenderer(Protocol):
    """Shows one continuation after the other."""

    def show(self, prompt: str, steps: Iterable[Step]) -> None:
        """Show a prompt and what is added to it, as it is made."""


def renderer_for(
    form: Literal["table", "plain", "json"], output: TextIO, model: Model, *, only_new: bool, seed: int
) -> PredictionRenderer:
    """On a terminal, the prompt in bold and nothing obeyed; in a pipe, the exact characters."""
    if form == "json":
        return _JSONLines(output, model, seed)
    if model.vocabulary.unit == "byte" and not output.isatty():
        return _Bytes(output, model, only_new)
    return _Text(output, only_new, on_screen=output.isatty())


class _JSONLines:
    def __init__(self, output: TextIO, model: Model, seed: int) -> None:
        self._output, self._model, self._seed = output, model, seed

    def show(self, prompt: str, steps: Iterable[Step]) -> None:
        made = list(steps)
        record: dict[str, Any] = {
            "prompt": prompt,
            "text": self._model.vocabulary.joined(step.character for step in made),
            "seed": self._seed,
            "steps": [
                {"character": step.character, "probability": step.probability, "top": step.top}
                for step in made
            ],
        }
        self._output.write(json.dumps(record, allow_nan=False) + "\n")
        self._output.flush()


class _Text:
    def __init__(self, output: TextIO, only_new: bool, *, on_screen: bool) -> None:
        self._output, self._only_new, self._on_screen = output, only_new, on_screen

    def show(self, prompt: str, steps: Iterable[Step]) -> None:
        if not self._only_new:
            self._write(prompt)
        for step in steps:
            self._write(step.character)
        self._output.write("\n")
        self._output.flush()

    def _write(self, text: str) -> None:
        self._output.write(visible(text, keep="\n\t") if self._on_screen else text)
        if self._on_screen:
            self._output.flush()


class _Bytes:
    """A model of bytes writes bytes, whether or not they are text."""

    def __init__(self, output: TextIO, model: Model, only_new: bool) -> None:
        self._output, self._model, self._only_new = output, model, only_new

    def show(self, prompt: str, steps: Iterable[Step]) -> None:
        text = ("" if self._only_new else prompt) + self._model.vocabulary.joined(s.character for s in steps)
        self._output.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
        self._output.flush()
