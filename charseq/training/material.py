"""What a run reads: the text as ids, in windows to learn from and windows held out."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from charseq.batches import Buckets, Windows, overlapping, spliced
from charseq.corpus import AnyCorpus
from charseq.encoded import Encoded, Lines
from charseq.settings import TrainSettings
from charseq.vocabulary import Ids, Vocabulary

SHOWN_PLACES = 64
"""How much of a longer text the prediction of an epoch shows."""
VALIDATION_STEPS = 256
VALIDATION_ROWS = 64
VALIDATION_PLACES = 1 << 17
"""How much of a larger held-out part is measured, evenly spaced over it."""
COUNTED = 1 << 20
COUNTED_PIECES = 64
"""Pieces of a larger text, evenly spaced, whose symbols are counted."""


class Material:
    """The strings to learn, the sequences they are read as, and what is held out."""

    def __init__(self, corpus: AnyCorpus, vocabulary: Vocabulary, settings: TrainSettings) -> None:
        self._settings = settings
        self._encoded = Encoded(corpus, vocabulary)
        self.strings, self._held_out = self._encoded.split(settings.validation)
        self.digest = self._encoded.digest
        self.sequences = self.strings
        if settings.stride:
            self.sequences = [window for ids in self.strings for window in self._overlapping(ids)]
        self.windows: Windows | Buckets
        if isinstance(self.sequences, Lines):
            self.windows = Buckets(
                self.sequences, settings.batch_size, settings.sequence_length, settings.seed
            )
        else:
            self.windows = _windows(self.sequences, settings.batch_size, settings.sequence_length)
        self.held_out = self._validation_windows() if len(self._held_out) else None

    def release(self) -> None:
        """Give back the memory of what has been read of a large text."""
        self._encoded.release()

    @property
    def shown(self) -> list[Ids]:
        """The ids that the prediction of an epoch is shown for."""
        if self._settings.whole:
            return [*self.strings]
        return [(self._held_out if self.held_out else self.sequences)[0][: SHOWN_PLACES + 1]]

    def of_strings(self, predictions: Sequence[list[int]]) -> list[list[int]]:
        """Predictions of the sequences -> predictions of the strings: overlapping windows are spliced."""
        if not self._settings.stride:
            return list(predictions)
        windows = iter(predictions)
        return [
            spliced(list(islice(windows, len(self._overlapping(ids)))), len(ids) - 1, self._settings.stride)
            for ids in self.strings
        ]

    def accuracy(self, predictions: Sequence[list[int]]) -> float:
        """The part of the strings' places that are predicted right."""
        pairs = list(zip(self.strings, predictions, strict=True))
        right = sum(int((ids[1:] == predicted).sum()) for ids, predicted in pairs)
        return right / sum(len(ids) - 1 for ids in self.strings)

    def log_frequencies(self, vocabulary_size: int) -> npt.NDArray[np.float32]:
        """The logarithm of how often each symbol is to be predicted [V], its mean taken away."""
        counts = sum(np.bincount(ids, minlength=vocabulary_size) for ids in self._targets())
        frequencies = np.log(counts + 0.5)
        return np.asarray(frequencies - frequencies.mean(), np.float32)

    def _targets(self) -> Iterator[Ids]:
        """What is to be predicted, a piece at a time; of large text, evenly spaced pieces."""
        strings = self.strings
        joined = [strings.joined] if isinstance(strings, Lines) else strings
        step = COUNTED * max(1, sum(map(len, joined)) // COUNTED // COUNTED_PIECES)
        for ids in joined:
            for start in range(1, len(ids), step):
                yield ids[start : start + COUNTED]

    def _validation_windows(self) -> Windows:
        """The held-out part, or enough of it, in as many rows as still let most places look far back."""
        held_out = _thinned(self._held_out)
        rows = max(len(held_out), 1 + sum(map(len, held_out)) // 512)
        return _windows(held_out, min(VALIDATION_ROWS, rows), VALIDATION_STEPS)

    def _overlapping(self, ids: Ids) -> list[Ids]:
        return overlapping(ids, self._settings.sequence_length, self._settings.stride)


def _windows(sequences: Sequence[Ids], batch_size: int, sequence_length: int) -> Windows:
    return Windows(sequences, batch_size, min(sequence_length, max(map(len, sequences)) - 1))


def _thinned(held_out: Sequence[Ids]) -> list[Ids]:
    """Of a large held-out part evenly spaced lines, or stretches of it; of any other all."""
    lines = isinstance(held_out, Lines)
    places = len(held_out.joined) if isinstance(held_out, Lines) else sum(map(len, held_out))
    if places <= VALIDATION_PLACES:
        return [*held_out]
    step = -(-places // VALIDATION_PLACES)
    if lines:
        return [held_out[i] for i in range(0, len(held_out), step)]
    stretch = VALIDATION_PLACES // VALIDATION_ROWS
    found = []
    start = 0
    for ids in held_out:
        while start < len(ids) - 1:
            found.append(ids[start : start + stretch + 1])
            start += stretch * step
        start -= len(ids) - 1
    return found
