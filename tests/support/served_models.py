"""Models of every kind that a server may have, built without training."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from charseq.model.mixture import Gate, Mixture
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.ngram_counting import count_ngrams
from charseq.model.numpy_ops import SeededDraw
from charseq.text.corpus import Corpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.units import Unit
from charseq.text.vocabulary import Vocabulary
from tests.support.labeled import labeled_model

TEXT = "the cat sat on the mat, and the dog sat on the log. é 한\n" * 3


def drawn(vocabulary: Vocabulary, cell: str = "gru", hidden: int = 13, scale: float = 3.0) -> Model:
    """Return an untrained model with large weights, so that its distributions are not flat."""
    network = Network(cell, len(vocabulary), hidden_size=hidden)
    small = network.draw(SeededDraw(7))
    arrays = {name: np.asarray(scale * array, np.float32) for name, array in small.items()}
    return Model(network, vocabulary, arrays, opening="t")


def plain(cell: str = "gru", unit: Unit = "character") -> Model:
    """Return a model of running text."""
    return drawn(Vocabulary.of([TEXT], unit=unit), cell)


def mixed() -> Model:
    """Return a model of running text with an n-gram model."""
    model = plain()
    sequences = EncodedCorpus(Corpus((TEXT,)), model.vocabulary).sequences
    ngram = count_ngrams(sequences, 5, len(model.vocabulary), lines=False).model(5)
    return replace(model, mixture=Mixture(ngram, Gate.constant(5, 13, 0.4)))


def lines() -> Model:
    """Return a model of lines."""
    return drawn(Vocabulary.of(["annabelbertclara"], boundary=True), scale=1.0)


def windowed() -> Model:
    """Return a model that was trained with --stride."""
    return replace(plain(), training={"settings": {"sequence_length": 7, "stride": 3}})


MODELS: dict[str, Callable[[], Model]] = {
    "plain": plain,
    "bytes": lambda: plain(unit="byte"),
    "graphemes": lambda: plain(unit="grapheme"),
    "n-gram": mixed,
    "lines": lines,
    "labels": labeled_model,
    "stride": windowed,
}
"""Models by kind."""
PROMPTS = {"lines": ["", "an", "bert"], "labels": ["", "ab", "c"]}
"""Prompts for kinds that do not know TEXT."""


def prompts_of(kind: str) -> list[str]:
    """Return prompts for a kind of model."""
    return PROMPTS.get(kind, ["", "the cat", "é 한\nthe dog sat on the mat, and "])
