"""What a trained network thinks while a text is typed."""

from typing import NamedTuple

import numpy as np

from charseq.errors import UnknownCharacter
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.sliding_stepper import reader_for
from charseq.text.units import Unknown


class Mind(NamedTuple):
    """What the network expects after a text, and what its last layer holds."""

    likeliest: tuple[tuple[str, float], ...]
    """Symbols with their probabilities, the likeliest first; the end of a line is an empty one."""
    h: Floats
    """The output [H] of the last layer's cell."""


class Explorer:
    """A text that grows and shrinks, and a network that has read it."""

    def __init__(self, model: Model) -> None:
        self.model, self.text = model, ""
        self.mind: Mind | None = None
        """None before the first symbol, where lines were not learned."""
        self._read: list[int] = []
        self._reader = reader_for(model)
        self.write("")

    def write(self, text: str, unknown: Unknown = "error") -> int:
        """Replace the text, and return the number of unknown symbols that were skipped or replaced.

        Raises UnknownCharacter, and then keeps the text as it was.
        """
        encoded = self.model.vocabulary.encode_text(text, unknown=unknown, begin=True)
        ids = encoded.ids.tolist()
        self.text = encoded.text
        if ids[: len(self._read)] != self._read or len(ids) == len(self._read):  # nothing to go on with
            self._reader, self._read = reader_for(self.model), []
        if not ids:
            self.mind = None
        for symbol in ids[len(self._read) :]:
            logits = self._reader.read(np.array([symbol]))
        if ids:
            self.mind = self._thought(logits[0])
        self._read = ids
        return encoded.unknown

    def add(self, character: str, unknown: Unknown = "error") -> None:
        """Append a character.  Raises UnknownCharacter."""
        self.write(self.text + character, unknown)

    def shorten(self) -> None:
        """Take the last character away, or as many as make one symbol with it."""
        text = self.text[:-1]
        while True:
            try:
                self.write(text)
                return
            except UnknownCharacter:
                text = text[:-1]

    def accept(self) -> bool:
        """Write the likeliest symbol.  Returns False where that ended a line, and a new one begins."""
        if self.mind is None:
            return True
        symbol = self.mind.likeliest[0][0]
        if not symbol:
            self.write("")
            return False
        self.write(self.model.vocabulary.joined([*self._symbols(), symbol]))
        return True

    def _symbols(self) -> list[str]:
        vocabulary = self.model.vocabulary
        return [vocabulary.symbols[i] for i in self._read[int(vocabulary.boundary) :]]

    def _thought(self, logits: Floats) -> Mind:
        require_finite(logits)
        p = np.exp(log_softmax(logits.astype(np.float64)))
        order = np.argsort(-p, kind="stable").tolist()
        symbols = self.model.vocabulary.symbols
        return Mind(tuple((symbols[i], float(p[i])) for i in order), self._reader.output)
