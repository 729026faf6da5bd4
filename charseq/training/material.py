"""What a run reads: the text as ids, in windows to learn from and windows held out."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from charseq.batches import Buckets, Windows, overlapping, spliced
from charseq.corpus import Corpus
from charseq.errors import TextError
from charseq.settings import TrainSettings
from charseq.vocabulary import Ids, Vocabulary

SHOWN_PLACES = 64
"""How much of a longer text the prediction of an epoch shows."""
VALIDATION_STEPS = 256
VALIDATION_ROWS = 64


class Material:
    """The strings to learn, the sequences they are read as, and what is held out."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, settings: TrainSettings) -> None:
        learned, held_out = corpus.split(settings.validation)
        self._settings = settings
        self.strings = self.sequences = _encoded(learned, vocabulary)
        if settings.stride:
            self.sequences = [window for ids in self.strings for window in self._overlapping(ids)]
        self.windows: Windows | Buckets
        if corpus.lines:
            self.windows = Buckets(
                self.sequences, settings.batch_size, settings.sequence_length, settings.seed
            )
        else:
            self.windows = _windows(self.sequences, settings.batch_size, settings.sequence_length)
        self._held_out = _encoded(held_out, vocabulary) if held_out else []
        self.held_out = self._validation_windows() if held_out else None

    @property
    def shown(self) -> list[Ids]:
        """The ids that the prediction of an epoch is shown for."""
        if self._settings.whole:
            return self.strings
        return [(self._held_out or self.sequences)[0][: SHOWN_PLACES + 1]]

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
        counts = sum(np.bincount(ids[1:], minlength=vocabulary_size) for ids in self.strings)
        frequencies = np.log(counts + 0.5)
        return np.asarray(frequencies - frequencies.mean(), np.float32)

    def _validation_windows(self) -> Windows:
        """The held-out part in as many rows as still let most places look far back."""
        rows = max(len(self._held_out), 1 + sum(map(len, self._held_out)) // 512)
        return _windows(self._held_out, min(VALIDATION_ROWS, rows), VALIDATION_STEPS)

    def _overlapping(self, ids: Ids) -> list[Ids]:
        return overlapping(ids, self._settings.sequence_length, self._settings.stride)


def _encoded(corpus: Corpus, vocabulary: Vocabulary) -> list[Ids]:
    """Each string of two symbols or more as ids; a line is enclosed in boundaries."""
    sequences = [vocabulary.encode(text) for text in corpus.sequences]
    if vocabulary.boundary:
        edge = np.zeros(1, sequences[0].dtype)
        sequences = [np.concatenate([edge, ids, edge]) for ids in sequences]
    found = [ids for ids in sequences if len(ids) >= 2]
    if not found:
        raise TextError(
            f"the text has no string of 2 {vocabulary.unit}s or more; training needs at least 2",
            hint="pass a longer --text, or a --file",
        )
    return found


def _windows(sequences: Sequence[Ids], batch_size: int, sequence_length: int) -> Windows:
    return Windows(sequences, batch_size, min(sequence_length, max(map(len, sequences)) - 1))
