"""Follow a text that is typed: after every key, the next symbol's probabilities and the hidden units."""

from typing import NamedTuple

import numpy as np

from charseq.errors import UnknownCharacter
from charseq.inference.sampling import without_labels
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.sliding_stepper import reader_for
from charseq.text.units import Unknown


class Output(NamedTuple):
    """The output of a network after a text."""

    probabilities: tuple[tuple[str, float], ...]
    """All symbols with their probabilities, in falling order; the end of a line is an empty symbol."""
    h: Floats
    """The hidden units [H] of the last layer."""


class Explorer:
    """A text that grows and shrinks, and the output of a model that has read it."""

    def __init__(self, model: Model, label: str | None = None) -> None:
        """Begin a text of a label, which a model with labels requires; raises UsageError without it."""
        self.model, self.text, self.label = model, "", label
        self.output: Output | None = None
        """None before the first symbol, except in a model of lines."""
        self._ids: list[int] = []
        self._reader = reader_for(model)
        self.write("")

    def write(self, text: str, unknown: Unknown = "error") -> int:
        """Replace the text, and return the number of unknown symbols that were skipped or replaced.

        Raises UnknownCharacter, and then keeps the text as it was.
        """
        encoded = self.model.vocabulary.encode_text(text, unknown=unknown, begin=True, label=self.label)
        ids = encoded.ids.tolist()
        self.text = encoded.text
        if ids[: len(self._ids)] != self._ids or len(ids) == len(self._ids):  # read from the beginning
            self._reader, self._ids = reader_for(self.model), []
        for symbol in ids[len(self._ids) :]:
            logits = self._reader.read(np.array([symbol]))
        self.output = self._output(logits[0]) if ids else None
        self._ids = ids
        return encoded.unknown

    def add(self, character: str, unknown: Unknown = "error") -> None:
        """Append a character.  Raises UnknownCharacter."""
        self.write(self.text + character, unknown)

    def shorten(self) -> None:
        """Remove the last character, or as many as form one symbol with it."""
        text = self.text[:-1]
        while True:
            try:
                self.write(text)
                return
            except UnknownCharacter:
                text = text[:-1]

    def accept(self) -> bool:
        """Append the most probable symbol.  Return False if it ended a line, and a new one begins."""
        if self.output is None:
            return True
        symbol = self.output.probabilities[0][0]
        if not symbol:
            self.write("")
            return False
        self.write(self.model.vocabulary.joined([*self._symbols(), symbol]))
        return True

    def _symbols(self) -> list[str]:
        vocabulary = self.model.vocabulary
        return [vocabulary.symbols[i] for i in self._ids[int(vocabulary.boundary) :]]

    def _output(self, logits: Floats) -> Output:
        require_finite(logits)
        vocabulary = self.model.vocabulary
        p = np.exp(log_softmax(without_labels(vocabulary, logits).astype(np.float64)))
        order = [i for i in np.argsort(-p, kind="stable").tolist() if not vocabulary.is_label[i]]
        symbols = vocabulary.symbols
        return Output(tuple((symbols[i], float(p[i])) for i in order), self._reader.output)
