"""The data of a run: the text as ids, in batches to train on, and its validation set."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError
from charseq.settings.train_settings import TrainSettings
from charseq.text.batches import Buckets, Windows
from charseq.text.conflicts import Predictability, predictability
from charseq.text.corpus import AnyCorpus
from charseq.text.encoding import EncodedCorpus, Machine
from charseq.text.overlap import overlap
from charseq.text.validation_split import EXACT_DRAW, Split, split
from charseq.text.vocabulary import Ids, Vocabulary
from charseq.training.evaluation import ValidationSet
from charseq.training.processes import ALONE, Processes

SHOWN_POSITIONS = 64
"""Positions of a longer text for which an epoch shows the prediction."""
COUNTED = 1 << 24
"""Symbols of a larger text that are counted, sampled evenly from it."""
COUNTED_PIECE = 1 << 14
"""Symbols of each sampled piece."""


class TrainingData:
    """The training strings, the sequences they are read as, and the validation set."""

    def __init__(
        self,
        corpus: AnyCorpus,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        processes: Processes = ALONE,
    ) -> None:
        """Encode and split a text, of which each of several processes reads a part of every batch."""
        self._settings, self._vocabulary = settings, vocabulary
        machine = (
            Machine(processes.local_rank == 0, processes.of_this_machine) if processes.are_several else None
        )
        self._encoded = EncodedCorpus(corpus, vocabulary, machine)
        self._is_lines = corpus.lines
        self.opening = vocabulary.decode(self._encoded.sequences[0][:1])
        """The first symbol of the text; empty for a text of lines."""
        exact = vocabulary.unit == "character" and vocabulary.normalization == "none" and processes.leads
        self.characters = corpus.characters if exact else self._encoded.size(lines=corpus.lines)
        """The length of the text, in symbols."""
        own_text = corpus.validation
        self._encoded_validation = EncodedCorpus(own_text, vocabulary, machine) if own_text else None
        if self._encoded_validation:
            own = self._encoded_validation.sequences
            self.split = Split(self._encoded.sequences, own, self._repeated(), corpus.lines, separate=True)
        else:
            self.split = _split(self._encoded, settings, lines=corpus.lines, labels=bool(vocabulary.labels))
        self.strings = self.split.training
        self.sequences: Sequence[Ids] = self.strings
        self.windows: Windows | Buckets
        self._window = settings.window
        if self._window:
            self.sequences = [part for ids in self.strings for part in self._window.cut(ids)]
        if corpus.lines:
            self.windows = Buckets(
                self.strings,
                settings.batch_size,
                settings.sequence_length,
                settings.seed,
                processes.part,
            )
        else:
            longest = max(map(len, self.sequences)) - 1
            length = min(settings.sequence_length, longest)
            self.windows = Windows(self.sequences, settings.batch_size, length, processes.part)
        self.validation = None
        if len(self.split.validation):
            self.validation = ValidationSet(self.split.validation, len(vocabulary), lines=corpus.lines)

    def validation_facts(self) -> dict[str, Any]:
        """Return the fields of the start event that describe the validation text."""
        held_out, shift = self.split.validation, self.split.shift(len(self._vocabulary))
        return {
            "training_characters": self.strings.total,
            "validation_characters": held_out.total,
            "validation_sequences": len(held_out),
            "validation_chooses": self.validation is not None and self.validation.chooses,
            "repeated_lines": self.split.repeated if self._settings.validates else self._repeated(),
            "shift": shift._asdict() if shift else None,
            "validation_overlap": self._overlap(),
            "validation_only": self._only_in_validation(),
        }

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of the text and of a separate validation text, by their names in a model file."""
        own = self._encoded_validation
        return {"sha256": self._encoded.digest, **({"validation_sha256": own.digest} if own else {})}

    def _repeated(self) -> int:
        """Return the number of lines that repeat an earlier one, where none of them is held out."""
        lines = self._encoded.sequences
        if not self._is_lines or len(lines) > EXACT_DRAW:
            return 0
        return len(lines) - len(np.unique(lines.hashes()))

    def _overlap(self) -> float | None:
        """Return the fraction of the validation text that the training text contains; None without one."""
        if self.validation is None:
            return None
        if self._is_lines and not self._encoded_validation:
            return 0.0  # equal lines are in one set
        return overlap(self.strings, self.split.validation, lines=self._is_lines)

    def _only_in_validation(self) -> tuple[str, ...]:
        """Return the symbols that only a validation text of its own has; none if the text is too large."""
        if not self._encoded_validation or self.strings.total > COUNTED:
            return ()
        known = np.zeros(len(self._vocabulary), np.bool_)
        known[np.unique(self._encoded.sequences.ids)] = True
        found = np.unique(self.split.validation.subsample(COUNTED).targets())
        return tuple(self._vocabulary.symbols[symbol] for symbol in found[~known[found]].tolist())

    def predictability(self, *, memory: bool) -> Predictability | None:
        """Return how well a network can predict a memorized text; None for longer text."""
        if not self._settings.whole:
            return None
        if self._window is None:
            return predictability(((ids, 0) for ids in self.strings), memory=memory)
        return predictability(
            (
                (part, self._window.own(number).start)
                for ids in self.strings
                for number, part in enumerate(self._window.cut(ids))
            ),
            memory=memory,
        )

    def release(self) -> None:
        """Release the memory of a large text that has been read."""
        self._encoded.release()
        if self._encoded_validation:
            self._encoded_validation.release()

    @property
    def label_counts(self) -> tuple[int, ...]:
        """The number of training strings of each label."""
        first = self.strings.ids[self.strings.starts.astype(np.int64)]
        counts = np.bincount(first, minlength=len(self._vocabulary))
        return tuple(counts[[*self._vocabulary.labels]].tolist()) if self._vocabulary.labels else ()

    @property
    def shown(self) -> list[Ids]:
        """Return the ids for which an epoch shows the prediction."""
        if self._settings.whole:
            return [*self.strings]
        return [(self.split.validation if self.validation else self.sequences)[0][: SHOWN_POSITIONS + 1]]

    def join_windows(self, predictions: Sequence[list[int]]) -> list[list[int]]:
        """Join the predictions of overlapping windows to those of the strings."""
        window = self._window
        if window is None:
            return list(predictions)
        parts = iter(predictions)
        return [window.joined([*islice(parts, sum(1 for _ in window.cut(ids)))]) for ids in self.strings]

    def accuracy(self, predictions: Sequence[list[int]]) -> float:
        """Return the fraction of the strings' positions that are predicted correctly."""
        pairs = list(zip(self.strings, predictions, strict=True))
        correct = sum(int((ids[1:] == predicted).sum()) for ids, predicted in pairs)
        return correct / sum(len(ids) - 1 for ids in self.strings)

    def log_frequencies(self, vocabulary_size: int) -> npt.NDArray[np.float32]:
        """Return the logarithm of each symbol's frequency as a target [V], centered on 0."""
        frequencies = np.log(self.counts(vocabulary_size) + 0.5)
        return np.asarray(frequencies - frequencies.mean(), np.float32)

    def counts(self, vocabulary_size: int) -> npt.NDArray[np.int64]:
        """Return how often each symbol is a target [V]; of a large text, a sample is counted."""
        counted = self.strings.cut(COUNTED_PIECE).subsample(COUNTED).targets()
        return np.bincount(counted, minlength=vocabulary_size)


def _split(encoded: EncodedCorpus, settings: TrainSettings, *, lines: bool, labels: bool) -> Split:
    """Split the text.  Raises TextError if it is too short for the fraction to hold out."""
    fraction = settings.validation
    found = split(
        encoded.sequences,
        fraction,
        settings.validation_split,
        lines=lines,
        seed=settings.seed,
        ranks=encoded.ranks(),
        labels=labels,
    )
    nothing_left = not len(found.training)
    if nothing_left or (fraction and not len(found.validation) and not (lines and found.repeated)):
        raise TextError(
            f"--validation {fraction:g} of this text leaves fewer than 2 characters "
            f"{'to train on' if nothing_left else 'to hold out'}",
            hint="use another fraction, a longer text, or --validation 0",
        )
    return found
